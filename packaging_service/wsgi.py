"""What a WSGI server runs."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "packaging_service.settings")
_django = get_wsgi_application()

from getapi.middleware import read_content_type  # noqa: E402 # once Django is set up

application = read_content_type(_django)
