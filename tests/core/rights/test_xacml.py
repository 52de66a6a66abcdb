"""XACML policies of Fedora 3 and Islandora, asked for an anonymous reader."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.restriction import Ground, Restriction
from getapi.core.rights.xacml import MAX_ELEMENTS, MAX_NESTING, MAX_PATTERNS, read_policy
from getapi.core.xml import parse
from tests.core.rights import statements as say
from tests.core.rights.statements import DISSEMINATION, FEDORA, MANAGING, PERMIT_REST, PID, STAFF, VIEWING, XACML, policy, rule, target

MIMES: Mapping[str, str] = {"DC": "text/xml", "PDF": "application/pdf", "JPG": "image/jpeg"}
WHOLE, UNREADABLE = (Restriction(ground=Ground.POLICY),), (Restriction(ground=Ground.UNREADABLE),)
DENY_MANAGING = rule("Deny", target(actions=MANAGING), STAFF)
DENY_VIEWING = rule("Deny", target(actions=VIEWING), STAFF)


def read(document: bytes) -> tuple[Restriction, ...]:
    return read_policy(parse(document), PID, say.datastreams(**MIMES))


def closed(*rules: str, algorithm: str = "first-applicable", at: str = "") -> set[str | None]:
    """The DSIDs that a policy closes; None stands for all."""
    return {restriction.dsid for restriction in read(policy(*rules, algorithm=algorithm, target=at))}


def deny_dsid(*resources: str, condition: str = STAFF) -> str:
    return rule("Deny", target(resources="".join(resources), actions=DISSEMINATION), condition)


def test_islandoras_viewing_rule_closes_the_object() -> None:
    assert read(policy(DENY_MANAGING, DENY_VIEWING, PERMIT_REST)) == WHOLE


def test_denying_management_closes_nothing() -> None:
    assert read(policy(DENY_MANAGING, PERMIT_REST)) == ()
    assert read(policy(DENY_MANAGING)) == ()


def test_islandoras_datastream_rule_closes_those_alone() -> None:
    found = read(policy(DENY_MANAGING, deny_dsid(say.dsid("PDF"), say.dsid("OBJ"), say.mime("image/jpeg")), PERMIT_REST))
    assert found == (Restriction(ground=Ground.POLICY, dsid="PDF"), Restriction(ground=Ground.POLICY, dsid="JPG"))


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (say.dsid("pdf"), {"PDF"}),
        (say.dsid("^P.*$", "regexp-string-match"), {"PDF"}),
        (say.dsid("[PJ]", "regexp-string-match"), {"PDF", "JPG"}),
        (say.mime("^image/.*", "regexp-string-match"), {"JPG"}),
        (say.mime("TEXT/XML"), {"DC"}),
        (say.mime("audio/.*", "regexp-string-match"), set()),
        (say.dsid("(a+)+", "regexp-string-match"), {None}),
        (say.dsid("OBJ", "string-starts-with"), {None}),
        (say.match("Resource", f"{FEDORA}resource:object:pid", PID), {None}),
        (say.match("Resource", f"{FEDORA}resource:object:pid", "test:2"), set()),
        (say.match("Resource", f"{FEDORA}resource:object:owner", "x"), {None}),
        ("<Resource/>", {None}),
        ("<Resource><ResourceMatch/></Resource>", {None}),
        ("", {None}),
    ],
)
def test_a_rule_closes_what_it_may_mean(resource: str, expected: set[str | None]) -> None:
    assert closed(deny_dsid(resource), PERMIT_REST) == expected


def test_all_matches_of_a_resource_must_hold() -> None:
    both = (say.dsid("PDF") + say.mime("image/jpeg")).replace("</Resource><Resource>", "")
    assert closed(deny_dsid(both), PERMIT_REST) == set()


def test_datastreams_that_a_permit_names_stay_open() -> None:
    assert closed(rule("Permit", target(resources=say.dsid("DC"))), rule("Deny")) == {"PDF", "JPG"}
    assert closed(rule("Permit", target(resources=say.dsid("dc"))), rule("Deny")) == {None}


@pytest.mark.parametrize(
    ("condition", "open_"),
    [
        (say.unless(say.member("fedoraRole", "administrator", "anonymous user")), True),
        (say.call("not", say.member("fedoraRole", "anonymous user"), element="Condition"), True),
        (say.call("not", say.member(f"{FEDORA}subject:loginId", "anonymous"), element="Condition"), False),
        (say.call("not", say.member("fedoraRole", "authenticated user"), element="Condition"), False),
        (say.call("not", say.member("eduPersonAffiliation", "student"), element="Condition"), False),
        (say.call("and", say.member("fedoraRole", "students"), say.member("x", "y"), element="Condition"), True),
        (say.call("or", say.member("fedoraRole", "students"), say.member("x", "y"), element="Condition"), False),
        (say.call("not", element="Condition"), False),
        (say.call("string-equal", "<AttributeValue>a</AttributeValue>", element="Condition"), False),
        ("<Condition/>", False),
        (f"<Condition>{say.member('fedoraRole', 'students')}</Condition>", True),
        ("<Condition><VariableReference VariableId='v'/></Condition>", False),
        (f'<Condition FunctionId="{XACML}function:string-at-least-one-member-of"/>', False),
        (
            say.member("fedoraRole", "students").replace("string-bag", "anyURI-bag").replace("<Apply", "<Condition", 1)[: -len("</Apply>")]
            + "</Condition>",
            False,
        ),
    ],
)
def test_a_denial_holds_unless_its_condition_is_known_to_fail(condition: str, open_: bool) -> None:
    assert (read(policy(rule("Deny", "", condition), PERMIT_REST)) == ()) is open_


def test_a_condition_deeper_than_is_read_is_unknown() -> None:
    everybody = say.member("fedoraRole", "anonymous user")
    for depth, expected in ((MAX_NESTING, ()), (MAX_NESTING + 1, WHOLE), (60, WHOLE)):
        condition = everybody
        for _ in range(depth - 1):
            condition = say.call("and", condition)
        assert read(policy(rule("Deny", "", f"<Condition>{say.call('not', condition)}</Condition>"), PERMIT_REST)) == expected


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (say.match("Subject", "fedoraRole", "student"), set()),
        (say.match("Subject", "fedoraRole", "anonymous user"), {None}),
        (say.match("Subject", f"{FEDORA}subject:loginId", "anonymous"), {None}),
        (say.match("Subject", "group", "ALT1"), {None}),
        ("<Subject/>", {None}),
        ("", {None}),
    ],
)
def test_a_denial_of_others_closes_nothing(subject: str, expected: set[str | None]) -> None:
    assert closed(rule("Deny", target(subjects=subject)), PERMIT_REST) == expected


def test_a_policy_that_permits_only_others_closes() -> None:
    students = target(subjects=say.match("Subject", "fedoraRole", "student"))
    assert closed(rule("Permit", students)) == {None}
    assert closed(rule("Permit"), at=students) == {None}
    assert closed(rule("Permit", "", f"<Condition>{say.member('fedoraRole', 'student')}</Condition>")) == {None}
    manage = target(subjects=say.match("Subject", "fedoraRole", "student"), actions=MANAGING)
    assert closed(rule("Permit", manage)) == set()


def test_a_policy_for_something_else_closes_nothing() -> None:
    assert closed(rule("Deny"), at=target(actions=MANAGING)) == set()
    assert closed(rule("Deny"), at=target(resources=say.dsid("PDF"))) == {"PDF"}
    assert closed() == set()


def test_an_environment_is_not_known() -> None:
    night = target().replace("</Target>", "<Environments><Environment/></Environments></Target>")
    assert closed(rule("Deny", night), PERMIT_REST) == {None}
    assert closed(rule("Permit", night), rule("Deny")) == {None}


@pytest.mark.parametrize(
    ("algorithm", "rules", "open_"),
    [
        ("first-applicable", ("Permit", "Deny"), True),
        ("first-applicable", ("Deny", "Permit"), False),
        ("deny-overrides", ("Permit", "Deny"), False),
        ("ordered-deny-overrides", ("Deny", "Permit"), False),
        ("deny-overrides", ("Permit",), True),
        ("permit-overrides", ("Deny", "Permit"), True),
        ("ordered-permit-overrides", ("Permit", "Deny"), True),
        ("permit-overrides", ("Deny",), False),
    ],
)
def test_rules_are_combined_as_the_policy_says(algorithm: str, rules: tuple[str, ...], open_: bool) -> None:
    assert (read(policy(*map(rule, rules), algorithm=algorithm)) == ()) is open_


def test_xacml_2_is_read_too() -> None:
    condition = f"<Condition>{say.call('not', say.member('fedoraRole', 'x'))}</Condition>"
    document = policy(
        f'<Rule RuleId="r" Effect="Deny"><Target><Actions>{VIEWING}</Actions></Target>{condition}</Rule>',
        '<Rule RuleId="s" Effect="Permit"/>',
        namespace="urn:oasis:names:tc:xacml:2.0:policy:schema:os",
    )
    assert read(document) == WHOLE
    assert read(document.replace(b"action:api-a", b"action:api-m")) == ()


@pytest.mark.parametrize(
    "document",
    [
        b"<Policy/>",
        b"<x/>",
        policy(rule("Permit"), namespace="urn:oasis:names:tc:xacml:3.0:core:schema:wd-17"),
        policy(rule("Permit"), algorithm="deny-unless-permit"),
        policy(rule("Permit")).replace(b"Policy", b"PolicySet"),
        policy(rule("Permit"), "<VariableDefinition/>"),
        policy(rule("Perhaps")),
        policy(rule("Permit"), rule("Perhaps")),
        policy(rule("Permit", target().replace("</Target>", "<Actions/></Target>"))),
        policy(*[rule("Permit")] * (MAX_ELEMENTS // 8)),
        policy(rule("Permit"), rule("Deny", target(resources=say.dsid("x", "regexp-string-match") * (MAX_PATTERNS + 1), actions=MANAGING))),
    ],
)
def test_a_policy_that_is_not_understood_closes_the_object(document: bytes) -> None:
    assert read(document) == UNREADABLE


def test_an_object_without_datastreams_is_closed_by_any_policy() -> None:
    assert read_policy(parse(policy(PERMIT_REST)), PID, ()) == WHOLE


PARTS = [
    "",
    target(),
    target(actions=VIEWING),
    target(actions=MANAGING),
    target(resources=say.dsid("PDF")),
    target(resources=say.dsid("x", "?")),
]
CONDITIONS = ["", STAFF, "<Condition/>", say.unless(say.member("fedoraRole", "anonymous user"))]
RULES = st.sampled_from([rule(effect, part, condition) for effect in ("Permit", "Deny") for part in PARTS for condition in CONDITIONS])
ALGORITHMS = st.sampled_from(["first-applicable", "deny-overrides", "permit-overrides"])


@given(st.lists(RULES, max_size=4), ALGORITHMS, st.sampled_from(PARTS))
def test_a_denial_of_everything_put_first_closes_everything_unless_a_permit_overrides(rules: list[str], algorithm: str, at: str) -> None:
    before, after = closed(*rules, algorithm=algorithm), closed(rule("Deny"), *rules, algorithm=algorithm)
    everything = {None}
    assert after == everything or (algorithm == "permit-overrides" and before != everything)
    assert closed(*rules, algorithm=algorithm, at=at) <= {None, *MIMES}
