"""The smallest adapter, run as docs/sources.md shows it."""

import re
from pathlib import Path
from typing import Any

import pytest

from getapi import conf
from getapi.core.errors import SourceUnavailable
from tests.sources.contract import SourceContract
from tests.sources.stores import Sample

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sources.md"
CONTENTS = {"page-1.tif": b"II*\0" + bytes(997), "text": b"some text", "data.xml": b"<data/>" * 9}


@pytest.fixture(scope="module")
def shown() -> dict[str, Any]:
    """The page's code, one block after the other, as if it were one module."""
    module: dict[str, Any] = {"__name__": "shown"}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        exec(compile(block, str(PAGE), "exec"), module)  # noqa: S102 # the page's own code is what is tested
    return module


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for pid in ("demo:Object-1", "demo:Twin", "demo:TWIN", "no pid"):
        (tmp_path / "root" / pid).mkdir(parents=True)
    for name, octets in CONTENTS.items():
        (tmp_path / "root" / "demo:Object-1" / name).write_bytes(octets)
    return tmp_path / "root"


@pytest.fixture
def source(shown: dict[str, Any], root: Path) -> Any:
    table = shown["FolderRepository"].model_validate({"name": "main", "type": "folder", "root": str(root)}, context={"folder": root})
    return shown["ADAPTER"].build(table, conf.unconfigured())


class TestTheSmallestIsASource(SourceContract):
    @pytest.fixture
    def sample(self, source: Any) -> Sample:
        return Sample(source=source, pid="demo:Object-1", contents=CONTENTS, unknown="demo:unknown", ambiguous="DEMO:tWIN")

    def replace(self, sample: Sample, dsid: str, octets: bytes) -> None:
        self.file(sample, dsid).write_bytes(octets)

    def remove(self, sample: Sample, dsid: str) -> None:
        self.file(sample, dsid).unlink()

    def file(self, sample: Sample, dsid: str) -> Path:
        source: Any = sample.source
        return Path(source._root) / sample.datastream(dsid).location


def test_what_is_no_regular_file_is_no_datastream(source: Any, root: Path) -> None:
    (root / "demo:Object-1" / "link").symlink_to(root / "demo:Object-1" / "text")
    (root / "demo:Object-1" / "folder").mkdir()
    assert [each.dsid for each in source.describe("demo:OBJECT-1").datastreams] == sorted(CONTENTS)


def test_a_folder_that_is_away_is_told_as_that(shown: dict[str, Any], source: Any, root: Path) -> None:
    root.rename(root.with_name("away"))
    with pytest.raises(SourceUnavailable):
        source.describe("demo:Object-1")
    table = shown["FolderRepository"].model_validate({"name": "main", "type": "folder", "root": str(root)}, context={"folder": root})
    assert [remark.sound for remark in shown["ADAPTER"].examine(table)] == [False]
