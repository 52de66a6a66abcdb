import pytest
from lxml import etree

from getapi.core.errors import XmlRefused
from getapi.core.mets import DIV, Mets, Target, choose_map, divisions, label, read_mets, targets

NAMESPACES = 'xmlns="http://www.loc.gov/METS/" xmlns:xlink="http://www.w3.org/1999/xlink"'


def mets(inner: str) -> Mets:
    return read_mets(f"<mets {NAMESPACES}>{inner}</mets>".encode())


def div(attributes: str = "", inner: str = "") -> etree._Element:
    found = read_mets(f"<structMap {NAMESPACES}><div {attributes}>{inner}</div></structMap>".encode()).maps[0].find(DIV)
    assert found is not None
    return found


def targets_of(inner: str, files: str = "", attributes: str = "") -> list[Target]:
    document = mets(f"<fileSec>{files}</fileSec><structMap><div {attributes}>{inner}</div></structMap>")
    return list(targets(document, next(document.maps[0].iter(DIV))))


def names_of(inner: str, files: str = "", attributes: str = "") -> list[tuple[str, ...]]:
    return [target.names for target in targets_of(inner, files, attributes)]


FILES = """
<fileGrp ID="ALL">
  <fileGrp ID="MASTERS">
    <file ID="F1"><FLocat LOCTYPE="URL" xlink:href="info:fedora/a:1/DS1"/><FLocat LOCTYPE="OTHER" xlink:href=" second "/></file>
    <file ID="F2"/>
  </fileGrp>
  <file ID="BOX"><file ID="IN1"/><file ID="IN2"><FLocat xlink:href="in2"/></file></file>
  <file ID="TAR"><FLocat xlink:href="tar"/><file ID="IN3"/></file>
  <file><FLocat xlink:href="nameless"/></file><file/>
</fileGrp>
<fileGrp ID="EMPTY"/><file ID="F2"><FLocat xlink:href="a second F2"/></file>
"""


@pytest.mark.parametrize(
    "document", ["<a/>", "<mets/>", f"<div {NAMESPACES}/>", '<structMap xmlns="http://www.loc.gov/METS/v2"><div/></structMap>']
)
def test_other_documents_are_refused(document: str) -> None:
    with pytest.raises(XmlRefused, match="it is not METS"):
        read_mets(document.encode())


@pytest.mark.parametrize("inner", ["", "<structMap/>", '<structMap TYPE="x"><fptr FILEID="a"/></structMap>', "<fileSec/>"])
def test_a_document_without_a_division_is_refused(inner: str) -> None:
    with pytest.raises(XmlRefused, match="it holds no structural map"):
        mets(inner)


POINTING = '<div ID="{}"><fptr FILEID="x"/></div>'


@pytest.mark.parametrize(
    ("maps", "chosen"),
    [
        ([("physical", True), ("my Presentation", False)], 1),
        ([("logical", False)], 0),
        ([("logical", True), ("PHYSICAL", True)], 1),
        ([("logical", True), ("Physical", False)], 0),
        ([("a", False), ("b", True), ("c", True)], 1),
        ([("a", False), ("physical", False)], 1),
        ([("a", False), ("b", False)], 0),
    ],
)
def test_the_map_is_chosen_by_type_and_by_whether_it_points_to_anything(maps: list[tuple[str, bool]], chosen: int) -> None:
    document = mets("".join(f'<structMap TYPE="{kind}"><div>{POINTING if full else ""}</div></structMap>' for kind, full in maps))
    assert choose_map(document) is document.maps[chosen]


def test_a_map_of_which_only_an_id_is_a_pid_points_to_something() -> None:
    document = mets('<structMap><div/></structMap><structMap><div><div ID="a:1"/></div></structMap>')
    assert choose_map(document) is document.maps[1]


def test_divisions_stand_by_order_and_those_without_keep_their_place() -> None:
    orders = ["10", "", "-1", "x", "2", "2", "9" * 5000, "+3"]
    inner = "".join(f'<div ID="d{place}" ORDER="{order}"/>' for place, order in enumerate(orders))
    assert [each.get("ID") for each in divisions(div(inner=inner))] == ["d2", "d1", "d4", "d3", "d5", "d7", "d6", "d0"]


@pytest.mark.parametrize(
    ("attributes", "wanted"),
    [
        ('LABEL=" Chapter\n 1 " ORDERLABEL="i" TYPE="t" ORDER="1" ID="x"', "Chapter 1"),
        ('LABEL=" " ORDERLABEL="i" TYPE="t" ORDER="1" ID="x"', "i"),
        ('TYPE="page" ORDER="3" ID="x"', "page 3"),
        ('TYPE="page" ID="x"', "page"),
        ('ORDER="3" ID="x"', "x"),
        ('ORDER="3"', "3"),
        ("", ""),
    ],
)
def test_a_division_is_called_by_the_first_of_its_names(attributes: str, wanted: str) -> None:
    assert label(div(attributes)) == wanted


def test_a_label_is_bounded() -> None:
    assert len(label(div(f'LABEL="{"x" * 1_000_000}"'))) == 1000


@pytest.mark.parametrize(
    ("file_id", "wanted"),
    [
        ("F1", [("info:fedora/a:1/DS1", "second", "F1")]),
        ("#F1", [("info:fedora/a:1/DS1", "second", "F1")]),
        ("F2", [("F2",)]),
        ("MASTERS", [("info:fedora/a:1/DS1", "second", "F1"), ("F2",)]),
        ("BOX", [("IN1",), ("in2", "IN2")]),
        ("TAR", [("tar", "TAR")]),
        ("IN3", [("IN3",)]),
        ("EMPTY", [("EMPTY",)]),
        ("unknown", [("unknown",)]),
    ],
)
def test_a_file_pointer_means_a_file_or_all_files_of_a_group(file_id: str, wanted: list[tuple[str, ...]]) -> None:
    assert names_of(f'<fptr FILEID="{file_id}"/>', FILES) == wanted


def test_a_group_means_all_that_is_in_it_once_and_in_order() -> None:
    wanted = ["F1", "F2", "IN1", "IN2", "TAR", "IN3", "nameless"]
    assert [names[-1] for names in names_of('<fptr FILEID="ALL"/>', FILES)] == wanted


def test_pointers_stand_in_the_order_of_the_schema() -> None:
    inner = """<fptr FILEID="F2"/><fptr><par><area FILEID="F1"/><seq><area FILEID="IN1"/><area FILEID="F1"/></seq></par></fptr>
    <fptr CONTENTIDS="a:3/DS a:4"/><fptr/><mptr xlink:href="a:5/METS"/><mptr/><mptr xlink:href="#IN2"/><mptr xlink:href="#none"/>"""
    found = targets_of(inner, FILES, 'CONTENTIDS="a:6 a:7" ID="a:8"')
    assert [target.names[0] for target in found] == [
        "F2", "info:fedora/a:1/DS1", "IN1", "a:3/DS", "a:4", "a:5/METS", "in2", "#none", "a:6", "a:7",
    ]  # fmt: skip
    assert [target.weak for target in found] == [False] * 8 + [True] * 2


def test_content_ids_of_a_pointer_to_one_file_are_other_names_of_it() -> None:
    assert names_of('<fptr FILEID="F1" CONTENTIDS="a:9/DS"/>', FILES) == [("info:fedora/a:1/DS1", "second", "a:9/DS", "F1")]
    assert names_of('<fptr FILEID="MASTERS" CONTENTIDS="a:9/DS"/>', FILES)[1] == ("F2",)


def test_of_a_thousand_addresses_a_few_are_tried() -> None:
    locations = '<FLocat xlink:href="x"/>' * 1000
    (names,) = names_of(f'<fptr FILEID="F" CONTENTIDS="{"y " * 1000}"/>', f'<file ID="F">{locations}</file>')
    assert len(names) < 20


def test_a_divisions_id_counts_only_if_it_is_a_pid_and_nothing_else_is_there() -> None:
    assert names_of("", attributes='ID="uuid:1"') == [("uuid:1",)]
    assert names_of("", attributes='ID="DIV1"') == []
    assert names_of("<div/>", attributes='ID="uuid:1"') == []
    assert names_of('<mptr xlink:href="a:1"/>', attributes='ID="uuid:1"') == [("a:1",)]
