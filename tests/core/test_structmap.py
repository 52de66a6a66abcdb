import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from getapi.core.errors import MapTooDeep, MapTooLarge, XmlRefused
from getapi.core.source import DatastreamRecord, State
from getapi.core.structmap import Division, Pointer, StructuralMap, presentation_map, read_structmap

DATA = Path(__file__).parents[2].parent / "shared" / "data"
NAMESPACES = 'xmlns="http://www.loc.gov/METS/" xmlns:xlink="http://www.w3.org/1999/xlink"'

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not there")


def record(dsid: str, *alternate_ids: str, state: State = State.ACTIVE) -> DatastreamRecord:
    return DatastreamRecord(pid="demo:1", dsid=dsid, version=f"{dsid}.0", alternate_ids=alternate_ids, state=state)


def read(
    document: str | bytes, *datastreams: DatastreamRecord, pid: str = "demo:1", dsid: str = "SMAP", depth: int = 32, nodes: int = 100_000
) -> StructuralMap:
    octets = document.encode() if isinstance(document, str) else document
    return read_structmap(octets, pid=pid, dsid=dsid, datastreams=datastreams, max_depth=depth, max_nodes=nodes)


def structmap(inner: str) -> str:
    return f"<structMap {NAMESPACES}>{inner}</structMap>"


def mets(inner: str) -> str:
    return f"<mets {NAMESPACES}>{inner}</mets>"


def outline(node: Division | Pointer) -> object:
    """``(label, children...)`` for a division, ``PID`` or ``PID/DSID`` for a pointer."""
    if isinstance(node, Pointer):
        return node.pid if node.dsid is None else f"{node.pid}/{node.dsid}"
    return (node.label, *map(outline, node.children))


def pointers(division: Division) -> Iterator[Pointer]:
    for child in division.children:
        yield from [child] if isinstance(child, Pointer) else pointers(child)


def points_to(division: Division) -> list[str]:
    return [str(outline(pointer)) for pointer in pointers(division)]


def mets_of(name: str) -> bytes:
    return (DATA / "mets" / name).read_bytes()


def inline_mets_of(name: str, dsid: str) -> bytes:
    foxml = etree.parse(DATA / "foxml" / name).getroot()
    (content,) = (
        each for datastream in foxml.iter("{*}datastream") if datastream.get("ID") == dsid for each in datastream.iter("{*}xmlContent")
    )
    return etree.tostring(content[0])


@needs_data
def test_wisconsins_map_lists_289_pages_as_objects_in_order() -> None:
    found = read(mets_of("uwdc-STRUCT.xml"), pid="1711.dl:RXORJPDWM7CJM8Z", dsid="STRUCT")
    named = points_to(found.root)
    assert found.root.label == "x1711.dl_RXORJPDWM7CJM8Z.STRUCT"
    assert len(named) == len(found.root.children) == 289
    assert (named[0], named[9], named[-1]) == ("1711.dl:7Y4TXSN6W2DYQ8E", "1711.dl:XG7ORYTIAZ3JF9D", "1711.dl:EFSBN5KO3Q3QC8F")
    assert outline(found.root.children[9]) == ("10", "1711.dl:XG7ORYTIAZ3JF9D")
    assert found.unresolved == ()


@needs_data
def test_princetons_pointers_to_file_groups_mean_all_their_files() -> None:
    files = [record(f"DS{number}", f"f{name}") for number, name in enumerate(["d1e3", "d1e20", "d1e42", "d1e67", "d1e89"])]
    found = read(mets_of("princeton-AC057-c18.mets.xml"), *files)
    assert outline(found.root) == (
        "Henkin, Leon and Tucker, Albert [Transcript no. 19], 1984 May 18",
        "demo:1/DS0",
        ("[1]", "demo:1/DS1", "demo:1/DS2"),
        ("[2]", "demo:1/DS3", "demo:1/DS4"),
    )


@needs_data
def test_princetons_addresses_alone_lead_nowhere_and_are_told_by_id() -> None:
    found = read(mets_of("princeton-AC057-c18.mets.xml"))
    assert points_to(found.root) == []
    assert found.unresolved == ("fd1e3", "fd1e20", "fd1e42", "fd1e67", "fd1e89")


@needs_data
def test_princetons_physical_map_is_chosen_of_three_and_the_page_named_once() -> None:
    document = mets_of("princeton-pudl0001-4612596.mets.xml")
    assert outline(read(document, record("pkc90")).root) == ("BoundVolume", ("leaf 1", ("recto", "demo:1/pkc90")))
    assert read(document).unresolved == ("pkc90",)


@needs_data
def test_princetons_larger_map_has_its_physical_pages_in_order() -> None:
    found = read(mets_of("princeton-pudl0075-6971526.mets.xml"), *map(record, ["tg5qx", "thkb4", "xlfbb", "a9r64"]))
    assert found.root.label == "Vol. 1"
    assert points_to(found.root) == ["demo:1/tg5qx", "demo:1/thkb4", "demo:1/xlfbb", "demo:1/a9r64"]
    assert len(found.root.children) == 4 + len(found.unresolved)


@needs_data
def test_princetons_related_objects_are_read_and_the_collection_is_no_pointer() -> None:
    found = read(mets_of("princeton-pudl0003-tc85_2621.mets.xml"), record("ut669"), record("yuc7d"))
    assert outline(found.root) == ("Default", ("IsPartOf",), ("OrderedList", ("image 1", "demo:1/ut669"), ("image 1", "demo:1/yuc7d")))
    assert found.unresolved == ("pudl0003",)


@needs_data
def test_carolinas_deposit_is_read_by_its_file_id() -> None:
    document, file_id = mets_of("unc-deposit-mets.xml"), "_c19064b2-983f-4b55-90f5-8d4b890055e4"
    wanted = ("Aggregate Work", ("David_Romani_response.pdf", "demo:1/DATA_FILE"))
    assert outline(read(document, record("DATA_FILE", file_id)).root) == wanted
    assert read(document).unresolved == (file_id,)


@needs_data
def test_carolinas_attack_is_refused() -> None:
    with pytest.raises(XmlRefused):
        read(mets_of("unc-xxe-mets.xml"))


@needs_data
def test_carolinas_contents_are_divisions_whose_ids_are_pids() -> None:
    found = read(inline_mets_of("unc-aggregate-MD_CONTENTS.xml", "MD_CONTENTS"))
    assert points_to(found.root) == ["uuid:9a7f19d7-5f1d-44f9-9c3d-3ff4f7dac42d", "uuid:a4fa0296-1ce7-42a1-b74d-0222afd98194"]
    assert found.root.label == "Container"


@needs_data
def test_the_welsh_map_finds_its_datastream_by_alternate_id() -> None:
    document = inline_mets_of("legacyFS-nlw/objects/2013/0418/22/15/llgc-id_1591190", "METS")
    assert points_to(read(document, record("archive", "BoB1"), record("METS"), dsid="METS").root) == ["demo:1/archive"]
    assert read(document, dsid="METS").unresolved == ("BoB1",)


@needs_data
def test_every_map_that_was_collected_is_read_or_refused_clearly() -> None:
    for path in sorted((DATA / "mets").iterdir()):
        if "xxe" not in path.name:
            assert read(path.read_bytes()).root.children, path.name


def test_columbias_bare_map_of_identifiers_is_read() -> None:
    pages = (
        '<m:div ORDER="2" LABEL="Leaf" CONTENTIDS="demo:3"/><m:div ORDER="1" LABEL="Leaf" CONTENTIDS="demo:2"/><m:div LABEL="recto:verso"/>'
    )
    document = f'<m:structMap xmlns:m="http://www.loc.gov/METS/" TYPE="logical" LABEL="Sides"><m:div>{pages}</m:div></m:structMap>'
    assert outline(read(document).root) == ("", ("Leaf", "demo:2"), ("Leaf", "demo:3"), ("recto:verso",))


def test_a_map_of_several_divisions_gets_a_root_of_its_own() -> None:
    document = mets('<structMap LABEL="Both"><div ORDER="2" LABEL="b"/><div ORDER="1" LABEL="a" CONTENTIDS="demo:2"/></structMap>')
    assert outline(read(document).root) == ("Both", ("a", "demo:2"), ("b",))


def test_a_datastream_stands_at_its_first_mention_and_the_map_itself_nowhere() -> None:
    inner = """<div LABEL="r"><mptr xlink:href="demo:2/A"/><div LABEL="one"><fptr FILEID="smap"/><fptr FILEID="PDF"/></div>
    <div LABEL="two"><fptr FILEID="pdf"/><mptr xlink:href="info:fedora/demo:2/A"/><mptr xlink:href="demo:2"/></div></div>"""
    found = read(structmap(inner), record("SMAP"), record("PDF"))
    assert outline(found.root) == ("r", "demo:2/A", ("one", "demo:1/PDF"), ("two", "demo:2"))


def test_an_identifier_of_a_division_is_missed_only_if_nothing_else_is_there() -> None:
    inner = '<div><div CONTENTIDS="urn:nbn:1"><fptr FILEID="PDF"/><fptr FILEID="GONE"/></div><div CONTENTIDS="urn:nbn:2"/></div>'
    assert read(structmap(inner), record("PDF")).unresolved == ("GONE", "urn:nbn:2")


def test_of_a_missed_file_no_path_and_no_host_is_told() -> None:
    inner = """<fileSec><file ID="f1"><FLocat xlink:href="file:///srv/x/secret.tif"/></file></fileSec><structMap><div><fptr FILEID="f1"/>
    <mptr xlink:href="http://internal.host/a/b.xml?key=secret"/></div></structMap>"""
    assert read(mets(inner)).unresolved == ("f1", "b.xml")


KITODO = """
<fileSec><fileGrp><file ID="F1"/><file ID="F2"/><file ID="F3"/></fileGrp></fileSec>
<structMap TYPE="LOGICAL"><div ID="L0" LABEL="Book"><div ID="L1" LABEL="Chapter"/><div ID="L2" LABEL="Index"/></div></structMap>
<structMap TYPE="PHYSICAL"><div ID="P0" TYPE="physSequence"><div ID="P2" ORDER="2"><fptr FILEID="F2"/></div>
<div ID="P1" ORDER="1"><fptr FILEID="F1"/></div><div ID="P3" ORDER="3"><fptr FILEID="F3"/></div></div></structMap>
"""
LINKS = "<structLink>{}</structLink>"


def link(start: str, end: str) -> str:
    return f'<smLink xlink:from="{start}" xlink:to="{end}"/>'


def test_kitodos_physical_map_is_preferred() -> None:
    found = read(mets(KITODO), *map(record, ["F1", "F2", "F3"]))
    assert outline(found.root) == ("physSequence", ("P1", "demo:1/F1"), ("P2", "demo:1/F2"), ("P3", "demo:1/F3"))


def test_a_presentation_map_without_pointers_gets_its_pages_by_links_and_the_deepest_division_has_them() -> None:
    links = "".join(
        [link("L0", "P0"), link("L1", "#P2"), link("#L1", "P1"), link("L0", "P1"), link("L9", "P1"), link("L0", "P9"), link("L2", "P2")]
    )
    document = mets(KITODO.replace("LOGICAL", "Presentation") + LINKS.format(links))
    found = read(document, *map(record, ["F1", "F2", "F3"]))
    assert outline(found.root) == ("Book", "demo:1/F3", ("Chapter", "demo:1/F1", "demo:1/F2"), ("Index",))


def test_links_may_go_by_xlink_labels() -> None:
    document = mets(KITODO.replace("LOGICAL", "Presentation").replace('ID="L2"', 'xlink:label="l2"') + LINKS.format(link("l2", "P3")))
    assert points_to(read(document, *map(record, ["F1", "F2", "F3"])).root) == ["demo:1/F3"]


def test_links_are_not_followed_where_the_map_points_to_something_itself() -> None:
    document = mets(KITODO + LINKS.format(link("P1", "L1") + link("P0", "P3")))
    assert points_to(read(document, *map(record, ["F1", "F2", "F3"])).root) == ["demo:1/F1", "demo:1/F2", "demo:1/F3"]


def nested(levels: int) -> str:
    return structmap("<div>" * levels + "</div>" * levels)


def test_depth_is_bounded_by_the_limit_then_by_the_parser() -> None:
    assert read(nested(32)).root
    with pytest.raises(MapTooDeep) as caught:
        read(nested(33))
    assert caught.value.facts == {"limit": 32, "count": 33}
    with pytest.raises(MapTooDeep) as caught:
        read(nested(10_000))
    assert caught.value.facts["limit"] == 32


def test_nodes_are_divisions_and_what_they_point_to() -> None:
    document = structmap('<div><div CONTENTIDS="a:1 a:2"/><div><fptr FILEID="x"/></div></div>')
    assert read(document, nodes=6).root
    with pytest.raises(MapTooLarge) as caught:
        read(document, nodes=5)
    assert caught.value.facts == {"limit": 5, "count": 6}


def multiply(text: str, count: int) -> str:
    return text * count


GROUP = '<fileSec><fileGrp ID="G">{}</fileGrp></fileSec>'
PAGES = '<structMap TYPE="presentation"><div ID="a"/></structMap><structMap><div ID="b">{}</div></structMap>'
BOMBS: dict[str, Callable[[], str]] = {
    "divisions": lambda: structmap(multiply("<div/>", 500_000).join(["<div>", "</div>"])),
    "divisions in many maps": lambda: mets(multiply("<structMap><div/></structMap>", 30_000)),
    "pointers": lambda: structmap(multiply('<fptr FILEID="x"/>', 100_000).join(["<div>", "</div>"])),
    "identifiers": lambda: structmap(multiply("x ", 200_000).join(['<div CONTENTIDS="', '"/>'])),
    "a group many times": lambda: mets(
        GROUP.format(multiply('<file ID="x"/>', 20_000))
        + multiply('<fptr FILEID="G"/>', 20_000).join(["<structMap><div>", "</div></structMap>"])
    ),
    "links that multiply": lambda: mets(PAGES.format(multiply("<div/>", 10_000)) + LINKS.format(multiply(link("a", "b"), 20_000))),
}
"""A hundred million steps and more for whoever takes them all."""


@pytest.mark.parametrize("kind", BOMBS)
def test_a_map_that_grows_beyond_all_bounds_ends_soon(kind: str) -> None:
    document = BOMBS[kind]()
    start = time.process_time()
    with pytest.raises(MapTooLarge):
        read(document, nodes=20_000)
    assert time.process_time() - start < 4


@pytest.mark.parametrize("levels", [10_000, 1_000_000])
def test_a_map_that_is_nested_beyond_all_bounds_ends_at_once(levels: int) -> None:
    start = time.process_time()
    with pytest.raises(MapTooDeep):
        read(nested(levels))
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    "document",
    [
        "", "no xml", structmap("<div>"), "<mets/>", mets(""), "\x00",
        f'<!DOCTYPE m [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>{structmap("<div LABEL=&quot;&b;&quot;/>")}',
        f'<!DOCTYPE m SYSTEM "file:///etc/passwd">{structmap("<div/>")}',
    ],
)  # fmt: skip
def test_what_is_no_map_is_refused(document: str) -> None:
    with pytest.raises(XmlRefused):
        read(document)


def test_ids_that_lead_in_circles_end() -> None:
    inner = """<fileSec><file ID="a"><FLocat xlink:href="#b"/></file><file ID="b"><FLocat xlink:href="#a"/></file></fileSec>
    <structMap><div ID="a"><fptr FILEID="a"/><mptr xlink:href="#b"/><mptr xlink:href="#a"/></div></structMap>"""
    assert read(mets(inner)).unresolved == ("a", "b")


NAMES = ["", "a:1", "a:1/X", "#X", "X", "info:fedora/a:1/X", "1", "2", "x", "G", "urn:x", "http://h/objects/a:1"]
TAGS = ["div", "div", "div", "fptr", "mptr", "area", "structMap", "fileSec", "fileGrp", "file", "FLocat", "par"]
ATTRIBUTES = [
    f"{first}='{name}' {second}='{other}'"
    for first in ("ID", "ORDER", "LABEL", "xlink:href")
    for second in ("CONTENTIDS", "FILEID", "TYPE")
    for name in NAMES
    for other in NAMES
]
ELEMENT = st.recursive(
    st.just(""),
    lambda inner: st.builds(
        "<{0} {1}>{2}</{0}>".format,
        st.sampled_from(TAGS),
        st.sampled_from(ATTRIBUTES),
        st.lists(inner, max_size=3).map("".join),
    ),
    max_leaves=12,
)


@given(ELEMENT, ELEMENT, st.integers(1, 5), st.integers(1, 9))
def test_any_document_is_read_within_its_limits_or_refused(first: str, second: str, depth: int, nodes: int) -> None:
    try:
        found = read(mets(f"{first}<structMap><div>{second}</div></structMap>"), record("X"), depth=depth, nodes=nodes)
    except (MapTooDeep, MapTooLarge):
        return
    named = list(pointers(found.root))
    assert len(set(named)) == len(named) <= nodes
    assert Pointer(pid="demo:1", dsid="SMAP") not in named


@given(st.binary())
def test_any_octets_are_refused_or_read(document: bytes) -> None:
    with pytest.raises(XmlRefused):
        read(document)


PATTERNS = ("SMAP-PRES", "SMAP*", "STRUCT*", "structMetadata", "METS")


@pytest.mark.parametrize(
    ("dsids", "wanted"),
    [
        (["SMAP1", "smap-pres"], "smap-pres"),
        (["METS", "Struct", "SMAP2", "SMAP1"], "SMAP2"),
        (["structmetadata", "METS"], "structmetadata"),
        (["METSX", "XMETS"], None),
        ([], None),
    ],
)
def test_the_earliest_pattern_then_the_objects_order_decide(dsids: Sequence[str], wanted: str | None) -> None:
    found = presentation_map([record(dsid) for dsid in dsids], PATTERNS)
    assert (found.dsid if found else None) == wanted


def test_a_map_that_is_not_active_is_passed_over() -> None:
    found = presentation_map([record("SMAP-PRES", state=State.DELETED), record("SMAP1", state=State.INACTIVE), record("METS")], PATTERNS)
    assert found == record("METS")
