"""mod_zip's list of range cases (its ziptest.pl), all of it, in each format, from two services in turn; several ranges are the whole."""

import itertools
from collections.abc import Iterator

import pytest
from django.utils.http import http_date, parse_http_date

from tests.sources.stores import BuiltStore
from tests.web.resume.asking import Reply, ask, get
from tests.web.resume.conftest import Twins
from tests.web.resume.kept import Kept
from tests.web.resume.material import Part, file_of, put_object
from tests.web.server import Server


class Reader:
    """Asks one of two services after the other, as a reader behind a balancer does."""

    def __init__(self, twins: Twins, kept: Kept) -> None:
        self.kept = kept
        self._servers = itertools.cycle(twins.both)

    @property
    def server(self) -> Server:
        return next(self._servers)

    def get(self, **fields: str) -> Reply:
        return get(self.server, self.kept.address, **fields)

    def expect(self, field: str, start: int, stop: int, **fields: str) -> None:
        """``Range: bytes=FIELD`` gives the octets from ``start`` to ``stop`` (not included)."""
        answer = self.get(range=f"bytes={field}", **fields)
        assert (answer.status, answer.body) == (206, self.kept.whole[start:stop])
        assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{self.kept.size}"
        assert answer.headers["Content-Length"] == str(stop - start)
        validators = answer.headers["ETag"], answer.headers["Last-Modified"], answer.headers["Content-Location"]
        assert validators == (self.kept.etag, self.kept.modified, self.kept.address)

    def expect_whole(self, **fields: str) -> None:
        answer = self.get(**fields)
        assert (answer.status, answer.body) == (200, self.kept.whole)
        assert "Content-Range" not in answer.headers
        assert answer.headers["Accept-Ranges"] == "bytes"


@pytest.fixture
def reader(twins: Twins, kept: Kept) -> Reader:
    return Reader(twins, kept)


class TestOne:
    @pytest.mark.parametrize("beyond", [0, 1, 10_000, 10**30])
    def test_beyond_the_end(self, reader: Reader, beyond: int) -> None:
        first = reader.kept.size + beyond
        for field in (f"bytes={first}-{first + 1}", f"bytes={first}-"):
            answer = reader.get(range=field)
            assert (answer.status, answer.body, answer.headers["Content-Range"]) == (416, b"", f"bytes */{reader.kept.size}")
            assert answer.headers["Content-Length"] == "0"

    def test_the_first_two_octets(self, reader: Reader) -> None:
        reader.expect("0-1", 0, 2)

    def test_a_single_octet_anywhere(self, reader: Reader) -> None:
        for start in (0, 1, reader.kept.size // 2, reader.kept.size - 2, reader.kept.size - 1):
            reader.expect(f"{start}-{start}", start, start + 1)

    def test_a_part_of_a_header(self, reader: Reader) -> None:
        for member in reader.kept.members:
            reader.expect(f"{member.header + 3}-{member.start - 2}", member.header + 3, member.start - 1)

    def test_octet_by_octet_over_a_header(self, reader: Reader) -> None:
        """CRC-32 and checksums too, which are not known before the content was read."""
        member = reader.kept.members[3]
        for start in range(member.header - 1, member.header + 34):
            reader.expect(f"{start}-{start}", start, start + 1)

    def test_one_file_and_nothing_else(self, reader: Reader) -> None:
        for member in reader.kept.members:
            if member.stop > member.start:
                reader.expect(f"{member.start}-{member.stop - 1}", member.start, member.stop)

    def test_a_part_of_a_file(self, reader: Reader) -> None:
        for member in reader.kept.members:
            if member.stop - member.start > 20:
                reader.expect(f"{member.start + 3}-{member.start + 12}", member.start + 3, member.start + 13)

    def test_a_file_with_its_header(self, reader: Reader) -> None:
        for member in reader.kept.members:
            reader.expect(f"{member.header}-{member.stop}", member.header, member.stop + 1)

    def test_across_files(self, reader: Reader) -> None:
        for first, second in itertools.pairwise(reader.kept.members):
            start, stop = (first.start + first.stop) // 2, max((second.start + second.stop) // 2, second.start + 1)
            reader.expect(f"{start}-{stop - 1}", start, stop)

    def test_across_all_files(self, reader: Reader) -> None:
        reader.expect(f"1-{reader.kept.size - 2}", 1, reader.kept.size - 1)

    def test_an_open_end(self, reader: Reader) -> None:
        for start in (0, 1, 511, 512, reader.kept.size // 3, reader.kept.size - 1):
            reader.expect(f"{start}-", start, reader.kept.size)

    def test_a_suffix(self, reader: Reader) -> None:
        size = reader.kept.size
        for count in (1, 22, 512, 10_240, size - 1, size, 10 * size):
            reader.expect(f"-{count}", max(size - count, 0), size)

    def test_a_suffix_of_nothing(self, reader: Reader) -> None:
        assert reader.get(range="bytes=-0").status == 416

    def test_an_end_behind_the_end(self, reader: Reader) -> None:
        reader.expect(f"7-{10**20}", 7, reader.kept.size)


@pytest.mark.parametrize("field", ["0-1,5-9", "5-9,0-1", "0-,-1", "0-0, 0-0, 0-0", "0-9,3000000-3000009,-5"])
def test_several_in_either_order_are_answered_by_the_whole(reader: Reader, field: str) -> None:
    reader.expect_whole(range=f"bytes={field}")


@pytest.mark.parametrize("field", ["bytes", "bytes=", "bytes=-", "bytes=9-1", "bytes=x-y", "octets=0-1", "0-1", "bytes 0-1"])
def test_malformed_and_unknown_ones_are_answered_by_the_whole(reader: Reader, field: str) -> None:
    reader.expect_whole(range=field)


class TestIfRange:
    def test_the_right_date_and_a_wrong_one(self, reader: Reader) -> None:
        reader.expect("9-", 9, reader.kept.size, if_range=reader.kept.modified)
        for seconds in (-1, 1, 86_400):
            reader.expect_whole(range="bytes=9-", if_range=http_date(parse_http_date(reader.kept.modified) + seconds))

    def test_the_right_tag_and_a_wrong_one(self, reader: Reader) -> None:
        etag = reader.kept.etag
        reader.expect("9-", 9, reader.kept.size, if_range=etag)
        for wrong in ('"other"', f"W/{etag}", etag.strip('"'), f"{etag}, {etag}"):
            reader.expect_whole(range="bytes=9-", if_range=wrong)

    def test_without_a_range_it_says_nothing(self, reader: Reader) -> None:
        reader.expect_whole(if_range='"other"')


class TestBrowsers:
    """Chromium resumes with If-Range and now and then If-Match, Firefox with If-Match and If-Unmodified-Since."""

    def test_what_they_need_is_in_the_first_answer(self, reader: Reader) -> None:
        answer = reader.get()
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert answer.headers["ETag"].startswith('"')
        assert int(answer.headers["Content-Length"]) == reader.kept.size
        assert "no-store" not in answer.headers["Cache-Control"]
        assert "Content-Encoding" not in answer.headers
        assert "Transfer-Encoding" not in answer.headers

    def test_chromium(self, reader: Reader) -> None:
        reader.expect("4096-", 4096, reader.kept.size, if_range=reader.kept.etag)
        reader.expect("4096-", 4096, reader.kept.size, if_range=reader.kept.etag, if_match=reader.kept.etag)

    def test_firefox(self, reader: Reader) -> None:
        fields = {"if_match": reader.kept.etag, "if_unmodified_since": reader.kept.modified}
        reader.expect("4096-", 4096, reader.kept.size, **fields)
        for name, wrong in (("if_match", '"other"'), ("if_match", f"W/{reader.kept.etag}")):
            answer = reader.get(**{**fields, name: wrong}, range="bytes=4096-")
            assert (answer.status, answer.body) == (412, b"")

    def test_if_match_decides_where_both_are_said(self, reader: Reader) -> None:
        early = http_date(parse_http_date(reader.kept.modified) - 60)
        answer = reader.get(range="bytes=4096-", if_unmodified_since=early)
        assert (answer.status, answer.body) == (412, b"")
        reader.expect("4096-", 4096, reader.kept.size, if_match=reader.kept.etag, if_unmodified_since=early)

    def test_what_they_have_whole_is_not_sent_again(self, reader: Reader) -> None:
        for fields in ({"if_none_match": reader.kept.etag}, {"if_modified_since": reader.kept.modified}):
            answer = reader.get(**fields, range="bytes=0-1")
            assert (answer.status, answer.body) == (304, b"")


def test_head_with_a_range_is_head_of_the_whole(reader: Reader) -> None:
    answer = ask(reader.server, "HEAD", reader.kept.address, headers={"Range": "bytes=0-1"})
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", str(reader.kept.size))
    assert answer.headers["Accept-Ranges"] == "bytes"


def test_a_package_of_136_files(twins: Twins, kind: str, store: BuiltStore) -> None:
    parts = [Part(dsid=f"DS-{number}.é", octets=b"%d" % number * number) for number in range(136)]
    put_object(store, "many:1", *parts)
    kept = Kept(twins.application.package("many:1", kind), kind)
    assert len([member for member in kept.members if "_DS-" in member.name]) == 136
    reader = Reader(twins, kept)
    for start in range(0, kept.size, 20_011):
        stop = min(start + 1000, kept.size)
        reader.expect(f"{start}-{stop - 1}", start, stop)


def test_a_package_without_a_file_but_with_its_empty_folder(twins: Twins, kind: str) -> None:
    kept = Kept(twins.application.package("nobody:1", kind), kind)
    assert b"/data/" in kept.whole
    Reader(twins, kept).expect("-600", kept.size - 600, kept.size)


HUGE = 5 << 30
FAR = [(4 << 30) - 6, (4 << 30) + 200_007, HUGE - (1 << 20)]


@pytest.fixture
def huge(store: BuiltStore) -> Iterator[str]:
    """Sparse: where its octets are not zero they say where they are. Nobody is to read it whole, so it goes again."""
    put_object(store, "huge:1", Part(dsid="A", octets=b""))
    with file_of(store, "huge:1", "A").open("wb") as handle:
        handle.truncate(HUGE)
        for place in FAR:
            handle.seek(place)
            handle.write(b"<%d>" % place)
    yield "huge:1"
    for file in (store.path("huge:1"), file_of(store, "huge:1", "A")):
        file.unlink()


def test_a_file_beyond_four_gibibytes(twins: Twins, kind: str, huge: str) -> None:
    address, shifts = twins.application.link(huge, kind), set()
    for server, place in itertools.product(twins.both, FAR):
        answer = get(server, address, range=f"bytes={place - 50_000}-{place + 50_000}")
        assert answer.status == 206
        assert answer.body.strip(b"\0") == b"<%d>" % place
        assert int(answer.headers["Content-Range"].rpartition("/")[2]) > HUGE
        shifts.add(answer.body.index(b"<"))
    assert len(shifts) == 1, "what comes before the file is as long at each of them"
