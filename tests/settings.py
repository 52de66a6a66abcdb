"""The project's own settings on an empty configuration: what lies on a developer's machine must not decide a test.

``PACKAGING_TEST_DATABASE=postgresql``: on a PostgreSQL of this run's own, where its programs are there.
"""

import os

from tests import postgresql

os.environ["PACKAGING_CONFIG"] = os.devnull
os.environ["PACKAGING_SECRET_KEY"] = "the key that signs nothing but tests"
for _name in ("PACKAGING_DATABASE", "PACKAGING_SECRET_KEY_FALLBACKS"):
    os.environ.pop(_name, None)
_address = postgresql.shared() if os.environ.get(postgresql.VARIABLE) == "postgresql" else None
if _address is not None:
    os.environ["PACKAGING_DATABASE"] = _address  # the environment comes first; Django reads settings from module globals

from packaging_service.settings import *  # noqa: E402, F403 # as above

os.environ.pop("PACKAGING_DATABASE", None)  # services that tests start have databases of their own (tests.web.server)
