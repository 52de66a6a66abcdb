"""All statements of one object together, and the real ones of the repositories whose files we have."""

import re
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from getapi.core.restriction import Ground, Restriction
from getapi.core.rights import are_silent_relations, read_statements, relation_ids, statement_ids
from getapi.core.rights.rules import EmbargoRule
from getapi.core.rights.statements import MAX_OCTETS
from tests.core.rights import statements as say
from tests.core.rights.statements import PID, PUBLIC, about, datastreams, policy, relations, rights, rule, until

DATA = Path(__file__).parents[4] / "shared" / "data"
FOXML = "{info:fedora/fedora-system:def/foxml#}"
WHOLE = Restriction(ground=Ground.UNREADABLE)
RULE = EmbargoRule(name="mods", datastream="mods", xpath="//until", applies_to=("PDF",))
OPEN = {
    "RELS-EXT": relations(about(f"info:fedora/{PID}")),
    "RELS-INT": relations(),
    "POLICY": policy(rule("Permit")),
    "FESLPOLICY": policy(rule("Permit")),
    "rightsMetadata": rights(PUBLIC),
}


def read(documents: dict[str, bytes | None], *rules: EmbargoRule) -> tuple[Restriction, ...]:
    return read_statements(pid=PID, datastreams=datastreams("PDF", "OBJ", "MODS", *OPEN), documents=documents, rules=rules)


def test_statements_are_looked_for_without_regard_to_case() -> None:
    assert statement_ids(()) == {"rels-ext", "rels-int", "policy", "feslpolicy", "rightsmetadata"}
    assert statement_ids((RULE, EmbargoRule(name="m", datastream="MODS", xpath="//x"))) == statement_ids(()) | {"mods"}


def test_an_object_without_statements_is_open() -> None:
    assert read({}) == ()
    assert read({**OPEN}) == ()


def test_every_statement_adds_its_restrictions() -> None:
    found = read(
        {
            "RELS-EXT": relations(about(f"info:fedora/{PID}", until("indefinite"))),
            "RELS-INT": relations(about(f"info:fedora/{PID}/OBJ", until("indefinite"))),
            "POLICY": policy(rule("Deny")),
            "rightsMetadata": rights(),
            "MODS": b"<mods><until>forever</until></mods>",
        },
        RULE,
    )
    assert {(restriction.ground, restriction.dsid) for restriction in found} == {
        (Ground.EMBARGO, None),
        (Ground.EMBARGO, "OBJ"),
        (Ground.POLICY, None),
        (Ground.READ_GROUP, None),
        (Ground.EMBARGO, "PDF"),
    }


def test_the_same_restriction_is_told_once() -> None:
    embargo = relations(about(f"info:fedora/{PID}", until("2030-01-01"), until("2030-01-01")))
    assert len(read({"RELS-EXT": embargo, "RELS-INT": embargo})) == 1


@pytest.mark.parametrize("dsid", ["rels-ext", "Rels-Int", "policy", "FeslPolicy", "RIGHTSMETADATA", "MODS"])
@pytest.mark.parametrize(
    "document",
    [None, b"", b"<x", b"<!DOCTYPE x><x/>", b'<x><p:y/><z xmlns="z"/></x>', b"\xff\xfe", b"<x>" + b" " * MAX_OCTETS + b"</x>"],
)
def test_a_statement_that_cannot_be_read_closes_the_object(dsid: str, document: bytes | None) -> None:
    assert read({**OPEN, dsid: document}, RULE) == (WHOLE,)


def test_a_datastream_that_holds_no_statement_is_not_looked_at() -> None:
    assert read({"MODS": None, "OBJ": b"<x"}) == ()


def test_a_rule_may_read_a_datastream_that_is_a_statement_anyway() -> None:
    own = EmbargoRule(name="r", datastream="rels-ext", xpath="//*[local-name()='until']")
    document = relations(about(f"info:fedora/{PID}", until("indefinite"), "<m:until>2030</m:until>"))
    assert [restriction.ends is None for restriction in read({"RELS-EXT": document}, own)] == [True, False]


def test_the_package_shows_two_functions_and_no_more() -> None:
    from getapi.core import rights as package

    assert set(package.__all__) == {"are_silent_relations", "read_statements", "relation_ids", "statement_ids"}


XML = st.recursive(
    st.sampled_from(["", "x", "2030-01-01", "indefinite", "public", "<until/>", "<machine><group>public</group></machine>", PUBLIC]),
    lambda inner: st.builds(
        "<{0}>{1}{2}</{0}>".format,
        st.sampled_from(["a", "Rule", "Target", "Condition", "access", "embargo", "machine", "date", "Resources", "Resource"]),
        inner,
        inner,
    ),
    max_leaves=8,
)
PIECES = st.one_of(
    st.binary(max_size=200),
    XML.map(rights),
    XML.map(policy),
    XML.map(lambda text: policy(rule("Deny", text, text))),
    XML.map(relations),
    XML.map(lambda text: relations(about(f"info:fedora/{PID}", f"<e:embargo-until>{text}</e:embargo-until>"))),
)


@given(st.dictionaries(st.sampled_from([*OPEN, "MODS", "Policy"]), st.none() | PIECES, max_size=3))
def test_no_document_raises_anything(documents: dict[str, bytes | None]) -> None:
    assert isinstance(read(documents, RULE), tuple)


@given(st.sampled_from(sorted(OPEN)), st.data())
def test_no_damage_raises_anything(dsid: str, data: st.DataObject) -> None:
    document = bytearray(OPEN[dsid])
    for _ in range(data.draw(st.integers(1, 4))):
        document[data.draw(st.integers(0, len(document) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(read({dsid: bytes(document)}, RULE), tuple)


@given(st.dictionaries(st.sampled_from([*OPEN, "MODS"]), st.none() | PIECES, max_size=3), st.sampled_from([*OPEN]), PIECES)
def test_another_statement_never_takes_a_restriction_away(documents: dict[str, bytes | None], dsid: str, more: bytes) -> None:
    documents.pop(dsid, None)
    assert set(read(documents, RULE)) <= set(read({**documents, dsid: more}, RULE))


def test_a_large_policy_about_many_datastreams_is_read_in_good_time() -> None:
    resources = "".join(say.dsid(f"{'a' * 50}{number}") for number in range(100)) + say.dsid("a*a*x", "regexp-string-match") * 10
    document = policy(rule("Deny", say.target(resources=resources)), rule("Permit"))
    streams = datastreams(*("a" * 60 + str(number) for number in range(100)))
    began = process_time()
    assert read_statements(pid=PID, datastreams=streams, documents={"POLICY": document}) == ()
    assert process_time() - began < 4


needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not there")


def inline(name: str, dsid: str) -> tuple[str, bytes]:
    """PID and inline content of a real object."""
    root = etree.fromstring((DATA / "foxml" / name).read_bytes())
    content = root.find(f"{FOXML}datastream[@ID='{dsid}']/{FOXML}datastreamVersion/{FOXML}xmlContent/*")
    assert content is not None
    return root.get("PID", ""), etree.tostring(content)


@needs_data
def test_the_rights_of_a_real_hydra_object_are_public() -> None:
    pid, document = inline("rubydora-audit_trail-sha256.xml", "rightsMetadata")
    assert read_statements(pid=pid, datastreams=(), documents={"rightsMetadata": document}) == ()


@needs_data
def test_the_rights_of_the_oldest_hydra_head_are_not_understood() -> None:
    pid, document = inline("activefedora-hydrangea_fixture_mods_article1.xml", "rightsMetadata")
    assert read_statements(pid=pid, datastreams=(), documents={"rightsMetadata": document}) == (WHOLE,)


@needs_data
def test_madisons_xacml_3_for_the_campus_closes_the_object() -> None:
    (path,) = (DATA / "foxml" / "akubra-uwdc-inline" / "datastreams").rglob("*XACML.0")
    assert read_statements(pid=PID, datastreams=datastreams("PDF"), documents={"POLICY": path.read_bytes()}) == (WHOLE,)


@needs_data
def test_the_embargo_of_a_chapel_hill_deposit_is_found_by_a_rule() -> None:
    unc = EmbargoRule(name="unc", datastream="METS", xpath="//@acl:embargo-until", namespaces={"acl": "http://cdr.unc.edu/definitions/acl"})
    document = (DATA / "mets" / "unc-deposit-mets.xml").read_bytes()
    found = read_statements(pid=PID, datastreams=(), documents={"METS": document}, rules=(unc,))
    assert [str(restriction.ends) for restriction in found] == ["2018-01-19"]


@needs_data
def test_the_relations_of_all_real_objects_are_read_and_close_none_of_them() -> None:
    read_count = 0
    for path in sorted((DATA / "foxml").rglob("*")):
        if path.is_file() and re.search(rb"<rdf:RDF", octets := path.read_bytes()):
            try:
                root = etree.fromstring(octets)
            except etree.XMLSyntaxError:
                continue
            for content in root.iterfind(f"{FOXML}datastream[@ID='RELS-EXT']/{FOXML}datastreamVersion/{FOXML}xmlContent/*"):
                document = etree.tostring(content)
                assert read_statements(pid=root.get("PID", ""), datastreams=(), documents={"RELS-EXT": document}) == (), path.name
                read_count += 1
    assert read_count > 10


RDF = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'


@pytest.mark.parametrize("name", ["embargo-until", "isViewableByUser", "isViewableByRole"])
def test_relations_that_hold_a_name_that_closes_are_never_silent(name: str) -> None:
    assert are_silent_relations(f"{RDF}<x:member/></rdf:RDF>".encode())
    assert not are_silent_relations(f"{RDF}<x:{name}/></rdf:RDF>".encode())


@pytest.mark.parametrize(
    "xml",
    [
        "<a/>",
        f"{RDF[:-1]}/>",
        f"{RDF}</rdf:RDF>{RDF}</rdf:RDF>",
        f"{RDF}</rdf:RDF><a/>",
        f"<a/>{RDF}</rdf:RDF>",
        f"words {RDF}</rdf:RDF>",
        f"{RDF}</rdf:RDF> words",
        '<rdf:RDF xmlns:rdf="urn:other"></rdf:RDF>',
        f"""<rdf:RDF a='{RDF[8:-1]}' xmlns:rdf="urn:other"></rdf:RDF>""",
        f"<rdf:RDFs{RDF[8:]}</rdf:RDF>",
    ],
)
def test_what_is_no_relations_or_not_certainly_one_document_is_never_silent(xml: str) -> None:
    assert not are_silent_relations(xml.encode())


def test_silent_relations_make_no_restrictions_when_they_are_parsed() -> None:
    xml = f"{RDF}<rdf:Description/></rdf:RDF>".encode()
    assert are_silent_relations(xml)
    assert read_statements(pid="demo:1", datastreams=(), documents={"RELS-EXT": xml}) == ()


def test_relations_that_a_rule_reads_have_to_be_given_to_it() -> None:
    assert relation_ids(()) == {"rels-ext", "rels-int"}
    assert relation_ids((EmbargoRule(name="m", datastream="Rels-Ext", xpath="//x"),)) == {"rels-int"}
