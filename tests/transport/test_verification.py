import hashlib

from hypothesis import given
from hypothesis import strategies as st

from getapi.core.source import Digest
from getapi.transport.verification import Verification

ALGORITHMS = ("md5", "sha1", "sha256", "sha384", "sha512")


def digest(algorithm: str, octets: bytes) -> Digest:
    return Digest(algorithm=algorithm, value=hashlib.new(algorithm, octets).hexdigest())


@given(parts=st.lists(st.binary(max_size=50)), algorithms=st.sets(st.sampled_from(ALGORITHMS)), learn=st.sampled_from((*ALGORITHMS, None)))
def test_digests_are_those_of_all_parts_together(parts: list[bytes], algorithms: set[str], learn: str | None) -> None:
    octets = b"".join(parts)
    verification = Verification([digest(algorithm, octets) for algorithm in algorithms], learn=learn)
    for part in parts:
        verification.update(part)
    assert verification.is_needed == bool(algorithms or learn)
    assert verification.mismatch() is None
    assert verification.learned() == (None if learn is None else hashlib.new(learn, octets).hexdigest())


def test_the_algorithm_that_differs_is_named() -> None:
    verification = Verification([digest("md5", b"right"), digest("sha1", b"wrong")], learn="sha256")
    verification.update(b"right")
    assert verification.mismatch() == "sha1"


def test_two_digests_of_one_algorithm_must_both_hold() -> None:
    verification = Verification([digest("md5", b"right"), digest("md5", b"wrong")])
    verification.update(b"right")
    assert verification.mismatch() == "md5"
