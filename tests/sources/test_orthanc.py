"""Orthanc's studies, series and patients as objects: out of a real server, and out of one that behaves badly."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from fixtures.orthanc import PROGRAM, OrthancServer, Study, make_study, orthanc
from getapi.core.division import Division, Pointer
from getapi.core.errors import ContentChanged, ObjectNotFound, SourceUnavailable
from getapi.core.layout import lay_out
from getapi.core.planner import plan_package
from getapi.core.request import parse_request
from getapi.sources.orthanc import OrthancSource
from getapi.sources.peer import Login, Peer
from getapi.sources.registry import Registry, RoutedSource
from getapi.transport.sender import send
from getapi.transport.transfer import Transfer
from tests.core.test_planner import NOW, RULES
from tests.sources.contract import SourceContract, drain
from tests.sources.hostile import HostilePeer, Target
from tests.sources.peers import Answer, Asked, PeerServer, running
from tests.sources.stores import Sample
from tests.sources.tricks import PATIENCE, SILENCE
from tests.transport.material import no_doubt

needs_orthanc = pytest.mark.skipif(PROGRAM is None, reason="Orthanc is not installed")
OVERWRITING = {"OverwriteInstances": True}
KNEE = Study()
HIP = Study(accession="A-78", description="Hip", date="20230101", series=(("Coronal", 2),))


def source_of(url: str, login: Login | None = None) -> OrthancSource:
    return OrthancSource(name="pacs", peer=Peer.at(url, repository="pacs", private=True, login=login))


@dataclass
class Filled:
    server: OrthancServer
    told: list[dict[str, str]]
    files: list[bytes]

    @property
    def source(self) -> OrthancSource:
        return source_of(self.server.url)

    @property
    def study(self) -> str:
        return f"orthanc:{self.told[0]['ParentStudy']}"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    files = [*make_study(KNEE), *make_study(HIP)]
    with orthanc(tmp_path_factory.mktemp("orthanc")) as server:
        yield Filled(server, server.fill(files), files)


@pytest.fixture(scope="module")
def overwriting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    with orthanc(tmp_path_factory.mktemp("overwriting"), settings=OVERWRITING) as server:
        yield server


@needs_orthanc
class TestContract(SourceContract):
    @pytest.fixture
    def sample(self, overwriting: OrthancServer, request: pytest.FixtureRequest) -> Sample:
        self.server = overwriting
        self.files = list(make_study(Study(accession=hashlib.sha256(request.node.name.encode()).hexdigest()[:12], series=(("Axial", 3),))))
        self.told = self.server.fill(self.files)
        contents = {each["ID"]: octets for each, octets in zip(self.told, self.files, strict=True)}
        pid = f"orthanc:{self.told[0]['ParentStudy']}"
        return Sample(
            source=source_of(self.server.url), pid=pid, contents=contents, unknown=f"orthanc:{'-'.join(['0' * 8] * 5)}", ambiguous=""
        )

    def replace(self, sample: Sample, dsid: str, octets: bytes) -> None:
        """The same instance with other pixels; the header must stay what it is."""
        place = [each["ID"] for each in self.told].index(dsid)
        itself = self.files[place]
        self.server.fill([itself[:-8] + bytes(8)])

    def remove(self, sample: Sample, dsid: str) -> None:
        self.server.delete(f"/instances/{dsid}")

    def test_names_alike_but_for_case_are_ambiguous(self, sample: Sample) -> None:
        """There are none: an id is a hash, and is told in small letters however it was asked for."""
        assert sample.source.describe(sample.pid.upper()).pid == sample.pid

    def test_nothing_stays_open_on_any_way_out(self, sample: Sample) -> None:
        """Idle connections are kept for the next question; none of them is in use."""
        datastream = next(iter(sample.source.describe(sample.pid).datastreams))
        sample.source.open(datastream).close()
        with pytest.raises(ZeroDivisionError), sample.source.open(datastream, 3):
            raise ZeroDivisionError
        self.remove(sample, datastream.dsid)
        with pytest.raises(Exception, match="not in the store"):
            sample.source.open(datastream)
        assert sample.source._peer.client.gate.taken == 0  # type: ignore[attr-defined] # what is counted


@needs_orthanc
class TestAStudy:
    def test_its_instances_are_datastreams_with_size_and_md5_of_the_index(self, filled: Filled) -> None:
        record = filled.source.describe(filled.study)
        by_id = {each["ID"]: octets for each, octets in zip(filled.told, filled.files, strict=True)}
        assert len(record.datastreams) == 7
        assert record.label == "Knee"
        for each in record.datastreams:
            octets = by_id[each.dsid]
            assert (each.size, each.digest("md5"), each.mime) == (
                len(octets),
                hashlib.md5(octets, usedforsecurity=False).hexdigest(),
                "application/dicom",
            )

    def test_it_lies_as_patient_study_and_series(self, filled: Filled) -> None:
        record = filled.source.describe(filled.study)
        assert record.structure is not None
        (patient,) = record.structure.children
        assert isinstance(patient, Division)
        (study,) = patient.children
        assert isinstance(study, Division)
        assert (patient.label, study.label) == ("P-0001 Example Maria", "A-77 Knee")
        series = [each for each in study.children if isinstance(each, Division)]
        assert [(each.label, len(each.children)) for each in series] == [("CT Axial", 4), ("CT Sagittal", 3)]
        assert all(isinstance(each, Pointer) for each in series[0].children)
        assert [each.name for each in record.datastreams][:5] == [f"CT00000{number}.dcm" for number in (1, 2, 3, 4, 1)]

    def test_its_package_has_those_folders(self, filled: Filled) -> None:
        registry = Registry([RoutedSource(source=filled.source)])
        request = parse_request(files=filled.study, maps=None, name=None, formats=frozenset({"tar"}), max_text=2**20, max_entries=10)
        plan = plan_package(request, repositories=registry, rules=RULES, now=NOW)
        top = "data/P-0001 Example Maria/A-77 Knee"
        assert [entry.path for entry in plan.entries] == [
            *(f"{top}/CT Axial/CT00000{number}.dcm" for number in range(1, 5)),
            *(f"{top}/CT Sagittal/CT00000{number}.dcm" for number in range(1, 4)),
        ]
        assert not plan.notices
        layout = lay_out(plan)
        sending = send(
            layout, start=0, stop=layout.length, open_entry=registry.open, transfer=Transfer(None, total=layout.length), doubt=no_doubt()
        )
        assert len(b"".join(sending)) == layout.length

    def test_its_md5s_are_asked_for_once(self, filled: Filled) -> None:
        source = filled.source
        first = source.describe(filled.study)
        asked: list[str] = []
        source._ask_digest = lambda instance: asked.append(instance) or ""  # type: ignore[method-assign,func-returns-value]
        assert source.describe(filled.study) is first
        assert asked == []


@needs_orthanc
def test_a_patient_holds_its_studies_and_a_series_its_instances(filled: Filled) -> None:
    patient = filled.source.describe(f"orthanc:{filled.told[0]['ParentPatient']}")
    assert (len(patient.datastreams), patient.label) == (9, "Example Maria")
    assert patient.structure is not None
    (folder,) = patient.structure.children
    assert isinstance(folder, Division)
    assert [each.label for each in folder.children if isinstance(each, Division)] == ["A-78 Hip", "A-77 Knee"]
    series = filled.source.describe(f"orthanc:{filled.told[0]['ParentSeries']}")
    assert (len(series.datastreams), series.label) == (4, "Axial")


@needs_orthanc
def test_compressed_storage_and_one_without_md5_give_the_same_bytes(tmp_path: Path) -> None:
    files = list(make_study(KNEE))
    with orthanc(tmp_path, settings={"StorageCompression": True, "StoreMD5ForAttachments": False}) as server:
        told = server.fill(files)
        source = source_of(server.url)
        record = source.describe(f"orthanc:{told[0]['ParentStudy']}")
        by_id = {each["ID"]: octets for each, octets in zip(told, files, strict=True)}
        for each in record.datastreams:
            assert (each.digests, each.size) == ((), len(by_id[each.dsid]))
            with source.open(each, 100) as content:
                assert drain(content) == by_id[each.dsid][100:]


@needs_orthanc
def test_a_study_that_grew_is_another_record(tmp_path: Path) -> None:
    with orthanc(tmp_path) as server:
        told = server.fill(make_study(Study(series=(("Axial", 2),))))
        source, pid = source_of(server.url), f"orthanc:{told[0]['ParentStudy']}"
        first = source.describe(pid)
        server.fill(make_study(Study(series=(("Axial", 3),))))
        assert len(source.describe(pid).datastreams) == len(first.datastreams) + 1
        server.delete(f"/studies/{told[0]['ParentStudy']}")
        with pytest.raises(ObjectNotFound):
            source.describe(pid)


@needs_orthanc
def test_a_server_that_wants_a_password_gets_it(tmp_path: Path) -> None:
    settings = {"AuthenticationEnabled": True, "RegisteredUsers": {"packager": "open-sesame"}}
    with orthanc(tmp_path, settings=settings) as server:
        body = next(make_study(KNEE))
        told = requests.post(f"{server.url}/instances", data=body, auth=("packager", "open-sesame"), timeout=30).json()
        pid = f"orthanc:{told['ParentStudy']}"
        login = Login(user="packager", password="open-sesame")
        assert len(source_of(server.url, login).describe(pid).datastreams) == 1
        with pytest.raises(SourceUnavailable):
            source_of(server.url).describe(pid)


@pytest.mark.parametrize("pid", ["orthanc:1", "orthanc:..%2F..", "no pid", "orthanc:", f"orthanc:{'g' * 44}"])
def test_what_is_no_id_is_not_asked_for(pid: str) -> None:
    with pytest.raises(ObjectNotFound):
        source_of("http://127.0.0.1:1").describe(pid)


SOME = "-".join(["0123abcd"] * 5)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"[" * 100_000, b'{"ID": 3, "MainDicomTags": []}'])
def test_what_is_not_of_the_shape_is_unavailable_or_holds_nothing(body: bytes) -> None:
    with running(PeerServer(lambda _: Answer(body=body))) as server, pytest.raises(SourceUnavailable):
        source_of(server.url).describe(f"orthanc:{SOME}")


def test_an_instance_that_is_deleted_meanwhile_is_not_there_any_more() -> None:
    other = "-".join(["abcdef01"] * 5)
    listed = json.dumps([{"ID": each, "FileSize": 3, "FileUuid": each, "ParentSeries": "s"} for each in (SOME, other)])

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/md5"):
            return Answer(status=404) if other in asked.path else Answer(body=b"0" * 32)
        if asked.path.endswith("/instances"):
            return Answer(body=listed.encode())
        if asked.path.endswith("/series"):
            return Answer(body=b'[{"ID": "s", "ParentStudy": "' + SOME.encode() + b'"}]')
        return Answer(body=b'{"ID": "' + SOME.encode() + b'"}')

    with running(PeerServer(answer)) as server:
        record = source_of(server.url).describe(f"orthanc:{SOME}")
    assert [each.dsid for each in record.datastreams] == [SOME]


def test_other_bytes_under_the_same_id_are_known_by_their_entity_tag() -> None:
    planned = {"size": 3, "location": "/x", "identity": "u:3:0"}
    digest = hashlib.md5(b"abc", usedforsecurity=False).hexdigest()

    def opened(tag: str) -> Callable[[], bytes]:
        def read() -> bytes:
            with running(PeerServer(lambda _: Answer(body=b"abc", headers={"ETag": tag}))) as server:
                from getapi.core.source import DatastreamRecord, Digest

                datastream = DatastreamRecord(
                    pid="orthanc:1",
                    dsid="i",
                    version="u",
                    digests=(Digest(algorithm="md5", value=digest),),
                    **planned,  # type: ignore[arg-type]
                )
                with source_of(server.url).open(datastream) as content:
                    return drain(content)

        return read

    for tag in (f'"0-{digest}"', f'W/"3-{digest}"', '"0-"', ""):
        assert opened(tag)() == b"abc"
    with pytest.raises(ContentChanged):
        opened(f'"1-{"0" * 32}"')()


class TestHostilePeer(HostilePeer):
    @pytest.fixture(params=[True, False], ids=["1.12.5", "1.10.1"])
    def target(self, request: pytest.FixtureRequest) -> Iterator[Target]:
        """Of one instance, as a real server answers."""
        body = bytes(range(256)) * 1200
        digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
        listed = [{"ID": SOME, "FileSize": len(body), "FileUuid": "u", "ParentSeries": SOME}]

        def answer(asked: Asked) -> Answer:
            match asked.path.strip("/").split("/"):
                case ["studies", name] if name == SOME:
                    return Answer(body=json.dumps({"ID": SOME}).encode())
                case ["studies", _, "series"]:
                    return Answer(body=json.dumps([{"ID": SOME, "ParentStudy": SOME}]).encode())
                case ["studies", _, "instances"]:
                    return Answer(body=json.dumps(listed).encode())
                case [*_, "md5"]:
                    return Answer(body=digest.encode())
                case [*_, "data"]:
                    headers = {"Content-Type": "application/dicom", "ETag": f'"0-{digest}"'}
                    return Answer(body=body, headers=headers, ranged=request.param)
            return Answer(status=404)

        with running(PeerServer(answer)) as server:
            peer = Peer.at(server.url, repository="pacs", private=True, patience=PATIENCE, silence=SILENCE)
            source = OrthancSource(name="pacs", peer=peer)
            yield Target(source=source, server=server, pid=f"orthanc:{SOME}", is_content=lambda asked: asked.path.endswith("/data"))
