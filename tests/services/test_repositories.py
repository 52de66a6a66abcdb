import io
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from fixtures import Repository, build
from getapi.conf.repositories import TYPES
from getapi.core.errors import ObjectNotFound
from getapi.services.adapters import Adapter
from getapi.services.index import scan
from getapi.services.repositories import registry, stores
from tests.conftest import Configure

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def akubra(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return build(tmp_path_factory.mktemp("akubra"), object_pattern="#/##")


@pytest.fixture(scope="module")
def legacy(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return build(tmp_path_factory.mktemp("legacy"), layout="legacy")


def table(repository: Repository, *, name: str = "demo", more: str = "") -> str:
    return f"""
    [[repositories]]
    name = "{name}"
    type = "fedora3"
    objects = "{repository.objects}"
    datastreams = "{repository.datastreams}"
    layout = "{repository.layout}"
    object_pattern = "{repository.object_pattern}"
    datastream_pattern = "{repository.datastream_pattern}"
    {more}
    """


class TestRegistry:
    def test_reads_each_repository_as_it_is_configured(self, akubra: Repository, legacy: Repository, configure: Configure) -> None:
        configure(table(akubra) + table(legacy, name="old", more='namespaces = ["rutgers-lib"]'))
        for store in stores():
            scan(store)
        found = registry().describe("rutgers-lib:5678")
        assert (found.pid, found.repository) == ("rutgers-lib:5678", "old")
        assert registry().by_name("demo").describe("rutgers-lib:5678").repository == "demo"
        assert [store.name for store in stores()] == ["demo", "old"]
        assert (stores()[1].roots["objects"], stores()[1].dated) == (legacy.objects, True)

    def test_is_built_once_for_a_configuration(self, akubra: Repository, configure: Configure) -> None:
        configure(table(akubra))
        first = registry()
        assert registry() is first
        configure(table(akubra))
        assert registry() is not first

    def test_applies_the_administrator_s_embargo_rules(self, akubra: Repository, configure: Configure) -> None:
        rule = '[[embargo.rules]]\nname = "all"\ndatastream = "DC"\nxpath = "string(\'never\')"'
        configure(table(akubra))
        before = registry().describe("rutgers-lib:5678").restrictions
        configure(table(akubra) + rule)
        assert len(registry().describe("rutgers-lib:5678").restrictions) == len(before) + 1

    def test_every_type_has_an_adapter_that_others_do_without(
        self, akubra: Repository, configure: Configure, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for kind in TYPES:
            assert isinstance(import_module(f"getapi.services.adapters.{kind}").ADAPTER, Adapter)
            if kind != "fedora3":
                monkeypatch.setitem(sys.modules, f"getapi.services.adapters.{kind}", None)
        configure(table(akubra))
        assert registry().describe("rutgers-lib:5678").repository == "demo"

    def test_without_repositories_has_no_object(self, configure: Configure) -> None:
        configure()
        assert stores() == []
        with pytest.raises(ObjectNotFound):
            registry().describe("rutgers-lib:5678")


def check(configure: Configure, *repositories: Repository) -> str:
    """What check_sources says; with its last word where it fails."""
    configure("".join(table(repository, name=f"r{number}") for number, repository in enumerate(repositories)))
    out = io.StringIO()
    try:
        call_command("check_sources", stdout=out)
    except CommandError as error:
        return out.getvalue() + f"FAILED: {error}"
    return out.getvalue()


class TestCheckSources:
    def test_says_that_all_lies_where_it_should(self, akubra: Repository, legacy: Repository, configure: Configure) -> None:
        told = check(configure, akubra, legacy)
        assert "FAILED" not in told
        assert told.count("all where they should be") == 4

    def test_names_the_pattern_that_fits(self, akubra: Repository, configure: Configure) -> None:
        told = check(configure, replace(akubra, object_pattern="##"))
        assert 'they fit the pattern "#/##"' in told
        assert told.endswith("FAILED: 1 of 2 stores cannot be used as configured")

    def test_tells_files_that_fit_no_pattern(self, configure: Configure, tmp_path: Path) -> None:
        built = build(tmp_path)
        for folder in built.objects.iterdir():
            folder.rename(folder.with_name(f"x{folder.name}"))
        told = check(configure, built)
        assert "index_sources finds them nevertheless" in told
        assert "FAILED" in told

    def test_names_the_layout_that_fits(self, akubra: Repository, legacy: Repository, configure: Configure) -> None:
        assert 'layout = "akubra"' in check(configure, replace(akubra, layout="legacy"))
        assert 'layout = "legacy"' in check(configure, replace(legacy, layout="akubra"))

    def test_notices_stores_that_are_exchanged(self, akubra: Repository, legacy: Repository, configure: Configure) -> None:
        for built in (akubra, legacy):
            exchanged = replace(built, objects=built.datastreams, datastreams=built.objects)
            assert check(configure, exchanged).count("are objects and datastreams exchanged?") == 2

    def test_notices_what_is_not_there_not_a_folder_empty_or_something_else(
        self, akubra: Repository, configure: Configure, tmp_path: Path
    ) -> None:
        assert "No such file or directory" in check(configure, replace(akubra, objects=tmp_path / "missing"))
        (tmp_path / "file").write_text("x")
        assert "Not a directory" in check(configure, replace(akubra, objects=tmp_path / "file"))
        (tmp_path / "empty").mkdir()
        assert "objects: is empty" in check(configure, replace(akubra, objects=tmp_path / "empty"))
        assert "FAILED" not in check(configure, replace(akubra, datastreams=tmp_path / "empty"))
        (tmp_path / "empty" / "holiday.jpg").write_text("x")
        for name in ("deb_conf", "fstab", "hosts"):  # of which one might be a legacy store's
            (tmp_path / "empty" / name).write_text("x")
        assert "holds no file that is named as Fedora names them" in check(configure, replace(akubra, objects=tmp_path / "empty"))

    def test_wants_a_repository(self, configure: Configure) -> None:
        assert "No repository is configured" in check(configure)
