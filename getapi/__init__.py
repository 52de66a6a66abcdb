"""The packaging service: many datastreams of many objects leave as one verifiable package."""

__version__ = "0.1.0"
