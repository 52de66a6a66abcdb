"""The product's settings, in processes whose disk fails when a test says so."""

from packaging_service.settings import *  # noqa: F403 # Django reads settings from module globals
from tests.web.resume.failing import install

install()
