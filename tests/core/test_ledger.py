from dataclasses import replace
from datetime import UTC, datetime

import pytest

from getapi.core.ledger import Examination
from getapi.core.source import Digest
from tests.core.fakes import managed

RECORD = managed("x:1", "A", b"image", digests=(Digest(algorithm="md5", value="aa"),))
SOUND = Examination(
    identity=RECORD.identity, size=5, digests={"md5": "aa", "sha256": "bb"}, verified=datetime(2026, 11, 20, tzinfo=UTC)
)  # fmt: skip


def test_a_sound_reading_of_the_same_bytes_vouches_for_them() -> None:
    assert SOUND.vouches_for(RECORD)
    assert SOUND.vouches_for(replace(RECORD, digests=()))


@pytest.mark.parametrize(
    "other",
    [
        replace(SOUND, mismatch="md5"),
        replace(SOUND, identity="5-2-1"),
        replace(SOUND, digests={"md5": "ab", "sha256": "bb"}),
        replace(SOUND, digests={"sha256": "bb"}),
    ],
    ids=["a mismatch", "another file", "another digest", "a declared digest that was not compared"],
)
def test_anything_else_vouches_for_nothing(other: Examination) -> None:
    assert not other.vouches_for(RECORD)
