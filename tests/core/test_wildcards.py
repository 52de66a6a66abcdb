from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.wildcards import any_of

WORDS = st.text(alphabet="ab*?[]!-.|(\n", max_size=6)


def test_no_pattern_means_nothing() -> None:
    assert not any_of(()).match("")
    assert not any_of([]).match("dc")


@pytest.mark.parametrize(("pattern", "name"), [("ARCH*", "arch1"), ("Dc", "dc"), ("a|b", "a|b"), ("*", "")])
def test_patterns_are_read_without_regard_to_case_and_as_a_shell_reads_them(pattern: str, name: str) -> None:
    assert any_of([pattern]).match(name)


@given(st.lists(WORDS, max_size=3), WORDS)
def test_it_matches_what_one_of_the_patterns_matches(patterns: list[str], name: str) -> None:
    assert bool(any_of(patterns).match(name)) == any(fnmatchcase(name, pattern) for pattern in patterns)
