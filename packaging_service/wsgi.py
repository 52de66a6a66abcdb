"""What a WSGI server runs."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "packaging_service.settings")
_django = get_wsgi_application()

from getapi.middleware import forget_head, read_content_type  # noqa: E402 # once Django is set up

application = forget_head(read_content_type(_django))

# What is loaded by now stays. Planning makes many objects, and whenever the garbage collector looked through all of them it looked through
# these too: a fifth of the time of a package that is planned for the first time.
gc.collect()
gc.freeze()

# A first planning makes some thirty lasting objects for each of a thousand that are asked for: to look through the youngest after every
# 700, as Python does, takes a sixteenth of its time. What requests, forgotten objects and objects that cannot be read leave behind knows
# nothing of itself, and is freed without the collector (tests/core/test_derived.py, tests/web/test_forgetting.py).
gc.set_threshold(10_000)
