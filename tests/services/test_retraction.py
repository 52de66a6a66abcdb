"""A package of which nobody was told does not stay, wherever its request failed and whatever the database does meanwhile."""

from datetime import UTC, datetime

import pytest
from django import db

from getapi.core.errors import DatabaseUnavailable, TooManyDeliveries
from getapi.models import Package
from getapi.services.retraction import Retraction
from getapi.services.rounds import Rounds

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture
def writer() -> Rounds:
    """Goes a round only when it is told to."""
    rounds = Rounds()
    rounds.in_background = False
    return rounds


@pytest.fixture
def package() -> str:
    return Package.objects.create(id="1" * 32, created=NOW, format="tar", name="bag", size=1, files=1, etag='"e"', encoder=1, plan=b"").pk


def is_kept(package: str) -> bool:
    return Package.objects.filter(pk=package).exists()


def away(*_: object, **__: object) -> None:
    raise db.OperationalError("the database is away")


def test_one_that_was_told_stays(writer: Rounds, package: str) -> None:
    with Retraction(writer).unless_told(package):
        pass
    writer.go()
    assert is_kept(package)


def test_whatever_is_raised_takes_it_back_at_once(writer: Rounds, package: str) -> None:
    with pytest.raises(TooManyDeliveries), Retraction(writer).unless_told(package):
        raise TooManyDeliveries("limits.per_key", limit=1, retry_after=5)
    assert not is_kept(package)


@pytest.mark.parametrize("error", [DatabaseUnavailable(), db.OperationalError("locked"), db.InterfaceError("closed")])
def test_where_the_database_failed_it_is_not_asked_again_until_the_next_round(writer: Rounds, package: str, error: Exception) -> None:
    with pytest.raises(type(error)), Retraction(writer).unless_told(package):
        raise error
    assert is_kept(package)
    assert not writer.go()
    assert not is_kept(package)


def test_what_cannot_be_taken_back_now_is_so_when_the_database_is_back(
    writer: Rounds, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    retraction = Retraction(writer)
    with monkeypatch.context() as patched:
        patched.setattr("getapi.services.retraction.Package.objects.filter", away)
        with pytest.raises(ValueError, match="whatever"), retraction.unless_told(package):
            raise ValueError("whatever")
        assert writer.go()
        assert writer.is_away
    assert is_kept(package)
    assert not writer.go()
    assert not is_kept(package)


def test_what_the_database_refuses_for_another_reason_is_not_tried_for_ever(
    writer: Rounds, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def malformed(*_: object, **__: object) -> None:
        raise db.DatabaseError("database disk image is malformed")

    retraction = Retraction(writer)
    monkeypatch.setattr("getapi.services.retraction.Package.objects.filter", malformed)
    with pytest.raises(ValueError, match="whatever"), retraction.unless_told(package):
        raise ValueError("whatever")
    assert not writer.go()
    assert not writer.is_away
