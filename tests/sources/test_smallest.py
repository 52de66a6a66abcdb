"""The smallest adapter, run as docs/sources.md shows it."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from getapi import conf
from getapi.core.errors import SourceUnavailable
from tests.sources.contract import SourceContract
from tests.sources.stores import Sample

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sources.md"
CONTENTS = {"page-1.tif": b"II*\0" + bytes(997), "text": b"some text", "data.xml": b"<data/>" * 9}


_BLOCK = re.compile(r"`(getapi/[a-z/]+\.py)`[^`]*(?:`[^`\n]+`[^`]*)*?^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
TABLES = "getapi/conf/repositories.py"


def files_of_the_page() -> dict[str, str]:
    """The page's code by the file that it belongs to."""
    page = PAGE.read_text(encoding="utf-8")
    found = dict(_BLOCK.findall(page[page.index("## How to write an adapter") :]))
    assert set(found) == {"getapi/sources/folder.py", TABLES, "getapi/services/adapters/folder.py"}
    return found


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the page's files hold, each in its place."""
    names: dict[str, Any] = {}
    for file, text in files_of_the_page().items():
        place = file.removesuffix(".py").replace("/", ".")
        module = sys.modules.get(place) or ModuleType(place)
        monkeypatch.setitem(sys.modules, place, module)
        if file == TABLES:
            monkeypatch.setattr(module, "FolderRepository", None, raising=False)  # it goes again with the test
        exec(compile(text, str(PAGE), "exec"), vars(module))  # noqa: S102 # the page's own code is what is tested
        names |= vars(module)
    return names


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


def test_who_follows_the_page_has_a_type_that_works(tmp_path: Path, root: Path) -> None:
    """Nothing but what the page says is done to a copy of the project."""
    for name in ("getapi", "packaging_service", "manage.py"):
        there = PAGE.parents[1] / name
        (shutil.copytree if there.is_dir() else shutil.copy)(there, tmp_path / name)
    for file, text in files_of_the_page().items():
        if file == TABLES:
            before = (tmp_path / file).read_text(encoding="utf-8")
            text = before.replace("_Kind = ", f"{text}\n\n_Kind = FolderRepository | ")  # noqa: PLW2901 # what is written into the file
        (tmp_path / file).write_text(text, encoding="utf-8")
    (tmp_path / "packaging.toml").write_text(f'[[repositories]]\nname = "main"\ntype = "folder"\nroot = "{root}"\n', encoding="utf-8")

    def manage(*arguments: str) -> str:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PACKAGING_", "DJANGO_", "COV", "PYTHON"))}
        made = subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=tmp_path, env=kept, capture_output=True, text=True, timeout=120, check=False
        )
        assert made.returncode == 0, made.stderr
        return made.stdout

    manage("migrate", "--verbosity", "0")
    assert manage("check_sources") == f"main: root: can be read ({root})\n"
    manage("write_package", "demo:Object-1", "--output", "package.zip", "--format", "zip")
    with zipfile.ZipFile(tmp_path / "package.zip") as package:
        payload = {
            name.rpartition("_")[2]: package.read(name) for name in package.namelist() if "/data/" in name and not name.endswith("/")
        }
    assert sorted(payload.values()) == sorted(CONTENTS.values())
