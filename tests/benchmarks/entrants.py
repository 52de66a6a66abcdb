"""Who competes in throughput: nginx, this service in its several ways, and what else makes archives in Django."""

from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks.contest import Contestant
from tests.benchmarks.material import Material, build
from tests.benchmarks.product import Product, manage, running
from tests.benchmarks.servers import find_nginx, nginx, rivals

STATIC = "nginx, the same TAR as a static file (sendfile)"
TAR = "this service, TAR, SHA-256 declared, verified"
TAR_FIRST = "this service, TAR, SHA-256 declared, first time: verified meanwhile"
TAR_MD5 = "this service, TAR, MD5 declared, first time: verified meanwhile"
ZIP = "this service, ZIP, SHA-256 declared, verified"
ZIP_FIRST = "this service, ZIP, SHA-256 declared, first time: verified meanwhile"
TARFILE = "tarfile with SHA-256, in Django"
ZIPSTREAM = "zipstream-ng, in Django"
STREAMZIP = "stream-zip, in Django"


def enter(folder: Path, stack: ExitStack, *, count: int, octets: int) -> list[Contestant]:
    """All of them, their servers running until ``stack`` ends, and the same octets in page cache for each."""
    declared = build(folder / "sha256", count=count, octets=octets)
    compared = build(folder / "md5", count=count, octets=octets, kind="MD5")
    known = stack.enter_context(running(folder / "known", declared))
    known.scan()
    unknown = stack.enter_context(running(folder / "unknown", declared, max_age="0 s"))
    other = stack.enter_context(running(folder / "other", compared, max_age="0 s"))
    for product in (known, unknown, other):
        product.warm_up()
    return [
        *_static(folder, stack, known),
        _ours(TAR, known),
        _ours(TAR_FIRST, unknown, is_first=True),
        _ours(TAR_MD5, other, is_first=True),
        _ours(ZIP, known, format="zip"),
        _ours(ZIP_FIRST, unknown, is_first=True, format="zip"),
        *_rivals(folder, stack, declared),
    ]


def _ours(name: str, product: Product, *, is_first: bool = False, **parameters: str) -> Contestant:
    prepare = product.forget if is_first else lambda: None
    return Contestant(name=name, url=product.address, pid=product.pid, arguments=product.arguments(**parameters), prepare=prepare)


def _static(folder: Path, stack: ExitStack, product: Product) -> list[Contestant]:
    """Nobody where nginx is not installed."""
    if find_nginx() is None:
        return []
    root = folder / "static"
    root.mkdir()
    manage(product.server.folder, "write_package", product.material.request, "--output", str(root / "package.tar"))
    url, pid = stack.enter_context(nginx(folder / "nginx", root))
    return [Contestant(name=STATIC, url=f"{url}/package.tar", pid=pid)]


def _rivals(folder: Path, stack: ExitStack, material: Material) -> list[Contestant]:
    listed = folder / "files"
    listed.write_text("\n".join(map(str, material.files)), encoding="utf-8")
    url, pid = stack.enter_context(rivals(listed))
    places = {TARFILE: "tarfile", ZIPSTREAM: "zipstream", STREAMZIP: "streamzip"}
    return [Contestant(name=name, url=f"{url}/{place}", pid=pid) for name, place in places.items()]
