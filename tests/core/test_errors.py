import inspect
from datetime import UTC, date, datetime
from typing import Any

import pytest

from getapi.core import errors
from getapi.core.errors import PackagingError

SAMPLES: dict[str, Any] = {
    "which": "limits.concurrent",
    "name": "files",
    "names": "files",
    "why": "it is empty",
    "retry_after": 30,
    "what": "files",
    "limit": 3,
    "count": 4,
    "pid": "x:1",
    "dsid": "A",
    "repository": "fedora",
    "algorithm": "md5",
    "sentence": "It cannot be done",
    "until": date(2999, 1, 31),
    "cause": "too-many-bytes",
    "progress": 40,
    "attempts": 3,
}

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, PackagingError) and kind is not PackagingError]


def make(kind: type[PackagingError]) -> PackagingError:
    positional, named = [], {}
    for name, parameter in list(inspect.signature(kind.__init__).parameters.items())[1:]:
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            named[name] = SAMPLES[name]
        elif parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            positional.append(SAMPLES[name])
    return kind(*positional, **named)


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_has_a_sentence_for_readers_and_facts_that_json_can_carry(kind: type[PackagingError]) -> None:
    error = make(kind)
    assert str(error) == error.sentence
    assert error.sentence[0].isupper()
    assert all(isinstance(fact, int | str) for fact in error.facts.values())


def test_codes_are_words_and_no_two_kinds_share_one() -> None:
    codes = [kind.code for kind in KINDS]
    assert len(set(codes)) == len(codes)
    assert all(code.replace("-", "").isalpha() and code == code.lower() for code in codes)


def test_a_limit_tells_itself_and_the_count() -> None:
    assert errors.TooManyFiles(limit=1000, count=1001).facts == {"limit": 1000, "count": 1001}
    assert "1001 files" in errors.TooManyFiles(limit=1000, count=1001).sentence


def test_a_refusal_tells_the_date_where_there_is_one() -> None:
    assert errors.DatastreamRefused("Closed").facts == {}
    assert errors.DatastreamRefused("Closed", date(2999, 1, 31)).facts == {"until": "2999-01-31"}
    assert errors.DatastreamRefused("Closed", datetime(2999, 1, 31, tzinfo=UTC)).facts == {"until": "2999-01-31T00:00:00Z"}


@pytest.mark.parametrize(("cause", "system"), [(OSError(5, "Input/output error"), "Input/output error"), (OSError(), ""), (None, "")])
def test_what_the_system_said_is_told_beside_the_sentence(cause: OSError | None, system: str) -> None:
    error = errors.SourceUnavailable("main")
    error.__cause__ = cause
    assert error.system == system
    assert error.in_full == (f"{error.sentence} ({system})" if system else error.sentence)
