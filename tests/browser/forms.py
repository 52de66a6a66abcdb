"""The page of a repository from which a reader asks."""

from html import escape
from pathlib import Path
from typing import Any

from tests.web.resume.asking import Application


def repository_page(folder: Path, application: Application, service: str, **fields: str) -> str:
    """The URL of a page with the form that docs/api.md shows, on another origin than the service."""
    hidden = {"token": application.token, "delivery": "link", **fields}
    inputs = "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in hidden.items())
    form = f'<form method="post" action="{service}/api/get/PACKAGE" target="_blank">{inputs}<button>All of this</button></form>'
    place = folder / "repository.html"
    place.write_text(f"<!doctype html><title>Repository</title>{form}", encoding="utf-8")
    return place.as_uri()


def ask(page: Any, address: str) -> Any:
    """The window in which the package's page opens."""
    page.goto(address)
    with page.context.expect_page() as opened:
        page.get_by_role("button").click()
    return opened.value


def downloads(*pages: Any) -> list[Any]:
    """Those that begin on these pages from now on; playwright keeps no bound method of a list."""
    begun: list[Any] = []

    def note(download: Any) -> None:
        begun.append(download)

    for page in pages:
        page.on("download", note)
    return begun
