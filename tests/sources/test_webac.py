"""Whether an access list lets everybody read."""

import pytest

from fixtures.fedora6 import ACL, grant
from getapi.sources.ntriples import read_triples
from getapi.sources.webac import lets_everybody_read

THING = "info:fedora/a"


def reads(text: str, *, inherited: bool = False, resource: str = THING) -> bool:
    return lets_everybody_read(read_triples(text.encode()), resource, inherited=inherited)


def test_everybody_reads_what_is_granted_to_everybody() -> None:
    assert reads(grant(THING))
    assert reads(grant(THING), inherited=True)
    assert reads(grant(THING, agent="http://example.org/staff", name="staff") + grant(THING))
    assert reads(grant(f"{THING}/"))
    assert reads(grant("info:fedora/"), resource="info:fedora", inherited=True)


def test_an_ancestor_hands_down_its_default_and_nothing_else() -> None:
    assert not reads(grant(THING, reach=("accessTo",)), inherited=True)
    assert not reads(grant(THING, reach=("default",)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        grant(THING, mode="Write"),
        grant(THING, agent=f"{ACL}AuthenticatedAgent"),
        grant("info:fedora/other"),
        grant("info:fedora/ab"),
        grant(THING).replace("#type> <", "#kind> <"),
        grant(THING).replace("agentClass", "agent"),
        grant(THING).replace("accessTo", "accessToClass"),
        grant(THING).replace("<http://xmlns.com/foaf/0.1/Agent>", '"http://xmlns.com/foaf/0.1/Agent"'),
        # Two authorizations that would be one only together.
        grant(THING, mode="Write", name="a") + grant(THING, agent="http://example.org/staff", name="b"),
    ],
)
def test_everything_else_grants_nothing(text: str) -> None:
    assert not reads(text)
