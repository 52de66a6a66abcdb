"""The demonstration repository is the same every time, lies where Fedora would put it, and holds files that open."""

import hashlib
import io
import re
import struct
import subprocess
import sys
import wave
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from fixtures import build
from fixtures.foxml import declare_inline
from fixtures.media.jp2 import write_jp2
from fixtures.media.jpeg import write_jpeg
from fixtures.media.pdf import write_pdf
from fixtures.media.picture import Picture, draw_hills, draw_page, shrink
from fixtures.media.png import write_png
from fixtures.media.tiff import write_tiff
from fixtures.media.wav import write_wav
from fixtures.store import akubra_path, legacy_path
from getapi.sources.akubra import AkubraLayout
from getapi.sources.legacy import LegacyLayout

TOP = Path(__file__).parent.parent


def snapshot(root: Path) -> Iterator[tuple[str, int, bytes]]:
    for path in sorted(root.rglob("*")):
        yield str(path.relative_to(root)), path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b""


# The build


@pytest.mark.parametrize("layout", ["akubra", "legacy"])
def test_two_builds_have_the_same_octets_and_times(tmp_path: Path, layout: str) -> None:
    for name in ("one", "two"):
        build(tmp_path / name, layout=layout)
    assert list(snapshot(tmp_path / "one")) == list(snapshot(tmp_path / "two"))


def test_the_whole_is_small(tmp_path: Path) -> None:
    build(tmp_path)
    assert sum(len(octets) for _, _, octets in snapshot(tmp_path)) < 4_000_000


def test_building_again_in_the_other_layout_leaves_nothing_of_the_first(tmp_path: Path) -> None:
    build(tmp_path)
    build(tmp_path, layout="legacy")
    assert {path.name for path in tmp_path.iterdir()} == {"DEMONSTRATION.txt", "objects", "datastreams"}


@pytest.mark.parametrize("folder", ["objects", "datastreams", "objectStore", "datastreamStore"])
def test_a_store_that_is_somebodys_own_is_not_touched(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "theirs").touch()
    with pytest.raises(FileExistsError, match="already"):
        build(tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == [folder, "theirs"]


@pytest.mark.parametrize(
    "wrong", [{"layout": "ocfl"}, {"object_pattern": "/##"}, {"datastream_pattern": "#" * 33}, {"object_pattern": "../#"}]
)
def test_an_unknown_layout_or_pattern_is_refused_before_anything_is_written(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=re.escape(next(iter(wrong.values())))):
        build(tmp_path / "new", **wrong)
    assert not (tmp_path / "new").exists()


def test_the_module_and_the_command_say_where_the_stores_are(tmp_path: Path) -> None:
    out = io.StringIO()
    call_command("make_fixtures", str(tmp_path), "--layout", "legacy", stdout=out)
    run = subprocess.run(
        [sys.executable, "-m", "fixtures", tmp_path, "--layout", "legacy"], cwd=TOP, capture_output=True, text=True, check=True
    )
    assert run.stdout == out.getvalue()
    assert f"objects = {tmp_path / 'objects'}\n" in run.stdout


def test_the_module_and_the_command_refuse_what_build_refuses(tmp_path: Path) -> None:
    (tmp_path / "objects").mkdir()
    with pytest.raises(CommandError, match="already"):
        call_command("make_fixtures", str(tmp_path))
    run = subprocess.run([sys.executable, "-m", "fixtures", tmp_path], cwd=TOP, capture_output=True, text=True, check=False)
    assert (run.returncode, "already" in run.stderr, "Traceback" in run.stderr) == (2, True, False)


# The store's paths, by two hands


TOKENS = {
    "demo:5": "df/info%3Afedora%2Fdemo%3A5",
    "demo:5+THUMBRES_IMG+THUMBRES_IMG1.0": "df/info%3Afedora%2Fdemo%3A5%2FTHUMBRES%5FIMG%2FTHUMBRES%5FIMG1.0",
    "rutgers-lib:5678+JPEG-1+JPEG-1.1": "03/info%3Afedora%2Frutgers-lib%3A5678%2FJPEG-1%2FJPEG-1.1",
    "test:a~b_c.": "6a/info%3Afedora%2Ftest%3Aa%7Eb%5Fc%2E",
    "test:x%2Fy": "dc/info%3Afedora%2Ftest%3Ax%252Fy",
}


@pytest.mark.parametrize(("token", "path"), TOKENS.items())
def test_akubra_paths_are_those_of_real_stores(token: str, path: str) -> None:
    assert akubra_path(token, "##") == path


@pytest.mark.parametrize(
    ("token", "path"),
    [
        ("example:1+DS2+DS2.0", "2015/0430/16/01/example_1+DS2+DS2.0"),
        ("llgc-id:1591190", "2015/0430/16/01/llgc-id_1591190"),
        ("test:a_b.", "2015/0430/16/01/test_a_b%"),
    ],
)
def test_legacy_paths_are_those_of_real_stores(token: str, path: str) -> None:
    assert legacy_path(token, "2015-04-30T16:01:59.000Z") == path


PID = st.from_regex(r"[A-Za-z0-9.\-]{1,8}:([A-Za-z0-9.\-~_]|%[0-9A-F]{2}){1,12}", fullmatch=True)
DSID = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="+:/%"), min_size=1, max_size=20)
TOKEN = st.one_of(PID, st.builds("{}+{}+{}".format, PID, DSID, DSID))
PATTERN = st.from_regex(r"#{1,4}(/#{1,4}){0,3}|", fullmatch=True)


@given(token=TOKEN, pattern=PATTERN)
def test_two_independent_writers_of_akubra_paths_agree(token: str, pattern: str) -> None:
    assert akubra_path(token, pattern) == AkubraLayout(pattern=pattern).path(token)


@given(token=TOKEN)
def test_the_reader_of_legacy_names_takes_back_what_was_written(token: str) -> None:
    assert LegacyLayout().token(legacy_path(token, "2015-04-30T16:01:59.000Z").rpartition("/")[2]) == token


# The files


def test_media_are_the_octets_that_foreign_readers_opened() -> None:
    """Digests of small files that Pillow, pypdf and Python's wave read; a writer that changes has to be tried on them again."""
    page, hills = draw_page(["It rose at dawn: 'six', 1903!"], width=250, height=60), draw_hills(3, width=50, height=37)
    made = (
        write_jpeg(page), write_jpeg(hills), write_png(hills), write_tiff(hills, description="Hills"), write_jp2(50, 37),
        write_wav([(262, 30), (392, 90)]), write_pdf("A (title)", [["Hello (world) \\ é"], ["two"]]),
    )  # fmt: skip
    assert hashlib.sha256(b"".join(made)).hexdigest() == "ad6eebf79b195f0a5a19ced76fa21b2840bf5842e1f04ac10bebd8bb35c35b29"


def test_a_png_holds_its_pixels() -> None:
    picture = draw_hills(1, width=300, height=250)
    data = write_png(picture)
    place = data.index(b"IDAT")
    rows = zlib.decompress(data[place + 4 : place + 4 + struct.unpack(">I", data[place - 4 : place])[0]])
    assert b"".join(rows[start + 1 : start + 301] for start in range(0, len(rows), 301)) == picture.pixels


def test_a_tiff_says_where_its_pixels_are() -> None:
    picture = draw_hills(2, width=33, height=21)
    data = write_tiff(picture, description="odd")
    fields = dict(struct.unpack_from("<H6xI", data, 10 + 12 * place) for place in range(struct.unpack_from("<H", data, 8)[0]))
    assert (fields[256], fields[257]) == (33, 21)
    assert data[fields[273] : fields[273] + fields[279]] == picture.pixels


def test_a_wav_is_as_long_as_its_notes() -> None:
    with wave.open(io.BytesIO(write_wav([(440, 500), (220, 250)]))) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getnframes() / sound.getframerate()) == (
            1,
            2,
            pytest.approx(0.75, abs=1e-3),
        )


def test_every_offset_of_a_pdf_is_that_of_its_object() -> None:
    data = write_pdf("Title", [["a"], ["b"], ["(c"]])
    table = data[int(data.rsplit(b"startxref\n", 1)[1].split()[0]) :]
    offsets = [int(line[:10]) for line in re.findall(rb"\d{10} 00000 n \n", table)]
    assert [data[offset:].split(b" ", 1)[0] for offset in offsets] == [b"%d" % number for number in range(1, len(offsets) + 1)]
    assert data.count(b"/Type /Page ") == 3


@given(width=st.integers(1, 40), height=st.integers(1, 40), factor=st.integers(1, 9))
def test_a_thumbnail_has_a_pixel_for_each_step(width: int, height: int, factor: int) -> None:
    small = shrink(Picture(width=width, height=height, pixels=bytes(width * height)), factor)
    assert (small.width, small.height, len(small.pixels)) == (-(-width // factor), -(-height // factor), small.width * small.height)


def test_the_inline_digest_is_the_one_fedora_computes() -> None:
    """A record of the University of Wisconsin and its stored MD5 (reference: FOXML 1.1, inline checksums)."""
    xml = (
        '<oai_dc:dc xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://www.openarchives.org/OAI/2.0/oai_dc/ '
        'http://www.openarchives.org/OAI/2.0/oai_dc.xsd">\n  <dc:identifier>1711.dl:FEG6WWJ664RHQ8X</dc:identifier>\n</oai_dc:dc>'
    )
    assert declare_inline(xml) == ("MD5", "fe1785a35ef9d3992bcb90ffecde85f8")
