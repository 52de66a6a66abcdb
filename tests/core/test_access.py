"""Who may read what, now: the union of denials."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import combinations
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.access import RESERVED, AccessRules, Allowed, Denied, decide, decide_map, decide_object
from getapi.core.notice import NoticeCode
from getapi.core.restriction import Ground, Moment, Restriction
from getapi.core.source import ControlGroup, DatastreamRecord, ObjectRecord, State

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
RULES = AccessRules()
FUTURE, PAST = date(2030, 1, 1), date(2020, 1, 1)


def datastream(dsid: str = "PDF", **facts: object) -> DatastreamRecord:
    return replace(DatastreamRecord(pid="test:1", dsid=dsid, version=f"{dsid}.0"), **facts)  # type: ignore[arg-type] # any field


def thing(*restrictions: Restriction, state: State = State.ACTIVE) -> ObjectRecord:
    return ObjectRecord(pid="test:1", repository="main", state=state, restrictions=restrictions)


def embargo(ends: Moment | None, dsid: str | None = None, ground: Ground = Ground.EMBARGO) -> Restriction:
    return Restriction(ground=ground, dsid=dsid, ends=ends)


def denied(
    *restrictions: Restriction, stream: DatastreamRecord | None = None, rules: AccessRules = RULES, now: datetime = NOW
) -> Denied | None:
    verdict = decide(thing(*restrictions), stream or datastream(), rules, now)
    return verdict if isinstance(verdict, Denied) else None


def test_an_active_public_datastream_may_leave() -> None:
    assert decide(thing(), datastream(), RULES, NOW) == Allowed()


@pytest.mark.parametrize("state", [State.INACTIVE, State.DELETED])
def test_what_is_not_active_is_as_if_it_did_not_exist(state: State) -> None:
    for verdict in (
        decide(thing(state=state), datastream(), RULES, NOW),
        decide(thing(), datastream(state=state), RULES, NOW),
        decide_map(thing(state=state), datastream(), RULES, NOW),
        decide_map(thing(), datastream(state=state), RULES, NOW),
        decide_object(thing(state=state), RULES, NOW),
    ):
        assert isinstance(verdict, Denied)
        assert (verdict.code, verdict.mentioned, verdict.closed, verdict.until) == (NoticeCode.INACTIVE, False, False, None)


@pytest.mark.parametrize(
    "dsid",
    [
        "ARCH",
        "arch1",
        "ARCH-1",
        "Audit",
        "FEDORA-AUDITTRAIL",
        "policy",
        "FESLPOLICY",
        "rels-ext",
        "RELS-INT",
        "MethodMap",
        "DSINPUTSPEC",
        "wsdl",
        "DS-COMPOSITE-MODEL",
        "SERVICE-PROFILE",
    ],
)
def test_reserved_datastreams_never_leave_however_they_are_spelled(dsid: str) -> None:
    verdict = denied(stream=datastream(dsid))
    assert verdict is not None
    assert (verdict.code, verdict.mentioned, verdict.closed) == (NoticeCode.RESTRICTED, False, False)


@pytest.mark.parametrize("dsid", ["DC", "MODS", "SMAP-PRES", "PDF-1", "rightsMetadata", "XARCH", "POLICY1", "RELS"])
def test_what_only_looks_like_a_reserved_name_is_public(dsid: str) -> None:
    assert denied(stream=datastream(dsid)) is None


def test_public_patterns_are_matched_without_regard_to_case_and_reserved_wins() -> None:
    rules = AccessRules(public=("pdf*", "Jpeg?"), reserved=("PDF-SECRET",))
    allowed = {
        dsid for dsid in ("PDF-1", "pdf", "JPEG1", "JPEG", "MODS", "Pdf-Secret") if denied(stream=datastream(dsid), rules=rules) is None
    }
    assert allowed == {"PDF-1", "pdf", "JPEG1"}


def test_no_public_pattern_means_that_nothing_is_public() -> None:
    assert denied(rules=AccessRules(public=())) is not None


def test_a_map_is_read_reserved_or_not_but_never_while_embargoed() -> None:
    rules = AccessRules(public=(), reserved=("SMAP*",))
    assert decide_map(thing(), datastream("SMAP-PRES"), rules, NOW) == Allowed()
    closed = decide_map(thing(embargo(FUTURE, "smap-pres")), datastream("SMAP-PRES"), rules, NOW)
    assert isinstance(closed, Denied)
    assert closed.code is NoticeCode.EMBARGOED
    assert isinstance(decide_map(thing(), datastream("SMAP-PRES"), replace(rules, denied=frozenset({"test:1"})), NOW), Denied)
    assert isinstance(decide_map(thing(), datastream("SMAP-PRES", control_group=ControlGroup.REDIRECT), rules, NOW), Denied)


def test_an_embargo_tells_its_date_and_is_told() -> None:
    assert denied(embargo(FUTURE)) == Denied(code=NoticeCode.EMBARGOED, text="Closed until 2030-01-01", until=FUTURE)


def test_an_embargo_to_an_instant_tells_it_in_its_own_zone() -> None:
    instant = datetime(2030, 1, 1, 5, tzinfo=UTC)
    assert (verdict := denied(embargo(instant))) is not None
    assert verdict.text == "Closed until 2030-01-01T05:00:00Z"
    assert (verdict := denied(embargo(instant.astimezone(timezone(timedelta(hours=-5)))))) is not None
    assert verdict.text == "Closed until 2030-01-01T00:00:00-05:00"


def test_an_embargo_for_ever_has_no_date() -> None:
    assert denied(embargo(None)) == Denied(code=NoticeCode.EMBARGOED, text="Closed until further notice")


def test_the_latest_end_is_told_and_for_ever_beats_dates() -> None:
    assert (verdict := denied(embargo(FUTURE), embargo(date(2035, 5, 5), "pdf"), embargo(PAST))) is not None
    assert verdict.until == date(2035, 5, 5)
    assert (verdict := denied(embargo(FUTURE), embargo(None, "PDF"))) is not None
    assert (verdict.until, verdict.text) == (None, "Closed until further notice")


def test_a_date_ends_after_an_instant_on_the_same_day() -> None:
    day, instant = date(2030, 1, 1), datetime(2030, 1, 1, 22, 59, 59, tzinfo=UTC)
    rules = AccessRules(zone=ZoneInfo("Europe/Berlin"))
    for first, second in ((day, instant), (instant, day)):
        assert (verdict := denied(embargo(first), embargo(second), rules=rules)) is not None
        assert verdict.until == day
    later = datetime(2030, 1, 1, 23, 0, 0, tzinfo=UTC)
    assert (verdict := denied(embargo(day), embargo(later), rules=rules)) is not None
    assert verdict.until == later


def test_a_policy_beside_an_embargo_makes_its_date_the_earliest_possible() -> None:
    assert denied(embargo(FUTURE), embargo(None, ground=Ground.POLICY)) == Denied(
        code=NoticeCode.EMBARGOED, text="Closed until 2030-01-01 at least", until=None
    )


@pytest.mark.parametrize("ground", [Ground.POLICY, Ground.READ_GROUP, Ground.UNREADABLE])
def test_other_grounds_close_without_saying_more(ground: Ground) -> None:
    assert denied(embargo(None, ground=ground)) == Denied(code=NoticeCode.RESTRICTED, text="Not available to the public")
    assert (verdict := denied(embargo(FUTURE, ground=ground))) is not None
    assert (verdict.text, verdict.until) == ("Not available to the public", FUTURE)


def test_a_restriction_of_one_datastream_leaves_the_others_open() -> None:
    assert denied(embargo(None, "OBJ")) is None
    assert denied(embargo(None, "pDf")) is not None


def test_a_lapsed_embargo_restricts_nothing() -> None:
    assert denied(embargo(PAST)) is None


def test_a_lease_denies_only_after_its_day() -> None:
    lease = Restriction(ground=Ground.EMBARGO, begins=date(2026, 6, 15))
    assert denied(lease, now=datetime(2026, 6, 15, 23, 59, 59, tzinfo=UTC)) is None
    assert denied(lease, now=datetime(2026, 6, 16, tzinfo=UTC)) is not None


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Kiritimati"])
def test_a_bare_date_counts_to_the_last_second_of_that_day_in_the_zone(zone: str) -> None:
    rules = AccessRules(zone=ZoneInfo(zone))
    midnight = datetime(2026, 7, 2, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    assert denied(embargo(date(2026, 7, 1)), rules=rules, now=midnight - timedelta(seconds=1)) is not None
    assert denied(embargo(date(2026, 7, 1)), rules=rules, now=midnight) is None


@pytest.mark.parametrize(
    ("zone", "day", "opens"),
    [
        # The clock goes forward on that day (23 hours), back on that day (25), and forward at midnight itself.
        ("Europe/Berlin", date(2026, 3, 29), datetime(2026, 3, 29, 22, tzinfo=UTC)),
        ("Europe/Berlin", date(2026, 10, 25), datetime(2026, 10, 25, 23, tzinfo=UTC)),
        ("America/Havana", date(2026, 3, 7), datetime(2026, 3, 8, 5, tzinfo=UTC)),
        # It goes back to 23:00 at midnight: that day's last hour comes twice.
        ("America/Asuncion", date(2024, 3, 23), datetime(2024, 3, 24, 4, tzinfo=UTC)),
    ],
)
def test_a_day_on_which_the_clock_changes_ends_when_it_ends_there(zone: str, day: date, opens: datetime) -> None:
    rules = AccessRules(zone=ZoneInfo(zone))
    assert denied(embargo(day), rules=rules, now=opens - timedelta(seconds=1)) is not None
    assert denied(embargo(day), rules=rules, now=opens) is None


def test_an_instant_opens_at_that_second_wherever_the_service_stands() -> None:
    instant = datetime(2026, 6, 15, 7, tzinfo=timezone(timedelta(hours=-5)))
    for zone in ("UTC", "Asia/Tokyo"):
        rules = AccessRules(zone=ZoneInfo(zone))
        assert denied(embargo(instant), rules=rules, now=NOW - timedelta(seconds=1)) is not None
        assert denied(embargo(instant), rules=rules, now=NOW) is None


def test_an_instant_without_a_zone_is_in_utc() -> None:
    naive = datetime(2026, 6, 15, 12)
    assert denied(embargo(naive), now=NOW - timedelta(seconds=1), rules=AccessRules(zone=ZoneInfo("Asia/Tokyo"))) is not None
    assert denied(embargo(naive), now=NOW) is None


@pytest.mark.parametrize("zone", [timezone(timedelta(hours=14)), timezone(timedelta(hours=-14)), ZoneInfo("Asia/Tokyo")])
def test_the_last_day_of_the_calendar_upsets_nothing(zone: timezone) -> None:
    far = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=-14)))
    assert denied(embargo(date.max), embargo(far), rules=AccessRules(zone=zone)) is not None
    assert denied(embargo(date.min), rules=AccessRules(zone=zone)) is None


@pytest.mark.parametrize("entry", ["test:1", "TEST:1", "test:1/PDF", "Test:1/pdf"])
def test_the_deny_list_closes_objects_and_datastreams_without_regard_to_case(entry: str) -> None:
    assert denied(rules=AccessRules(denied=frozenset({entry}))) == Denied(code=NoticeCode.RESTRICTED, text="Not available to the public")


def test_the_deny_list_closes_nothing_else() -> None:
    assert denied(rules=AccessRules(denied=frozenset({"test:1/OBJ", "test:11", "test", "test:1/"}))) is None


def test_a_denied_object_is_closed_as_a_whole_and_a_denied_datastream_is_not() -> None:
    assert decide_object(thing(), RULES, NOW) == Allowed()
    assert isinstance(decide_object(thing(), AccessRules(denied=frozenset({"TEST:1"})), NOW), Denied)
    assert decide_object(thing(), AccessRules(denied=frozenset({"test:1/PDF"})), NOW) == Allowed()


def test_an_embargoed_object_may_be_spoken_of() -> None:
    assert decide_object(thing(embargo(None)), RULES, NOW) == Allowed()


def test_redirects_never_leave() -> None:
    stream = datastream(control_group=ControlGroup.REDIRECT, location="http://good.example/a")
    verdict = denied(stream=stream, rules=AccessRules(external_hosts=frozenset({"good.example"})))
    assert verdict is not None
    assert (verdict.code, verdict.mentioned) == (NoticeCode.REDIRECT, True)


@pytest.mark.parametrize("location", ["http://good.example/a", "HTTPS://GOOD.example:443/a?b", "http://good.example"])
def test_external_content_of_an_allowed_host_may_leave(location: str) -> None:
    stream = datastream(control_group=ControlGroup.EXTERNAL, location=location)
    assert denied(stream=stream, rules=AccessRules(external_hosts=frozenset({"Good.Example"}))) is None
    assert (verdict := denied(stream=stream)) is not None
    assert (verdict.code, verdict.mentioned) == (NoticeCode.EXTERNAL, True)


@pytest.mark.parametrize(
    "location",
    [
        "",
        "good.example",
        "//good.example/a",
        "file://good.example/etc/passwd",
        "ftp://good.example/a",
        "javascript:good.example",
        "http:///a",
        "http://[::1/a",
        "http://[good.example]/",
        "http://evil.example/good.example",
        "http://good.example.evil.example/",
        "http://good.example@evil.example/",
        "http://evil.example@good.example/",
        "http://evil.example\\@good.example/",
    ],
)
def test_external_content_of_any_other_place_may_not_leave(location: str) -> None:
    stream = datastream(control_group=ControlGroup.EXTERNAL, location=location)
    assert denied(stream=stream, rules=AccessRules(external_hosts=frozenset({"good.example"}))) is not None


@pytest.mark.parametrize(
    ("location", "hosts", "allowed"),
    [
        ("http://good.example:80/a", {"good.example"}, True),
        ("https://good.example:443/a", {"good.example"}, True),
        ("http://good.example:8080/a", {"good.example"}, False),
        ("http://good.example:8080/a", {"good.example:8080"}, True),
        ("http://good.example/a", {"good.example:80"}, True),
        ("https://good.example/a", {"good.example:80"}, False),
    ],
)
def test_a_host_without_a_port_stands_for_the_usual_one(location: str, hosts: set[str], allowed: bool) -> None:
    stream = datastream(control_group=ControlGroup.EXTERNAL, location=location)
    assert (denied(stream=stream, rules=AccessRules(external_hosts=frozenset(hosts))) is None) is allowed


def test_the_first_denial_in_order_is_told() -> None:
    rules = AccessRules(denied=frozenset({"test:1"}))
    redirected = datastream("POLICY", state=State.DELETED, control_group=ControlGroup.REDIRECT)
    told = [
        denied(embargo(FUTURE), stream=redirected, rules=rules),
        denied(embargo(FUTURE), stream=replace(redirected, state=State.ACTIVE), rules=rules),
        denied(embargo(FUTURE), stream=replace(redirected, state=State.ACTIVE, dsid="PDF"), rules=rules),
        denied(stream=replace(redirected, state=State.ACTIVE, dsid="PDF"), rules=rules),
        denied(stream=replace(redirected, state=State.ACTIVE, dsid="PDF")),
    ]
    assert [verdict and verdict.code.value for verdict in told] == ["inactive", "restricted", "embargoed", "restricted", "redirect"]
    assert [verdict and verdict.closed for verdict in told] == [False, False, True, True, True]


ALL_ZONES = [ZoneInfo(name) for name in ("UTC", "America/Havana", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Kiritimati", "Pacific/Niue")]
ZONES = st.sampled_from(ALL_ZONES)
INSTANTS = st.integers(0, 530 * 365 * 86_400).map(lambda seconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))
MOMENTS = st.one_of(
    st.none(),
    st.integers(1, date.max.toordinal()).map(date.fromordinal),
    st.builds(datetime.astimezone, INSTANTS, ZONES),
    st.sampled_from([edge.replace(tzinfo=zone) for edge in (datetime.min, datetime.max) for zone in ALL_ZONES]),
)
RESTRICTIONS = st.builds(
    Restriction,
    ground=st.sampled_from(Ground),
    dsid=st.none() | st.sampled_from(["PDF", "pdf", "OBJ"]),
    begins=MOMENTS,
    ends=MOMENTS,
)
STREAMS = st.builds(
    DatastreamRecord,
    pid=st.just("test:1"),
    dsid=st.sampled_from(["PDF", "Pdf", "OBJ", "POLICY", "ARCH1"]) | st.text(max_size=5),
    version=st.just("v"),
    state=st.sampled_from(State),
    control_group=st.sampled_from(ControlGroup),
    location=st.sampled_from(["http://good.example/", "file:///etc/passwd"]) | st.text(max_size=30),
)
ALL_RULES = st.builds(
    AccessRules,
    public=st.sampled_from([("*",), ("PDF",), ()]),
    denied=st.sampled_from(
        [frozenset(some) for count in range(3) for some in combinations(["test:1", "TEST:1/pdf", "test:2", "test:1/OBJ"], count)]
    ),
    external_hosts=st.sampled_from([frozenset(), frozenset({"GOOD.example"})]),
    zone=ZONES,
)


@given(st.lists(RESTRICTIONS, max_size=4), RESTRICTIONS, STREAMS, ALL_RULES, INSTANTS, st.sampled_from(State))
def test_another_restriction_never_opens_anything(
    facts: list[Restriction], more: Restriction, stream: DatastreamRecord, rules: AccessRules, now: datetime, state: State
) -> None:
    for judge in (decide, decide_map):
        before = judge(thing(*facts, state=state), stream, rules, now)
        after = judge(thing(*facts, more, state=state), stream, rules, now)
        assert isinstance(before, Allowed) or isinstance(after, Denied)


@given(st.lists(RESTRICTIONS, max_size=3), STREAMS, ALL_RULES, INSTANTS, st.sampled_from(["test:1", "test:1/PDF", "test:1/OBJ"]))
def test_another_entry_of_the_deny_list_never_opens_anything(
    facts: list[Restriction], stream: DatastreamRecord, rules: AccessRules, now: datetime, entry: str
) -> None:
    before = decide(thing(*facts), stream, rules, now)
    after = decide(thing(*facts), stream, replace(rules, denied=rules.denied | {entry}), now)
    assert isinstance(before, Allowed) or isinstance(after, Denied)


@given(st.lists(RESTRICTIONS, max_size=4), STREAMS, ALL_RULES, INSTANTS)
def test_all_restrictions_together_deny_what_any_one_of_them_denies(
    facts: list[Restriction], stream: DatastreamRecord, rules: AccessRules, now: datetime
) -> None:
    together = isinstance(decide(thing(*facts), stream, rules, now), Denied)
    singly = [isinstance(decide(thing(*some), stream, rules, now), Denied) for some in ((), *combinations(facts, 1))]
    assert together == any(singly)


@given(st.lists(RESTRICTIONS, max_size=3), STREAMS, ALL_RULES, INSTANTS)
def test_the_case_of_a_dsid_decides_nothing(facts: list[Restriction], stream: DatastreamRecord, rules: AccessRules, now: datetime) -> None:
    if stream.dsid.swapcase().casefold() == stream.dsid.casefold():
        assert decide(thing(*facts), stream, rules, now) == decide(thing(*facts), replace(stream, dsid=stream.dsid.swapcase()), rules, now)


@given(st.lists(RESTRICTIONS, min_size=1, max_size=3), INSTANTS, ALL_RULES)
def test_a_told_date_has_not_passed_and_all_is_open_after_it(facts: list[Restriction], now: datetime, rules: AccessRules) -> None:
    rules = replace(rules, public=("*",), denied=frozenset())
    facts = [replace(fact, begins=None) for fact in facts]
    verdict = decide(thing(*facts), datastream(), rules, now)
    if isinstance(verdict, Denied) and verdict.until is not None and verdict.until.year < 9000:
        until = verdict.until
        last = until if isinstance(until, datetime) else datetime(until.year, until.month, until.day, tzinfo=UTC)
        assert last > now - timedelta(days=3)
        assert decide(thing(*facts), datastream(), rules, last + timedelta(days=3)) == Allowed()


def test_a_sentence_holds_nothing_but_the_reason_and_the_date() -> None:
    stream = datastream(control_group=ControlGroup.EXTERNAL, location="http://secret.example/path")
    assert (verdict := denied(stream=stream)) is not None
    assert "secret" not in verdict.text


def test_the_default_reserved_patterns_are_those_of_the_contract() -> None:
    assert {"ARCH*", "AUDIT", "POLICY", "FESLPOLICY", "RELS-EXT", "RELS-INT"} <= set(RESERVED)
