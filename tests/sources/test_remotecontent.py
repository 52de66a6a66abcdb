"""Bodies that stop coming."""

import pytest
from urllib3.exceptions import HTTPError, IncompleteRead, ReadTimeoutError

from getapi.core.errors import ContentChanged, PackagingError, SourceUnavailable
from getapi.core.source import DatastreamRecord
from getapi.sources.remotecontent import RemoteContent

ITSELF = DatastreamRecord(pid="demo:5", dsid="EXT", version="EXT.0")


class Failing:
    """A body that fails when it is read."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def read(self, amt: int | None = None, decode_content: bool | None = None) -> bytes:
        raise self.error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (IncompleteRead(1, 2), ContentChanged),
        (ReadTimeoutError(None, "/", "timed out"), SourceUnavailable),  # type: ignore[arg-type] # the pool is only for its text
        (HTTPError("any"), SourceUnavailable),
        (ConnectionResetError(), SourceUnavailable),
    ],
)
def test_a_failure_on_the_way_is_the_repositorys_and_a_short_body_a_change(error: Exception, expected: type[PackagingError]) -> None:
    content = RemoteContent(Failing(error), ITSELF, repository="main", size=9, start=0, skip=0, release=lambda: None)
    with pytest.raises(expected):
        content.read(5)
    assert content.read(0) == b""
