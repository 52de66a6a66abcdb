"""Values that are frozen for the type checker."""

from dataclasses import replace

import pytest

from getapi.core.source import Digest


def test_equal_values_are_one_in_a_set_and_replaced_ones_are_others() -> None:
    digest = Digest(algorithm="md5", value="0")
    assert len({digest, Digest(algorithm="md5", value="0"), replace(digest, value="1")}) == 2


def test_a_value_has_no_room_for_more() -> None:
    with pytest.raises(AttributeError):
        Digest(algorithm="md5", value="0").note = ""  # type: ignore[attr-defined]


def test_fields_are_named() -> None:
    with pytest.raises(TypeError):
        Digest("md5", "0")  # type: ignore[call-arg]
