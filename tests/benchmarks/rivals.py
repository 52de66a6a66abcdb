"""What others do with the same files, each as a Django view under the same gunicorn: ``/tarfile``, ``/zipstream``, ``/streamzip``.

Run by gunicorn as ``tests.benchmarks.rivals:application``; ``BENCHMARK_FILES`` names a file that lists the files to send.
"""

import hashlib
import os
import queue
import tarfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import path

BLOCK = 256 * 1024

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="only for a benchmark", USE_TZ=True, MIDDLEWARE=[])
django.setup()


def files() -> list[Path]:
    return [Path(line) for line in Path(os.environ["BENCHMARK_FILES"]).read_text(encoding="utf-8").splitlines()]


class _Pieces:
    """What tarfile writes, handed over a few pieces at a time."""

    def __init__(self) -> None:
        self.waiting: queue.Queue[bytes] = queue.Queue(maxsize=4)

    def write(self, piece: bytes) -> int:
        self.waiting.put(bytes(piece))
        return len(piece)


class _Hashing:
    """A file whose every octet passes SHA-256."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("rb")
        self._hash = hashlib.sha256()

    def read(self, count: int = -1) -> bytes:
        block = self._stream.read(count)
        self._hash.update(block)
        return block

    def close(self) -> None:
        self._stream.close()


def with_tarfile(request: HttpRequest) -> StreamingHttpResponse:
    pieces = _Pieces()

    def write() -> None:
        with tarfile.open(fileobj=pieces, mode="w|", format=tarfile.USTAR_FORMAT, bufsize=BLOCK) as archive:  # type: ignore[call-overload] # only write is used
            for each in files():
                member = tarfile.TarInfo(f"data/{each.name}")
                member.size = each.stat().st_size
                hashing = _Hashing(each)
                archive.addfile(member, hashing)
                hashing.close()
        pieces.waiting.put(b"")

    threading.Thread(target=write, daemon=True).start()
    return StreamingHttpResponse(iter(pieces.waiting.get, b""), content_type="application/x-tar")


def with_zipstream(request: HttpRequest) -> StreamingHttpResponse:
    from zipstream import ZIP_STORED, ZipStream

    archive = ZipStream(compress_type=ZIP_STORED, sized=True)
    for each in files():
        archive.add_path(str(each), arcname=f"data/{each.name}")
    return StreamingHttpResponse(archive, content_type="application/zip", headers={"Content-Length": str(len(archive))})


def with_streamzip(request: HttpRequest) -> StreamingHttpResponse:
    from stream_zip import NO_COMPRESSION_64, stream_zip

    def blocks(each: Path) -> Iterator[bytes]:
        with each.open("rb") as stream:
            while block := stream.read(BLOCK):
                yield block

    def members() -> Iterator[tuple[object, ...]]:
        import zlib

        for each in files():
            checksum = 0
            for block in blocks(each):
                checksum = zlib.crc32(block, checksum)
            yield (
                f"data/{each.name}",
                datetime(2020, 1, 1, tzinfo=UTC),
                0o644,
                NO_COMPRESSION_64(each.stat().st_size, checksum),
                blocks(each),
            )

    return StreamingHttpResponse(stream_zip(members(), chunk_size=BLOCK), content_type="application/zip")  # type: ignore[arg-type] # any tuple


urlpatterns = [path("tarfile", with_tarfile), path("zipstream", with_zipstream), path("streamzip", with_streamzip)]
application = get_wsgi_application()
