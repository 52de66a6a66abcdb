"""The reference documentation is whole and says nothing that is not so: settings, codes, commands, examples, deployment files."""

import ast
import importlib
import json
import pkgutil
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from django.core.management import get_commands
from lxml import etree
from pydantic import BaseModel

import getapi
from getapi import conf, problems
from getapi.conf.configuration import Document
from getapi.core.access import AccessRules, Denied, decide
from getapi.core.errors import PackagingError
from getapi.core.notice import NoticeCode
from getapi.core.rights.statements import read_statements
from getapi.core.source import DatastreamRecord, ObjectRecord
from getapi.models import Delivery

TOP = Path(__file__).parent.parent
DOCS = TOP / "docs"
PAGES = sorted([TOP / "README.md", *DOCS.glob("*.md"), *DOCS.glob("deploy/*.md")])
SECRET = "/etc/packaging-service/secret"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of all tables whose first column is called ``heading``."""
    found, inside = [], False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")] if line.startswith("|") else []
        if not cells:
            inside = False
        elif cells[0] == heading:
            inside = True
        elif inside and not set(line) <= set("|- "):
            found.append(cells)
    return found


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)


def code(cell: str) -> str:
    """The one code span of a cell."""
    match = re.fullmatch(r"`([^`]+)`", cell)
    assert match, f"no code span: {cell}"
    return match[1]


def settings_of(model: type[BaseModel], above: str = "", kind: str = "") -> Iterator[tuple[str, str]]:
    """The type of repository that a setting belongs to, and its dotted name; a table, or a list of tables, is told by what is in it."""
    for name, field in model.model_fields.items():
        tables = tables_in(field.annotation)
        if not tables:
            yield kind, f"{above}{name}"
        for table in tables:
            own = get_args(table.model_fields["type"].annotation)[0] if len(tables) > 1 else kind
            yield from settings_of(table, f"{above}{name}.", own)


def tables_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [table for argument in get_args(annotation) for table in tables_in(argument)]


SERVERS = {f"repositories.{name}" for name in conf.ServerTable.model_fields.keys() - conf.RepositoryTable.model_fields.keys()}
"""What may be said of any repository that is a server."""

COMMON = {f"repositories.{name}" for name in (*conf.RepositoryTable.model_fields, "limits.files", "limits.bytes")} | SERVERS
"""What may be said of several types of repository."""


def settings_told(text: str) -> Iterator[tuple[str, list[str]]]:
    """The rows of all settings, each with the type of repository that its heading, ``### type = "ocfl"``, says it belongs to."""
    for part in re.split(r"^(?=#{2,3} )", text, flags=re.MULTILINE):
        kind = re.match(r"### `type = \"(\w+)\"`", part)
        for row in rows(part, "setting"):
            yield kind[1] if kind else "", row


SETTINGS = list(settings_told(page("configuration.md")))
NEEDED: dict[str, dict[str, str]] = {
    "repositories": {"name": "r", "type": "fedora3", "objects": "o", "datastreams": "d"},
    "repositories ocfl": {"name": "r", "type": "ocfl", "root": "o"},
    "repositories fedora3_rest": {"name": "r", "type": "fedora3_rest", "url": "https://fedora.example"},
    "repositories orthanc": {"name": "r", "type": "orthanc", "url": "https://pacs.example"},
    "repositories omeka": {"name": "r", "type": "omeka", "url": "https://omeka.example"},
    "repositories iiif": {"name": "r", "type": "iiif", "url": "https://iiif.example/{id}"},
    "embargo.rules": {"name": "n", "datastream": "d", "xpath": "x"},
}
"""What a table of a list must hold to be read at all."""


def needed(dotted: str, kind: str) -> tuple[str, dict[str, str]] | None:
    """The list of tables that a setting is in, and what such a table needs."""
    kind = kind or ("fedora3_rest" if dotted in SERVERS else "")
    prefix = next((prefix for prefix in NEEDED if dotted.startswith(f"{prefix}.")), None)
    return None if prefix is None else (prefix, NEEDED.get(f"{prefix} {kind}", NEEDED[prefix]))


def document(dotted: str, kind: str, toml_value: str | None) -> Any:
    """The setting's value in a file that says nothing else, or that says ``toml_value`` for it."""
    listed = needed(dotted, kind)
    above = listed[0].split(".") if listed else []
    own = dotted.split(".")[len(above) :]
    said: dict[str, Any] = {} if toml_value is None else tomllib.loads(f"{'.'.join(own)} = {toml_value}")
    for part in reversed(above):
        said = {part: [listed[1] | said]} if listed and part == above[-1] else {part: said}
    value: Any = Document.model_validate(said, context={"folder": TOP})
    for part in (*above, *own):
        value = value[0] if isinstance(value, tuple) else value
        value = getattr(value, part)
    return value


def test_every_setting_is_documented_and_no_other() -> None:
    known = {("" if dotted in COMMON else kind, dotted) for kind, dotted in settings_of(Document)}
    told = {("" if dotted in COMMON else kind, dotted) for kind, row in SETTINGS for dotted in (code(row[0]),)}
    assert sorted(told) == sorted(known)


@pytest.mark.parametrize(("kind", "row"), SETTINGS, ids=[f"{kind} {row[0]}".strip(" `") for kind, row in SETTINGS])
def test_the_documented_default_is_the_default(kind: str, row: list[str]) -> None:
    dotted, default = code(row[0]), row[1]
    if default == "required":
        listed = needed(dotted, kind)
        assert listed
        assert dotted.rpartition(".")[2] in listed[1]
    elif default == "none":
        assert document(dotted, kind, None) is None
    else:
        assert document(dotted, kind, code(default)) == document(dotted, kind, None)


def test_no_setting_is_for_later() -> None:
    assert [code(row[0]) for _, row in SETTINGS if "**Later.**" in row[2]] == []


@pytest.fixture
def loadable(tmp_path: Path) -> Any:
    """Reads a TOML block as a configuration file on a machine that has the secret it names."""
    secret = tmp_path / "secret"
    secret.write_text("s" * 40)

    def load(toml: str) -> conf.Configuration:
        path = tmp_path / "packaging.toml"
        path.write_text(toml.replace(SECRET, str(secret)), encoding="utf-8")
        return conf.load(path, {}, var=tmp_path)

    return load


@pytest.mark.parametrize(
    "block", [block for path in PAGES for block in blocks(path.read_text(encoding="utf-8"), "toml")], ids=lambda block: block[:30].strip()
)
def test_every_example_of_a_configuration_can_be_used(block: str, loadable: Any) -> None:
    loadable("\n".join(line.removeprefix("   ") if line.startswith("   ") else line for line in block.splitlines()))


def test_the_example_of_everything_says_what_an_empty_file_says(loadable: Any) -> None:
    everything = loadable(blocks(page("configuration.md"), "toml")[-1])
    nothing = loadable("")
    differing = {name for name in Document.model_fields if getattr(everything, name) != getattr(nothing, name)}
    assert differing == {"repositories"}


def test_the_examples_of_embargo_rules_close_what_they_say(loadable: Any) -> None:
    text = page("configuration.md")
    pairs = re.findall(r"```toml\n(\[\[embargo\.rules\]\].*?)```.*?```xml\n(.*?)```", text, re.DOTALL)
    verdicts = {}
    for toml, xml in pairs:
        configuration = loadable(toml)
        (rule,) = configuration.embargo_rules
        datastreams = tuple(DatastreamRecord(pid="a:1", dsid=dsid, version="0") for dsid in (rule.datastream, "PDF-1"))
        restrictions = read_statements(pid="a:1", datastreams=datastreams, documents={rule.datastream: xml.encode()}, rules=(rule,))
        record = ObjectRecord(pid="a:1", repository="r", datastreams=datastreams, restrictions=restrictions)
        now = datetime(2030, 1, 1, tzinfo=UTC)
        for datastream in datastreams:
            verdict = decide(record, datastream, AccessRules(), now)
            verdicts[rule.name, datastream.dsid] = verdict.text if isinstance(verdict, Denied) else "open"
    assert verdicts == {
        ("Thesis embargo in MODS", "MODS"): "open",
        ("Thesis embargo in MODS", "PDF-1"): "Closed until 2099-06-30",
        ("Closed collections", "DC"): "Closed until further notice",
        ("Closed collections", "PDF-1"): "Closed until further notice",
        ("Curators' lock", "ADMIN"): "Closed until further notice",
        ("Curators' lock", "PDF-1"): "Closed until further notice",
    }


def kinds(kind: type[PackagingError]) -> Iterator[type[PackagingError]]:
    for below in kind.__subclasses__():
        yield below
        yield from kinds(below)


def status_of(kind: type[PackagingError]) -> int:
    return int(next(problems.STATUSES[each] for each in kind.__mro__ if each in problems.STATUSES))


def all_errors() -> set[type[PackagingError]]:
    """Also those that other modules than core.errors define."""
    for module in pkgutil.walk_packages(getapi.__path__, "getapi."):
        importlib.import_module(module.name)
    return {kind for kind in kinds(PackagingError) if kind.__module__.startswith("getapi.")}


def test_every_error_code_is_documented_with_its_status_and_no_other() -> None:
    documented = {(code(row[0]), int(row[1])) for row in rows(page("api.md"), "code")}
    frameworks = {(str(problems.plain(status)["code"]), int(status)) for status in problems._REFUSALS}
    assert documented == {(kind.code, status_of(kind)) for kind in all_errors()} | frameworks


def test_every_status_is_documented() -> None:
    documented = {int(row[0]) for row in rows(page("api.md"), "status")}
    assert documented >= {int(status) for status in problems.STATUSES.values()} | {200, 206, 304, 412, 416}
    assert all(HTTPStatus(status) for status in documented)


def test_every_notice_code_is_documented_and_no_other() -> None:
    assert sorted(code(row[0]) for row in rows(page("api.md"), "notice")) == sorted(NoticeCode)


def test_the_sentences_of_notices_are_those_of_the_code() -> None:
    """A sentence's fixed words, as far as a pattern's first blank, stand somewhere in the code."""
    literals = {
        node.value
        for path in (TOP / "getapi").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    text = "\n".join(literals)
    for row in rows(page("api.md"), "notice"):
        for sentence in re.findall(r"“(.*?)”", row[1]):
            for piece in filter(None, (piece.strip() for piece in sentence.split("…"))):
                assert piece in text, piece


def listed(heading: str) -> list[str]:
    """What a table of docs/troubleshooting.md explains; a row may stand for several."""
    return [cell.strip().strip("`") for row in rows(page("troubleshooting.md"), heading) for cell in row[0].split(",")]


def test_what_to_do_is_said_of_every_code_notice_status_and_outcome_once() -> None:
    frameworks = {str(problems.plain(status)["code"]) for status in problems._REFUSALS}
    assert sorted(listed("code of an answer or of a `reason`")) == sorted({kind.code for kind in all_errors()} | frameworks)
    assert sorted(listed("notice of a package")) == sorted(NoticeCode)
    assert sorted(listed("status seen in metrics")) == sorted(row[0] for row in rows(page("api.md"), "status"))
    assert {int(status) for status in problems.STATUSES.values()} | set(problems._REFUSALS) <= set(
        map(int, listed("status seen in metrics"))
    )
    assert sorted(listed("outcome")) == sorted(outcome for outcome in Delivery.Outcome.values if outcome != Delivery.Outcome.RUNNING)


def test_every_logger_is_explained() -> None:
    ours = set()
    for path in (TOP / "getapi").rglob("*.py"):
        module = ".".join(path.relative_to(TOP).with_suffix("").parts)
        ours |= {name or module for name in re.findall(r'getLogger\((?:"([a-z.]+)"|__name__)\)', path.read_text(encoding="utf-8"))}
    assert ours <= set(listed("logger"))


def test_alerts_ask_for_metrics_that_there_are() -> None:
    told = {name for row in rows(page("troubleshooting.md"), "metric") for name in re.findall(r"packaging_\w+", row[0])}
    (alerts,) = [block for block in blocks(page("troubleshooting.md"), "yaml") if "alert:" in block]
    asked = {name.removesuffix("_bucket") for name in re.findall(r"packaging_\w+", alerts)}
    assert asked <= told
    assert all(rule["expr"] for group in yaml.safe_load(alerts)["groups"] for rule in group["rules"])


def test_every_command_is_documented_and_no_other() -> None:
    ours = {name for name, application in get_commands().items() if application == "getapi"}
    assert set(re.findall(r"^## `([a-z_]+)`", page("commands.md"), re.MULTILINE)) == ours


def test_every_command_that_is_shown_exists_with_its_options() -> None:
    from django.core.management import load_command_class

    ours = {name for name, application in get_commands().items() if application == "getapi"}
    for path in PAGES:
        for line in re.findall(r"manage\.py ([a-z_]+[^`\n|]*)", path.read_text(encoding="utf-8")):
            name, *words = line.split()
            assert name in ours | {"check", "migrate", "createsuperuser"}, f"{path.name}: {line}"
            if name in ours:
                parser = load_command_class("getapi", name).create_parser("manage.py", name)
                known = {option for action in parser._actions for option in action.option_strings}
                assert {word for word in words if re.fullmatch(r"--[a-z-]+", word)} <= known, f"{path.name}: {line}"


def test_the_json_that_is_shown_is_json() -> None:
    for path in PAGES:
        for block in blocks(path.read_text(encoding="utf-8"), "json"):
            json.loads(block)


def test_the_xml_that_is_shown_is_well_formed() -> None:
    for path in PAGES:
        for block in blocks(path.read_text(encoding="utf-8"), "xml"):
            etree.fromstring(block.encode())


def test_links_lead_to_files_and_headings_that_are_there() -> None:
    for path in PAGES:
        for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", path.read_text(encoding="utf-8")):
            linked = (path.parent / target) if target else path
            assert linked.exists(), f"{path.name}: {target}"
            if anchor:
                headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
                known = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
                assert anchor in known, f"{path.name}: #{anchor}"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_finds_no_fault_with_the_units(tmp_path: Path) -> None:
    names = ["packaging-service.service", "packaging-fixity.service", "packaging-fixity.timer"]
    for name in names:
        # Who and where are this machine's, so that what is verified is the rest.
        text = page(f"deploy/{name}").replace("/opt/packaging-service/.venv/bin/python", "/bin/true")
        (tmp_path / name).write_text(re.sub(r"^(User|Group)=.*\n", "", text, flags=re.MULTILINE), encoding="utf-8")
    command = ["systemd-analyze", "verify", *(str(tmp_path / name) for name in names)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "packaging-" in line]) == (0, [])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_calls_the_unit_well_confined() -> None:
    """By its own measure from 0 to 10, where 2 is what a network service can reach; ``--threshold`` is in tenths."""
    command = ["systemd-analyze", "security", "--offline=yes", "--threshold=20", str(DOCS / "deploy" / "packaging-service.service")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


def test_the_unit_starts_serve_with_options_that_it_has_and_waits_longer_than_it() -> None:
    from getapi.management.commands.serve import Command
    from packaging_service import gunicorn

    unit = dict(re.findall(r"^(\w+)=(.*)$", page("deploy/packaging-service.service"), re.MULTILINE))
    words = shlex.split(unit["ExecStart"])
    choice = Command().create_parser("manage.py", "serve").parse_args(words[words.index("serve") + 1 :])
    assert (choice.workers, choice.threads) == (gunicorn.workers, gunicorn.threads)
    assert int(unit["TimeoutStopSec"]) > gunicorn.graceful_timeout
