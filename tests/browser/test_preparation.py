"""A package that is really prepared, of a datastream whose server names no length: as its reader sees it end, well or not."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import bagit
import pytest

from tests.browser.forms import ask, repository_page
from tests.browser.test_download import unpacked
from tests.sources.stores import BuiltStore
from tests.web.preparing.elsewhere import hosting
from tests.web.preparing.material import PID, put, some, toml
from tests.web.preparing.test_workers import SETTINGS
from tests.web.resume.asking import Application
from tests.web.server import Server, serving

Open = Callable[[str], Server]


@pytest.fixture
def open_service(tmp_path: Path) -> Iterator[Open]:
    """A service with its worker, whose stage has so much room."""
    with ExitStack() as stack:
        store, host = BuiltStore(root=tmp_path / "store"), stack.enter_context(hosting())
        put(store, host, "A")
        host.put("/A", some(400_000, "a"))

        def opened(room: str) -> Server:
            told = toml(store, host, tmp_path, f'stage.bytes = "{room}"')
            return stack.enter_context(serving(tmp_path, settings=SETTINGS, toml=told, worker=True))

        yield opened


def test_a_preparation_that_fails_says_why_in_plain_words(page: Any, open_service: Open, tmp_path: Path) -> None:
    server = open_service("100 kB")
    opened = ask(page, repository_page(tmp_path, Application.at(server), server.url, files=PID))
    opened.get_by_role("heading", name="This package could not be prepared").wait_for(timeout=60000)
    assert opened.get_by_text("stage-too-small").is_visible()
    assert not opened.get_by_role("link", name="Download").count()


def test_a_datastream_whose_length_nobody_names_is_prepared_and_then_comes_by_itself(page: Any, open_service: Open, target: Path) -> None:
    server = open_service("10 MB")
    window = ask(page, repository_page(target, Application.at(server), server.url, files=PID, name="prepared"))
    with window.expect_download(timeout=60000) as begun:
        pass
    file = target / begun.value.suggested_filename
    begun.value.save_as(file)
    assert file.name == "prepared.tar"
    bagit.Bag(str(unpacked(file, target / "bag"))).validate()
