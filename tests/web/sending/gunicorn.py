"""The product's configuration of gunicorn with times that a test can wait for."""

import os

from packaging_service import gunicorn as product
from packaging_service.gunicorn import *  # noqa: F403 # gunicorn reads settings from module globals

product.RECEIVE_TIMEOUT = int(os.environ.get("RECEIVE_TIMEOUT", "10"))
workers = int(os.environ.get("WORKERS", "2"))
graceful_timeout = int(os.environ.get("GRACEFUL_TIMEOUT", "30"))
