"""A service over a store whose external datastreams lie on a host that names no length, asked in this process."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from getapi import conf
from getapi.models import Job, Package, StagedMember
from getapi.services import keys, packages, preparation
from getapi.services.layouts import LayoutCache
from getapi.services.rounds import close_databases
from getapi.services.workshop import run_once
from tests.conftest import Configure
from tests.sources.stores import BuiltStore
from tests.web.conftest import APPLICATION, get_token, octets
from tests.web.preparing.elsewhere import Host, hosting, lead_here
from tests.web.preparing.material import PID, put, toml

JSON = {"accept": "application/json"}


@pytest.fixture
def host() -> Iterator[Host]:
    with hosting() as host:
        undo = lead_here()
        yield host
        undo()


@pytest.fixture
def store(tmp_path: Path) -> BuiltStore:
    return BuiltStore(root=tmp_path / "store")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """The service and its application. ``serve`` gives it another configuration."""

    client: Client
    token: str
    store: BuiltStore
    host: Host
    folder: Path
    configure: Configure

    def serve(self, more: str = "") -> conf.Configuration:
        return self.configure(toml(self.store, self.host, self.folder, more))

    def put(self, *dsids: str, **facts: str) -> None:
        put(self.store, self.host, *dsids, **facts)

    def ask(self, files: str = PID, *, prefer: str = "", accept: str = "application/json", status: int = 202, **parameters: str) -> Any:
        headers = {"accept": accept} | ({"prefer": prefer} if prefer else {})
        answer = self.client.post("/api/get/PACKAGE", {"token": self.token, "files": files, **parameters}, headers=headers)
        assert answer.status_code == status, answer.content
        return answer

    def page(self, package_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/api/get/packages/{package_id}", headers=JSON).json()
        return found

    def content(self, package_id: str, **headers: str) -> Any:
        return self.client.get(f"/api/get/packages/{package_id}/content", headers=JSON | headers)

    def prepared(self, files: str = PID, **parameters: str) -> tuple[str, bytes]:
        """A package's id and all its bytes, once it was prepared."""
        package_id = self.ask(files, **parameters).json()["id"]  # type: ignore[arg-type] # none of them is the status
        run_once()
        answer = self.content(package_id)
        assert answer.status_code == 200, answer.content
        return package_id, octets(answer)

    @property
    def staged(self) -> list[Path]:
        """What lies in the stage."""
        folder = self.folder / "stage"
        return sorted(folder.iterdir()) if folder.exists() else []


@pytest.fixture
def shop(
    transactional_db: None, configure: Configure, store: BuiltStore, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Shop:
    monkeypatch.setattr(packages, "_recent", LayoutCache())
    configure(toml(store, host, tmp_path))
    client = Client(REMOTE_ADDR=APPLICATION)
    token = get_token(client, keys.create_key("application", [APPLICATION]))
    return Shop(client=client, token=token, store=store, host=host, folder=tmp_path, configure=configure)


def job_of(package_id: str) -> Job:
    return Job.objects.get(package=package_id)


def working(package_id: str) -> threading.Thread:
    """A thread that prepares the package, as a worker's does."""

    def work() -> None:
        try:
            preparation.run(job_of(package_id).pk)
        finally:
            close_databases()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


__all__ = ["Job", "Package", "Shop", "StagedMember", "job_of", "working"]
