"""What our strict reader makes of a ZIP."""

import pytest

from getapi.core.archive import ArchiveRefused
from getapi.core.zipreader import ZipReader
from tests.core.archives import Pieces


def read(data: bytes) -> list[tuple[str, bool, bytes]]:
    """Each member's path, whether it is a directory, and its octets; all of the archive was looked at then."""
    reader = ZipReader(Pieces(data))
    found = [(member.path, member.directory, b"".join(reader.content())) for member in reader]
    assert reader.position == len(data)
    return found


def refusal(data: bytes) -> ArchiveRefused:
    with pytest.raises(ArchiveRefused) as caught:
        read(data)
    return caught.value
