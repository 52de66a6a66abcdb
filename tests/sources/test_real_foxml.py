"""Objects of real repositories, read where they lie."""

from collections.abc import Iterator

import pytest
from lxml import etree

from getapi.core.errors import ObjectUnreadable
from getapi.core.source import ControlGroup, State
from getapi.sources.digitalobject import Datastream, DigitalObject
from getapi.sources.foxml import read_foxml
from tests.sources.stores import SHARED

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data/foxml is not there")

REFUSED = {"fcrepo3-rest-demo_rest-TEMPLATE-malformed.xml"}
E, M, R, X = ControlGroup.EXTERNAL, ControlGroup.MANAGED, ControlGroup.REDIRECT, ControlGroup.INLINE


def files() -> list[str]:
    found = (path for path in SHARED.rglob("*") if path.is_file() and "datastreams" not in path.parts)
    return sorted(str(path.relative_to(SHARED)) for path in found)


def read(name: str) -> DigitalObject:
    return read_foxml((SHARED / name).read_bytes(), "asked:1")


def find(name: str, dsid: str) -> Datastream:
    return next(found for found in read(name).datastreams if found.id == dsid)


def inlined(value: DigitalObject) -> Iterator[tuple[str, bytes]]:
    for found in value.datastreams:
        if found.inline:
            yield found.id, found.inline.octets


@pytest.mark.parametrize("name", files() if SHARED.is_dir() else [])
def test_every_object_is_read_or_refused(name: str) -> None:
    if name in REFUSED:
        with pytest.raises(ObjectUnreadable, match="not well-formed"):
            read(name)
        return
    value = read(name)
    assert value.pid.count(":") == 1
    assert value.datastreams
    assert all(found.version and found.control_group for found in value.datastreams)
    for dsid, octets in inlined(value):
        assert etree.fromstring(octets) is not None, dsid
        assert octets.startswith(b"<")
        assert octets.endswith(b">")


@pytest.mark.parametrize("path", sorted(SHARED.rglob("datastreams/**/*")) if SHARED.is_dir() else [])
def test_content_is_not_mistaken_for_an_object(path: object) -> None:
    from pathlib import Path

    assert isinstance(path, Path)
    if path.is_file():
        with pytest.raises(ObjectUnreadable):
            read_foxml(path.read_bytes(), "asked:1")


def test_control_groups_are_believed_and_location_types_are_not() -> None:
    found = find("fcrepo3-demo_5.xml", "THUMBRES_IMG")
    assert (found.control_group, found.version) == (E, "THUMBRES_IMG1.0")
    assert find("fcrepo3-demo_5.xml", "THUMBRES_IMG").reference.startswith("http://local.fedora.server/")


def test_all_four_groups_of_one_object() -> None:
    groups = {found.id: found.control_group for found in read("fcrepo3-obj_test_100.xml").datastreams}
    assert set(groups.values()) == {E, M, R, X}
    assert groups["THUMBRES_IMG"] is M


def test_external_redirect_and_inline_together() -> None:
    assert [found.control_group for found in read("fcrepo3-demo_31.xml").datastreams] == [X, E, R]


@pytest.mark.parametrize(
    ("name", "state", "states"),
    [
        ("fcrepo3-fesl-test-1000008.xml", State.DELETED, {"RELS-EXT": State.ACTIVE, "DC": State.DELETED, "TV": State.ACTIVE}),
        ("fcrepo3-fesl-test-1000012.xml", State.ACTIVE, {"RELS-EXT": State.ACTIVE, "DC": State.DELETED, "TV": State.ACTIVE}),
        ("akubra-deleted-object/objects/a5/info%3Afedora%2Ffixture%3Adeleted-datastream-1", State.DELETED, {}),
        ("akubra-deleted-ds/objects/a5/info%3Afedora%2Ffixture%3Adeleted-datastream-1", State.ACTIVE, {"props": State.DELETED}),
        ("validator-inline-deleted-ds.xml", State.ACTIVE, {"RELS-INT": State.DELETED, "DS1": State.ACTIVE}),
    ],
)
def test_states_of_objects_and_of_their_datastreams(name: str, state: State, states: dict[str, State]) -> None:
    value = read(name)
    assert value.state is state
    assert states.items() <= {found.id: found.state for found in value.datastreams}.items()


LEGACY = "objects/2015/0430/16/01/example_1"


def test_the_current_version_is_the_latest_and_not_the_last() -> None:
    ordered = read(f"legacyFS/{LEGACY}")
    assert read(f"legacyFS-out-of-order/{LEGACY}").datastreams == ordered.datastreams
    assert find(f"legacyFS-multiple-versions/{LEGACY}", "DC").version == "DC1.1"
    assert find("fcrepo3-rest-demo_min_pid.xml", "DS1").version == "DS1.1"
    assert find("princeton-lae-folders-0003d.xml", "provMetadata").version == "provMetadata.22"


def test_a_managed_datastream_and_its_digest() -> None:
    found = find(f"legacyFS/{LEGACY}", "DS2")
    assert found.reference == "example:1+DS2+DS2.0"
    assert [(digest.algorithm, digest.value) for digest in found.digests] == [("md5", "d4f18b8b9c64466819ddaad46228fb9b")]


def test_archive_exports_are_seen_for_what_they_are() -> None:
    assert find("migutils-example1-archive-export.xml", "DS2").embedded
    assert find("eulfedora-synctest1-archive-export.xml", "IMG").embedded


NLW = "legacyFS-nlw/objects/2013/0418/22/15/llgc-id_1591190"


def test_the_national_library_of_wales_has_inline_mets_and_spaces_in_its_locations() -> None:
    value = read(NLW)
    assert value.label == "Dei Tomos: Glannau Shir Gar"
    mets = dict(inlined(value))["METS"]
    assert etree.fromstring(mets).tag == "{http://www.loc.gov/METS/}mets"
    assert find(NLW, "METS").digests == ()
    locations = [found.reference for found in value.datastreams if found.control_group is E]
    assert locations
    assert all(location == location.strip() for location in locations)


def test_namespaces_declared_outside_come_along() -> None:
    misplaced = dict(inlined(read("fcrepo3-ns-DemoFail.xml")))["BIB0"]
    assert misplaced.startswith(b'<mods:mods xmlns:xlink="http://www.w3.org/1999/xlink"\n')
    local = dict(inlined(read("fcrepo3-ns-DemoSuccess.xml")))["BIB0"]
    assert b"xlink" in local
    assert etree.tostring(etree.fromstring(misplaced), method="c14n") == etree.tostring(etree.fromstring(local), method="c14n")
    audit = dict(inlined(read(NLW)))["AUDIT"]
    assert audit.startswith(b'<audit:auditTrail xmlns:audit="info:fedora/fedora-system:def/audit#">')


def test_inline_content_has_its_own_size_whatever_foxml_says() -> None:
    found = find("activefedora-hydrangea_fixture_mods_article1.xml", "descMetadata")
    assert found.declared_size == 19
    assert found.inline is not None
    assert len(found.inline.octets) > 1500


def test_a_long_text_with_comments_and_references_comes_out_as_it_is_written() -> None:
    octets = dict(inlined(read("fcrepo3-demo_21.xml")))["XML_SOURCE"]
    assert len(octets) > 70_000
    assert octets in (SHARED / "fcrepo3-demo_21.xml").read_bytes()
