"""Notices in plain words."""

from typing import Any

import pytest

from getapi.core.notice import NoticeCode
from getapi.pages.moments import moment, spell_out
from getapi.pages.omissions import _KINDS, group


def notice(code: str, text: str = "No such object", pid: str = "x:1", dsid: str = "") -> dict[str, Any]:
    return {"pid": pid, "dsid": dsid, "code": code, "text": text}


def test_every_code_has_its_words_and_no_other() -> None:
    assert sorted(_KINDS) == sorted(NoticeCode)


@pytest.mark.parametrize("code", list(NoticeCode))
def test_one_and_many_are_said_differently(code: str) -> None:
    (one,), (many,) = group([notice(code)]), group([notice(code, pid=f"x:{n}") for n in range(3)])
    assert one.title.startswith("1 ")
    assert many.title.startswith("3 ")
    assert one.title[2:] != many.title[2:]
    assert one.advice
    assert len(many.items) == 3


def test_a_sentence_that_all_share_is_said_once() -> None:
    same, differing = (
        group([notice("embargoed", "Closed until 2099-12-31", dsid=d) for d in "ab"]),
        group([notice("embargoed", f"Closed until 209{n}-12-31") for n in range(2)]),
    )
    assert same[0].text == "Closed until 31 December 2099"
    assert [item.name for item in same[0].items] == ["x:1/a", "x:1/b"]
    assert (differing[0].text, differing[0].items[1].text) == ("", "Closed until 31 December 2091")


def test_a_code_of_a_later_time_is_told_last_as_it_is() -> None:
    found = group([notice("quarantined", "In quarantine"), notice("renamed", "a is b")])
    assert [(each.code, each.is_missing) for each in found] == [("renamed", False), ("quarantined", True)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-11-21T03:02:14Z", "21 November 2026, 03:02 UTC"),
        ("2099-12-31", "31 December 2099"),
        ("9999-12-31T23:59:59+00:00", "31 December 9999, 23:59 UTC"),
        ("2026-13-45", "2026-13-45"),
        ("soon", "soon"),
    ],
)
def test_moments_are_written_out(text: str, said: str) -> None:
    assert moment(text) == said


def test_names_that_look_like_days_are_left_alone() -> None:
    assert (
        spell_out("report-2020-01-01.pdf is in the package as 2020-01-01_a")
        == "report-1 January 2020.pdf is in the package as 2020-01-01_a"
    )
