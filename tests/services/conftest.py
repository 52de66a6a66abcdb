"""What the services write in a thread of their own they write here at once, in the test's own transaction."""

from collections.abc import Iterator

import pytest

from getapi.services.recorder import recorder
from getapi.services.rounds import rounds


@pytest.fixture(autouse=True)
def _at_once() -> Iterator[None]:
    rounds.in_background = False
    yield
    recorder.reset()
    rounds.in_background = True
