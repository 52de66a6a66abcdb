"""The product's settings, in processes whose external hosts are on loopback (``elsewhere``)."""

from packaging_service.settings import *  # noqa: F403 # Django reads settings from module globals
from tests.web.preparing.elsewhere import lead_here

lead_here()
