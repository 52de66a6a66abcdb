"""Rows and constraints, no behaviour; only services and the admin site touch them."""

from getapi.models.deliveries import Delivery, Download, ZipDownload
from getapi.models.keys import FailureCount, ForwardingSighting, Key, KeyNetwork
from getapi.models.packages import Announcement, Job, Package, StagedMember
from getapi.models.stores import Fixity, FixityRevision, IndexedPath, IndexScan

__all__ = [
    "Announcement",
    "Delivery",
    "Download",
    "FailureCount",
    "Fixity",
    "FixityRevision",
    "ForwardingSighting",
    "IndexScan",
    "IndexedPath",
    "Job",
    "Key",
    "KeyNetwork",
    "Package",
    "StagedMember",
    "ZipDownload",
]
