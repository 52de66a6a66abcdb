"""The project's own settings on an empty configuration: what lies on a developer's machine must not decide a test."""

import os

os.environ["PACKAGING_CONFIG"] = os.devnull
os.environ["PACKAGING_SECRET_KEY"] = "the key that signs nothing but tests"
for _name in ("PACKAGING_DATABASE", "PACKAGING_SECRET_KEY_FALLBACKS"):
    os.environ.pop(_name, None)

from packaging_service.settings import *  # noqa: E402, F403 # the environment comes first; Django reads settings from module globals
