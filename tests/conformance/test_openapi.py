"""The description of the API and what a running service answers are the same (schemathesis): no 5xx, no answer that is not told of."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from fixtures.repository import build
from tests.web.resume.asking import Application, ask, manage
from tests.web.server import Server, serving

EXAMPLES = 60
"""Of each operation and each way to ask for it, half of them within the description and half outside."""

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
LABELS = (
    "POST /api/get/getToken",
    "POST /api/get/PACKAGE",
    "POST /api/get/ESTIMATE",
    "GET /api/get/packages/{package_id}",
    "HEAD /api/get/packages/{package_id}",
    "POST /api/get/packages/{package_id}",
    "DELETE /api/get/packages/{package_id}",
    "GET /api/get/packages/{package_id}/content",
    "HEAD /api/get/packages/{package_id}/content",
    "GET /api/get/{pid}",
    "HEAD /api/get/{pid}",
    "GET /api/get/{pid}/{dsid}",
    "HEAD /api/get/{pid}/{dsid}",
    "GET /healthz",
    "HEAD /healthz",
    "GET /readyz",
    "HEAD /readyz",
    "GET /metrics",
    "HEAD /metrics",
)
"""The whole API: who adds an address adds it here and in ``getapi.views.description``."""

DRESSES = ("*/*", "application/xml", "application/json", "text/html", "application/zip")
FILES = "rutgers-lib:5678;rutgers-etd:100/PDF;nobody:1;;x"
THINGS = (
    ("rutgers-lib:5678", "PDF-1"),
    ("rutgers-lib:1234", "jpeg-1"),
    ("rutgers-etd:100", "PDF"),
    ("rutgers-lib:1234", "ARCH1"),
    ("nobody:1", "DC"),
)
"""Two that are there, one that is closed until a date, one that is internal, one that is not."""

RANGES = ("bytes=0-9", "bytes=-5", "bytes=99999999-", "bytes=5-", "bytes=0-1,4-5", "octets=1-2", "bytes=9-3")
"""What a generator would not hit upon in a lifetime."""


SEEN = {
    "POST /api/get/getToken": {200, 400, 403},
    "POST /api/get/PACKAGE": {200, 201, 303, 400, 403},
    "POST /api/get/ESTIMATE": {200, 400, 403},
    "GET /api/get/packages/{package_id}": {200, 404},
    "POST /api/get/packages/{package_id}": {303, 400, 404},
    "DELETE /api/get/packages/{package_id}": {204, 404},
    "GET /api/get/packages/{package_id}/content": {200, 206, 404, 410, 412, 416},
    "GET /api/get/{pid}": {200, 404},
    "GET /api/get/{pid}/{dsid}": {200, 206, 403, 404, 412, 416},
}
"""What must have come up at least, or nothing was shown."""


class Guide:
    """Leads some of the generated requests to where something is: strings of chance name no object and hold no token."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._application = Application.at(server)
        self._key = manage(server, "create_key", "described", "--network", "127.0.0.1").split()[-1]
        self._chance = Random(5)
        self.seen: dict[str, set[int]] = {}
        self._packages = [self._package() for _ in range(2)]
        canceled = self._package()
        ask(server, "DELETE", f"/api/get/packages/{canceled}")
        self._packages.append(canceled)

    def lead(self, case: Case[Any]) -> None:
        if isinstance(case.body, dict):
            self._introduce(case.body)
        if self._chance.random() < 0.7:
            self._name(case)
        if "If-Range" in {parameter.name for parameter in case.operation.headers}:
            self._condition(case)
        case.headers.pop("Content-Length", None)
        case.headers["Accept"] = self._chance.choice(DRESSES)

    def _introduce(self, body: dict[str, Any]) -> None:
        if "token" in body and self._chance.random() < 0.8:
            body["token"] = self._application.token
            if self._chance.random() < 0.5:
                body["files"] = FILES
        if "key" in body and self._chance.random() < 0.3:
            body["key"] = self._key
            body.pop("client", None)

    def _name(self, case: Case[Any]) -> None:
        pid, dsid = self._chance.choice(THINGS)
        named = {"pid": pid, "dsid": dsid, "package_id": self._chance.choice(self._packages)}
        case.path_parameters.update({name: value for name, value in named.items() if name in case.path_parameters})
        if case.method in {"POST", "DELETE"} and "package_id" in case.path_parameters:  # either may end it
            case.path_parameters["package_id"] = self._package()

    def _condition(self, case: Case[Any]) -> None:
        if self._chance.random() < 0.5:
            case.headers["Range"] = self._chance.choice(RANGES)
        for name in ("If-Match", "If-None-Match", "If-Range"):
            if self._chance.random() < 0.7:
                case.headers.pop(name, None)

    def _package(self) -> str:
        return self._application.link("rutgers-lib:5678", "tar").split("/")[-2]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("described")
    stores = build(folder / "repository")
    toml = f'[[repositories]]\nname = "r"\ntype = "fedora3"\nobjects = "{stores.objects}"\ndatastreams = "{stores.datastreams}"\n'
    with serving(folder, toml=toml) as started:
        yield started


@pytest.fixture(scope="module")
def guide(server: Server) -> Guide:
    return Guide(server)


@pytest.fixture(scope="module")
def described(server: Server) -> dict[str, Any]:
    """Each operation of the description that this service tells of itself, by method and address."""
    schema = schemathesis.openapi.from_url(f"{server.url}/api/schema", headers={"Accept": "application/json"})
    found: list[Any] = [result.ok() for result in schema.get_all_operations()]  # type: ignore[union-attr] # a valid schema has no other
    return {operation.label: operation for operation in found}


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize("label", LABELS)
def test_what_is_answered_is_what_is_described(label: str, mode: GenerationMode, described: dict[str, Any], guide: Guide) -> None:
    operation = described[label]
    if mode is GenerationMode.NEGATIVE and not (operation.path_parameters or operation.headers or operation.query or operation.body):
        return  # nothing can be asked wrong

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, derandomize=True, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    def ask_and_compare(case: Case[Any]) -> None:
        guide.lead(case)
        answer = case.call(allow_redirects=False)
        guide.seen.setdefault(label, set()).add(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    ask_and_compare()


def test_every_operation_is_asked(described: dict[str, Any]) -> None:
    assert sorted(described) == sorted(LABELS)


@pytest.mark.parametrize("accept", DRESSES)
def test_what_is_damaged_is_told_as_described(described: dict[str, Any], accept: str) -> None:
    """The one 5xx that a healthy service answers: the demonstration's file that was tampered with."""
    damaged = {"pid": "rutgers-lib:5002", "dsid": "TXT-2"}
    case = described["GET /api/get/{pid}/{dsid}"].Case(path_parameters=damaged, headers={"Accept": accept})
    answer = case.call()
    assert answer.status_code == 502
    case.validate_response(answer, checks=[check for check in CHECKS if check is not not_a_server_error])


def test_enough_came_up(guide: Guide) -> None:
    """Of what the tests above were answered; alone it has nothing to say."""
    missing = {label: statuses - guide.seen[label] for label, statuses in SEEN.items() if label in guide.seen}
    assert {label: statuses for label, statuses in missing.items() if statuses} == {}


def test_other_methods_are_refused_with_those_that_there_are(server: Server, described: dict[str, Any]) -> None:
    methods: dict[str, set[str]] = {}
    for label in described:
        method, _, path = label.partition(" ")
        methods.setdefault(path.format(pid="a:1", dsid="b", package_id="0" * 32), set()).add(method)
    for path, known in methods.items():
        for method in {"PUT", "PATCH", "OPTIONS", "TRACE", "DELETE", "POST"} - known:
            answer = ask(server, method, path)
            assert (answer.status, set(answer.headers["Allow"].split(", "))) == (405, known), (method, path)
