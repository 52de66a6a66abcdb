"""From a bare Debian to a service under TLS, as docs/deploy says it, line by line; and what readers get from it."""

import json
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPSConnection
from pathlib import Path
from sqlite3 import connect
from typing import Any

import pytest

from getapi.sources.akubra import AkubraLayout
from tests.conformance.foreign import program
from tests.deploy.guide import LEFT_OUT, lines
from tests.deploy.machine import HOST, Machine, set_up
from tests.sources.stores import datastream, foxml, location, version
from tests.transport.material import wait_until

LARGE = 40_000_000


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    for name in ("nginx", "openssl", "curl"):
        program(name)
    with set_up(tmp_path_factory.mktemp("debian")) as found:
        found.follow()
        yield found


class Front:
    """nginx, as a reader's program meets it."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.root = machine.place.root
        self.certificate = str(self.root / "etc/ssl/packaging-service/fullchain.pem")

    def curl(self, path: str, *options: str) -> subprocess.CompletedProcess[bytes]:
        port = self.machine.place.https
        command = [program("curl"), "--silent", "--show-error", "--cacert", self.certificate, "--resolve", f"{HOST}:{port}:127.0.0.1"]
        return subprocess.run([*command, *options, f"https://{HOST}:{port}{path}"], capture_output=True, timeout=120, check=False)

    def headers(self, path: str, *options: str) -> dict[str, str]:
        """By their names in small letters; ``status`` is the first line."""
        said = self.curl(path, "--dump-header", "-", "--output", "/dev/null", *options).stdout.decode()
        first, *rest = said.strip().splitlines()
        return {"status": first.strip()} | {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}

    def connect(self) -> HTTPSConnection:
        context = ssl.create_default_context(cafile=self.certificate)
        connection = HTTPSConnection(HOST, self.machine.place.https, timeout=60, context=context)
        raw = socket.create_connection(("127.0.0.1", self.machine.place.https), timeout=60)
        connection.sock = context.wrap_socket(raw, server_hostname=HOST)
        return connection

    def link(self, files: str) -> str:
        """The address of a package's bytes."""
        asked = ("--data-urlencode", f"files={files}", "--data", f"token={self.token}", "--data", "delivery=link")
        return self.headers("/api/get/PACKAGE", *asked)["content-location"]

    @property
    def token(self) -> str:
        key = self.machine.shell('.venv/bin/python manage.py create_key "$(date +%s%N)" --network 127.0.0.1').split()[-1]
        return re.sub("<.*?>", "", self.curl("/api/get/getToken", "--data", f"key={key}").stdout.decode())


@pytest.fixture(scope="module")
def front(machine: Machine) -> Front:
    return Front(machine)


class TestGuide:
    def test_every_line_is_run_or_left_out_by_name(self, machine: Machine) -> None:
        for language, line in lines():
            if language == "sh" and line not in machine.ran:
                assert any(line.startswith(beginning) for beginning in LEFT_OUT), line
        assert all(any(line.startswith(beginning) for _, line in lines()) for beginning in LEFT_OUT), (
            "nothing is left out that is not there"
        )
        assert len(machine.ran) >= 18

    def test_what_its_commands_say_is_that_all_is_well(self, machine: Machine) -> None:
        said = "\n".join(machine.ran.values())
        assert "all where they should be" in said
        assert json.loads(next(text for line, text in machine.ran.items() if line.endswith("/readyz"))) == {
            "database": True, "disk": True, "repositories.fedora": True,
        }  # fmt: skip
        assert "<pid>rutgers-lib:5678</pid>" in said
        assert "Trial is revoked." in said

    def test_the_secret_is_readable_by_few(self, machine: Machine) -> None:
        assert (machine.place.root / "etc/packaging-service/secret").stat().st_mode & 0o777 == 0o640


class TestFront:
    def test_http_leads_to_https_and_a_post_stays_a_post(self, machine: Machine) -> None:
        command = f"curl --silent --include --data x=1 --header 'Host: {HOST}' http://127.0.0.1:{machine.place.http}/api/get/PACKAGE"
        said = machine.shell(command)
        assert said.startswith("HTTP/1.1 308 ")
        assert f"Location: https://{HOST}/api/get/PACKAGE" in said

    def test_it_speaks_http_2_under_tls_and_says_that_it_stays_so(self, front: Front) -> None:
        headers = front.headers("/healthz", "--http2")
        assert headers["status"] == "HTTP/2 200"
        assert headers["strict-transport-security"] == "max-age=31536000"

    @pytest.mark.parametrize("spoken", ["--http1.1", "--http2"])
    def test_a_package_comes_whole_and_in_ranges(self, front: Front, tmp_path: Path, spoken: str) -> None:
        address = front.link("rutgers-lib:1234;rutgers-lib:5678")
        whole = front.curl(address, spoken).stdout
        assert len(whole) == int(front.headers(address, "--head", spoken)["content-length"])
        part = front.headers(address, spoken, "--range", "1000-1999")
        assert (part["status"].split()[1], part["content-range"]) == ("206", f"bytes 1000-1999/{len(whole)}")
        (tmp_path / "package").write_bytes(whole[:12_345])
        assert front.curl(address, spoken, "--continue-at", "-", "--output", str(tmp_path / "package")).returncode == 0
        assert (tmp_path / "package").read_bytes() == whole

    def test_nothing_is_held_back_for_a_slow_reader(self, front: Front, large: Path) -> None:
        """What the service has sent is what nginx could pass on, and what the kernels hold."""
        address = front.link("large:1")
        connection = front.connect()
        connection.request("GET", address)
        answer = connection.getresponse()
        assert int(answer.headers["Content-Length"]) > LARGE
        began, taken = time.monotonic(), 0
        while time.monotonic() - began < 2:
            taken += len(answer.read(100_000))
            time.sleep(0.1)  # 1 MB/s

        def handed() -> int:
            """As the last second's record tells it."""
            query = "SELECT handed FROM getapi_delivery WHERE outcome = 'running' AND package = ?"
            return sum(each for (each,) in rows(front.machine, query, address.split("/")[-2]))

        wait_until(lambda: handed() >= taken)
        assert handed() < taken + 20_000_000
        held = [path for name in ("proxy", "body") for path in (front.root / name).rglob("*") if path.is_file()]
        assert held == []
        connection.close()

    @pytest.mark.parametrize("spoken", ["--http1.1", "--http2"])
    def test_a_package_that_breaks_off_never_looks_complete(self, front: Front, large: Path, tmp_path: Path, spoken: str) -> None:
        """Its end is cut by a file that shrinks; curl says 18 (HTTP/1.1) or 92 (HTTP/2), and the rest is what it was."""
        address = front.link("large:1")
        command = [program("curl"), "--silent", "--cacert", front.certificate, "--limit-rate", "4M", spoken]
        command += ["--resolve", f"{HOST}:{front.machine.place.https}:127.0.0.1", "--output", str(tmp_path / "package")]
        with subprocess.Popen([*command, f"https://{HOST}:{front.machine.place.https}{address}"]) as download:
            wait_until(lambda: (tmp_path / "package").exists() and (tmp_path / "package").stat().st_size >= 1_000_000, seconds=60)
            with large.open("r+b") as stream:
                stream.truncate(LARGE // 2)
            try:
                assert download.wait(60) in {18, 56, 92}
            finally:
                with large.open("r+b") as stream:
                    stream.truncate(LARGE)
        assert 0 < (tmp_path / "package").stat().st_size < LARGE

    def test_the_reader_s_address_is_nginx_word_and_not_the_reader_s_own(self, front: Front) -> None:
        front.curl("/api/get/rutgers-lib:5678/DC", "--header", "X-Forwarded-For: 203.0.113.9", "--user-agent", "of-this-test")
        query = "SELECT address FROM getapi_download WHERE user_agent = 'of-this-test'"
        wait_until(lambda: rows(front.machine, query) != [])
        assert rows(front.machine, query) == [("127.0.0.0",)]

    def test_a_request_has_one_name_in_both_logs(self, front: Front) -> None:
        headers = front.headers("/api/get/rutgers-lib:5678", "--header", "X-Request-Id: of-a-stranger-who-asks")
        name = headers["x-request-id"]
        assert re.fullmatch("[0-9a-f]{32}", name)
        wait_until(lambda: name in front.machine.log("nginx/packaging-service.log"))  # which is written after the answer
        assert f'"request_id": "{name}"' in front.machine.log("service")

    def test_no_log_of_nginx_access_tells_a_token_or_a_package(self, front: Front) -> None:
        address = front.link("rutgers-lib:5678")
        front.curl(f"{address}?token=of-a-reader")
        package = address.split("/")[-2]
        wait_until(lambda: f"/api/get/packages/{package[:8]}/content" in front.machine.log("nginx/packaging-service.log"))
        log = front.machine.log("nginx/packaging-service.log")
        assert package not in log
        assert "of-a-reader" not in log

    @pytest.mark.parametrize(
        "path", ["/metrics", "/metrics/", "/admin", "/admin/login/", "/ADMIN/", "//admin/", "/%61dmin/", "/x/../metrics"]
    )
    def test_what_is_for_the_machine_alone_is_not_there(self, front: Front, path: str) -> None:
        assert re.fullmatch("[0-9a-f]{32}", front.headers(path, "--path-as-is")["x-request-id"])
        answer = front.curl(path, "--path-as-is", "--write-out", "%{http_code}")
        assert answer.stdout.decode() == "<error>There is nothing at this address</error>404"

    def test_it_is_there_for_the_machine_itself(self, machine: Machine) -> None:
        address = f"http://127.0.0.1:{machine.place.service}"
        assert "packaging_build_info" in machine.shell(f"curl --fail --silent {address}/metrics")
        page = machine.shell(f"curl --fail --silent --cookie-jar {machine.place.root}/jar {address}/admin/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        assert token
        jar = (machine.place.root / "jar").read_text(encoding="utf-8")
        cookie = jar.split("csrftoken")[1].split()[0]
        form = f"csrfmiddlewaretoken={token[1]}&username=administrator"
        sent = f"--data '{form}' --data-urlencode 'password=only for this very test' --cookie csrftoken={cookie}"
        assert " 302 " in machine.shell(f"curl --silent --include {sent} {address}/admin/login/?next=/admin/").splitlines()[0]

    def test_a_body_that_is_too_large_is_refused_in_the_same_words_by_both(self, front: Front, tmp_path: Path) -> None:
        for size in (4_500_000, 6_000_000):
            (tmp_path / "body").write_bytes(bytes(size))
            answer = front.curl("/api/get/PACKAGE", "--data-binary", f"@{tmp_path / 'body'}", "--write-out", "%{http_code}")
            assert answer.stdout.decode() == "<error>The request's body is too large</error>413"

    def test_while_the_service_is_down_nginx_says_so_and_when_to_come_again(self, machine: Machine, front: Front) -> None:
        """The last one: the service ends here, on SIGTERM as systemd sends it."""
        assert machine.service is not None
        machine.service.terminate()
        assert machine.service.wait(40) == 0
        headers = front.headers("/healthz")
        assert (headers["status"].split()[1], headers["retry-after"]) == ("503", "30")
        assert front.curl("/healthz").stdout.decode() == "<error>The service does not run at the moment</error>"


@pytest.fixture(scope="module")
def large(machine: Machine) -> Path:
    """The file of LARGE octets of large:1, an object of which nothing is declared, put beside the demonstration's."""
    stores, layout = machine.place.stores, AkubraLayout(pattern="##")
    blob = "large:1+A+A.0"
    described = foxml("large:1", datastream("A", "M", version("A.0", location(blob)))), b""
    paths = [stores["objects"] / str(layout.path("large:1")), stores["datastreams"] / str(layout.path(blob))]
    for path, octets in zip(paths, described, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(octets)
    with paths[1].open("r+b") as stream:
        stream.truncate(LARGE)
    return paths[1]


def rows(machine: Machine, query: str, *parameters: str) -> list[tuple[Any, ...]]:
    """What the service's database answers."""
    with closing(connect(machine.place.home / "var/packaging.sqlite3", timeout=20)) as database:
        return database.execute(query, parameters).fetchall()
