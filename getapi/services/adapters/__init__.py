"""Which adapter serves which type of repository: the module here that is named for the type, and no other place.

A type's module holds ``ADAPTER``. It is imported when a repository of its type is configured, and not before.
"""

from getapi.services.adapters.adapter import Adapter, Remark, adapter_of

__all__ = ["Adapter", "Remark", "adapter_of"]
