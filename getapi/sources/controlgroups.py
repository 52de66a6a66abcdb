"""How a datastream is opened, by who keeps its bytes."""

from collections.abc import Callable

from getapi.core.errors import ContentMissing
from getapi.core.source import Content, ControlGroup, DatastreamRecord
from getapi.sources.content import BytesContent
from getapi.sources.external import ExternalHosts

Managed = Callable[[DatastreamRecord, int], Content]
Inline = Callable[[DatastreamRecord], bytes]


def _none(datastream: DatastreamRecord) -> bytes:
    raise ContentMissing(datastream.pid, datastream.dsid)


def open_by_group(
    datastream: DatastreamRecord, start: int, *, external: ExternalHosts, managed: Managed, inline: Inline = _none
) -> Content:
    """A redirect, and what has a fault, is never opened: ContentMissing. Without ``inline`` nothing lies in its object's description."""
    group = datastream.control_group
    if datastream.fault is not None or group is ControlGroup.REDIRECT:
        raise ContentMissing(datastream.pid, datastream.dsid)
    if group is ControlGroup.EXTERNAL:
        return external.open(datastream, start)
    if group is ControlGroup.INLINE:
        return BytesContent(inline(datastream), datastream, start=start)
    return managed(datastream, start)
