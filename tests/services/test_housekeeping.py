"""A service that nobody looks after tidies up by itself."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.utils import timezone

from getapi.models import Download, Package
from getapi.services.housekeeping import HOUR, Housekeeping, tidy_up
from getapi.services.shelf import Purged
from tests.conftest import Configure
from tests.web.conftest import Spoken, spoken

__all__ = ["spoken"]

NOTHING = Purged(packages=0, downloads=0, deliveries=0)


class Enough(Exception):
    """Instead of the next hour."""


@pytest.mark.django_db
def test_expired_packages_old_statistics_and_old_sessions_go(configure: Configure) -> None:
    configure('statistics.keep = "30 d"')
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    facts = {"format": "tar", "name": "n", "size": 1, "files": 1, "etag": "", "encoder": 1, "plan": b""}
    Package.objects.create(id="0" * 32, created=long_ago, **facts)
    Package.objects.create(id="1" * 32, created=timezone.now(), **facts)
    Download.objects.create(time=long_ago, pid="a:1", dsid="D", bytes=1)
    Session.objects.create(session_key="old", session_data="", expire_date=long_ago)
    Session.objects.create(session_key="new", session_data="", expire_date=timezone.now() + timedelta(hours=1))
    assert tidy_up() == Purged(packages=1, downloads=1, deliveries=0)
    assert Package.objects.get().id == "1" * 32
    assert Session.objects.get().session_key == "new"


def test_it_works_once_an_hour_for_as_long_as_the_process_lives() -> None:
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) > 3:
            raise Enough

    worked: list[bool] = []

    def work() -> Purged:
        worked.append(True)
        return NOTHING

    keeper = Housekeeping(work, first=lambda: 7, is_mine=lambda: True, wait=wait)
    with pytest.raises(Enough):
        keeper._repeat()
    assert waited == [7, HOUR, HOUR, HOUR]
    assert len(worked) == 3


def test_a_process_whose_turn_it_is_not_does_nothing() -> None:
    def work() -> Purged:
        raise AssertionError

    Housekeeping(work, is_mine=lambda: False).once()


@pytest.mark.parametrize("error", [OperationalError("gone"), RuntimeError("unheard of")])
def test_nothing_that_goes_wrong_ends_it(error: Exception, spoken: Spoken) -> None:
    def work() -> Purged:
        raise error

    Housekeeping(work, is_mine=lambda: True).once()
    assert "tried again in an hour" in spoken.text


def test_it_says_what_it_deleted_and_nothing_where_that_is_nothing(spoken: Spoken) -> None:
    Housekeeping(lambda: NOTHING, is_mine=lambda: True).once()
    assert not spoken.records
    Housekeeping(lambda: Purged(packages=3, downloads=0, deliveries=0), is_mine=lambda: True).once()
    assert '"packages": 3' in spoken.text
