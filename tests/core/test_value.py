"""Values that are frozen for the type checker."""

from dataclasses import asdict, field, fields, replace
from typing import Any

import pytest

from getapi.core.paths import Placed
from getapi.core.selection import Pick
from getapi.core.source import DatastreamRecord, Digest
from getapi.core.value import maker, value


def test_equal_values_are_one_in_a_set_and_replaced_ones_are_others() -> None:
    digest = Digest(algorithm="md5", value="0")
    assert len({digest, Digest(algorithm="md5", value="0"), replace(digest, value="1")}) == 2


def test_a_value_has_no_room_for_more() -> None:
    with pytest.raises(AttributeError):
        Digest(algorithm="md5", value="0").note = ""  # type: ignore[attr-defined]


def test_fields_are_named() -> None:
    with pytest.raises(TypeError):
        Digest("md5", "0")  # type: ignore[call-arg]


def test_a_maker_makes_what_the_class_makes() -> None:
    make = maker(DatastreamRecord)
    assert make(pid="a:1", dsid="DC", version="DC.0") == DatastreamRecord(pid="a:1", dsid="DC", version="DC.0")
    facts = {each.name: each.name for each in fields(DatastreamRecord)}
    assert make(**facts) == DatastreamRecord(**facts)  # type: ignore[arg-type] # whatever the values are
    assert asdict(make(**facts)) == facts  # type: ignore[arg-type]
    assert type(make(pid="a:1", dsid="DC", version="DC.0")) is DatastreamRecord


def test_what_is_made_keeps_findings_of_its_own() -> None:
    datastream = DatastreamRecord(pid="a:1", dsid="DC", version="DC.0")
    made = [maker(Pick)(repository="main", datastream=datastream) for _ in range(2)]
    assert made[0] == made[1] == Pick(repository="main", datastream=datastream)
    assert made[0].key == ("a:1", "DC")
    assert made[0].derive("what", None, str, "found") == "found"
    assert (made[0].findings is None, made[1].findings) == (False, None)


def test_a_maker_makes_generic_values() -> None:
    assert maker(Placed[str])(key="a", path="data/a") == Placed(key="a", path="data/a")


@pytest.mark.parametrize("facts", [{}, {"algorithm": "md5"}, {"algorithm": "md5", "value": "0", "more": 1}])
def test_a_maker_takes_no_other_names_than_the_class(facts: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        maker(Digest)(**facts)
    with pytest.raises(TypeError):
        maker(Digest)("md5", "0")  # type: ignore[call-arg]


def test_classes_that_do_more_than_to_take_what_is_given_have_no_maker() -> None:
    @value(frozen=True, slots=True, kw_only=True)
    class Listing:
        names: list[str] = field(default_factory=list)

    with pytest.raises(TypeError, match="default_factory"):
        maker(Listing)

    @value(frozen=True, slots=True, kw_only=True)
    class Pair:
        one: str
        both: str = field(init=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "both", self.one * 2)

    with pytest.raises(TypeError, match="__post_init__"):
        maker(Pair)


def test_what_cannot_be_given_has_its_default() -> None:
    @value(frozen=True, slots=True, kw_only=True)
    class Count:
        name: str
        seen: int = field(default=3, init=False)

    assert maker(Count)(name="a") == Count(name="a")
    assert maker(Count)(name="a").seen == 3
