"""What every adapter's tests inherit: the promises of core.source.Source and core.source.Content."""

import hashlib
import os

import pytest

from getapi.core.errors import AmbiguousName, ContentChanged, ContentMissing, ObjectNotFound
from getapi.core.source import Content
from tests.sources.stores import Sample


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def drain(content: Content, count: int = 1 << 20) -> bytes:
    return b"".join(iter(lambda: content.read(count), b""))


class SourceContract:
    """Subclasses give the fixture ``sample``, and say how a datastream's bytes are replaced and removed behind the source's back."""

    def replace(self, sample: Sample, dsid: str, octets: bytes) -> None:
        raise NotImplementedError

    def remove(self, sample: Sample, dsid: str) -> None:
        raise NotImplementedError

    def test_an_object_is_told_with_its_own_pid_and_the_sources_name(self, sample: Sample) -> None:
        record = sample.source.describe(sample.pid)
        assert (record.pid, record.repository) == (sample.pid, sample.source.name)
        assert all(datastream.pid == sample.pid for datastream in record.datastreams)

    def test_an_unknown_object_is_not_found(self, sample: Sample) -> None:
        with pytest.raises(ObjectNotFound):
            sample.source.describe(sample.unknown)

    def test_names_alike_but_for_case_are_ambiguous(self, sample: Sample) -> None:
        with pytest.raises(AmbiguousName):
            sample.source.describe(sample.ambiguous)

    def test_the_bytes_are_those_that_the_record_tells_of(self, sample: Sample) -> None:
        for dsid, octets in sample.contents.items():
            datastream = sample.datastream(dsid)
            with sample.source.open(datastream) as content:
                read = drain(content, 7)
                content.confirm()
            assert read == octets
            assert datastream.size in {None, len(octets)}
            for digest in datastream.digests:
                assert hashlib.new(digest.algorithm, octets).hexdigest() == digest.value

    def test_every_start_gives_the_rest_and_the_size_of_the_whole(self, sample: Sample) -> None:
        for dsid, octets in sample.contents.items():
            for start in (0, 1, len(octets) // 2, len(octets) - 1, len(octets)):
                with sample.source.open(sample.datastream(dsid), start) as content:
                    assert content.size == len(octets)
                    assert drain(content) == octets[start:]

    def test_a_descriptor_shows_the_whole_from_its_first_octet(self, sample: Sample) -> None:
        for dsid, octets in sample.contents.items():
            with sample.source.open(sample.datastream(dsid), 3) as content:
                content.read(2)
                descriptor = content.descriptor()
                assert descriptor is None or os.pread(descriptor, len(octets) + 1, 0) == octets

    def test_other_bytes_than_described_are_not_opened(self, sample: Sample) -> None:
        for dsid, octets in sample.contents.items():
            planned = sample.datastream(dsid)
            self.replace(sample, dsid, octets[:-1] if len(octets) % 2 else octets[:-4] + octets[:4])
            with pytest.raises(ContentChanged):
                sample.source.open(planned)

    def test_bytes_that_are_gone_are_missing(self, sample: Sample) -> None:
        for dsid in sample.contents:
            planned = sample.datastream(dsid)
            self.remove(sample, dsid)
            with pytest.raises(ContentMissing):
                sample.source.open(planned)

    def test_nothing_stays_open_on_any_way_out(self, sample: Sample) -> None:
        before = descriptors()
        for dsid, octets in sample.contents.items():
            planned = sample.datastream(dsid)
            content = sample.source.open(planned)
            content.close()
            content.close()
            with pytest.raises(ZeroDivisionError), sample.source.open(planned):
                raise ZeroDivisionError
            self.replace(sample, dsid, octets + b"?")
            with pytest.raises(ContentChanged):
                sample.source.open(planned)
        assert descriptors() == before
