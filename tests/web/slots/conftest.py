"""Two services on one database, with few slots, and readers whose addresses a proxy tells."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.sources.stores import BuiltStore
from tests.web.resume.conftest import Twins, twin_services
from tests.web.resume.material import Part, configuration, put_object, some

SMALL = "small:1"
HUGE = "huge:1"
OCTETS = 64 << 20
"""More than the sockets between the two ends hold."""

Start = Callable[..., Twins]


@pytest.fixture(scope="package")
def store(tmp_path_factory: pytest.TempPathFactory) -> BuiltStore:
    made = BuiltStore(root=tmp_path_factory.mktemp("store"))
    put_object(made, SMALL, Part(dsid="A", octets=some(300_000, "A"), declares="sha256"))
    put_object(made, HUGE, Part(dsid="A", octets=some(OCTETS, "H"), declares="sha256"))
    return made


@pytest.fixture
def start(tmp_path: Path, store: BuiltStore) -> Iterator[Start]:
    """``start(concurrent=3)``: with those limits."""
    with ExitStack() as life:

        def begin(**limits: int | str) -> Twins:
            table = "\n".join(f"{name} = {value!r}".replace("'", '"') for name, value in limits.items())
            toml = f'trusted_proxies = ["127.0.0.1"]\n{configuration(store, f"[limits]{chr(10)}{table}{chr(10)}")}'
            return life.enter_context(twin_services(tmp_path, toml))

        yield begin
