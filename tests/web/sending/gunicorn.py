"""The product's configuration of gunicorn with times that a test can wait for."""

import os

from packaging_service import worker
from packaging_service.gunicorn import *  # noqa: F403 # gunicorn reads settings from module globals

worker.READ_TIMEOUT = float(os.environ.get("READ_TIMEOUT", worker.READ_TIMEOUT))
worker.REQUEST_TIMEOUT = float(os.environ.get("REQUEST_TIMEOUT", worker.REQUEST_TIMEOUT))
worker.ANSWER_TIMEOUT = float(os.environ.get("ANSWER_TIMEOUT", worker.ANSWER_TIMEOUT))
workers = int(os.environ.get("WORKERS", "2"))
graceful_timeout = int(os.environ.get("GRACEFUL_TIMEOUT", "30"))
