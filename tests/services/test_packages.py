"""What a request may name, by the limits of the service and of its repositories."""

import pytest

from getapi.core.errors import RequestTooLong, TooManyFiles
from getapi.services import packages
from tests.conftest import Configure

REPOSITORY = """
[[repositories]]
name = "{name}"
type = "fedora3"
objects = "objects"
datastreams = "datastreams"
limits = {{ files = {files} }}
"""


def entries(count: int) -> str:
    return ";".join(f"x:{number}" for number in range(count))


def test_more_entries_than_the_limit_are_refused_before_any_lookup(configure: Configure) -> None:
    configure("limits.files = 3")
    assert len(packages.read_request(files=entries(3), maps=None).references) == 3
    with pytest.raises(TooManyFiles):
        packages.read_request(files=entries(4), maps=None)


def test_a_repository_with_a_wider_limit_may_be_asked_for_more(configure: Configure) -> None:
    configure("limits.files = 3\n" + REPOSITORY.format(name="wide", files=5) + REPOSITORY.format(name="narrow", files=1))
    assert len(packages.read_request(files=entries(5), maps=None).references) == 5
    with pytest.raises(TooManyFiles):
        packages.read_request(files=entries(6), maps=None)


def test_a_request_that_is_too_long_is_refused(configure: Configure) -> None:
    configure('limits.request_text = "1 KiB"')
    with pytest.raises(RequestTooLong):
        packages.read_request(files=";" * 1025, maps=None)
