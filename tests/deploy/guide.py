"""docs/deploy/README.md as it stands there, line by line, on a machine that it does not change: what is put elsewhere, what left out."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from tests.web.database import TOP

DEPLOY = TOP / "docs" / "deploy"

LEFT_OUT = {
    "apt update && apt install": "the machine has these programs",
    "useradd": "a user of the machine",
    "sudo -u postgres": "the tests of PostgreSQL start one of their own",
    "make install": "the environment of these tests is used",
    "systemctl": "the unit's own command is run instead, and nginx with it",
}
"""By how a line begins. Everything else is run."""

Line = tuple[str, str]
"""Its language, ``sh`` or ``toml``, and its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """``root`` stands for ``/``; the ports for those of the machine."""

    root: Path
    service: int
    http: int
    https: int
    stores: dict[str, Path]

    @property
    def home(self) -> Path:
        return self.root / "opt/packaging-service"

    @property
    def moved(self) -> dict[str, str]:
        """Every text of the files in docs/deploy that means another place here, and which."""
        return {
            "/usr/local/fedora/data/objectStore": str(self.stores["objects"]),
            "/usr/local/fedora/data/datastreamStore": str(self.stores["datastreams"]),
            "/opt/packaging-service": str(self.home),
            **{f"/etc/{name}": f"{self.root}/etc/{name}" for name in ("packaging-service", "nginx", "systemd", "ssl")},
            "/var/log/nginx": f"{self.root}/var/log/nginx",
            "127.0.0.1:8000": f"127.0.0.1:{self.service}",
            "listen 80;": f"listen 127.0.0.1:{self.http};",
            "listen 443 ": f"listen 127.0.0.1:{self.https} ",
        }

    def move(self, text: str) -> str:
        text = re.sub(r"^ *listen \[::\].*\n", "", text, flags=re.MULTILINE)  # not every machine that tests has IPv6
        for said, meant in self.moved.items():
            text = text.replace(said, meant)
        return text

    def adapt(self, line: str) -> str | None:
        """A line of the shell as it is run here; None for one that is left out."""
        if any(line.startswith(beginning) for beginning in LEFT_OUT):
            return None
        line = line.replace(" && systemctl reload nginx", "").replace("nginx -t", "nginx -t -c /etc/nginx/nginx.conf -e stderr")
        line = re.sub(r"sudo -u packaging ", "", line)
        line = re.sub(r" --(owner|group) packaging", "", line)
        line = line.replace("createsuperuser", "createsuperuser --noinput")  # the password comes from the environment
        line = re.sub(r"^chown \S+ \S+ && ", "", line)
        if "https://packages.library.example" in line:
            options = f"--resolve packages.library.example:{self.https}:127.0.0.1"
            line = line.replace("curl ", f"curl {options} ").replace("library.example/", f"library.example:{self.https}/")
        return self.move(line)


def lines() -> list[Line]:
    """The guide's blocks in their order; one of the configuration is one line, and so is a line of the shell that goes on in the next."""
    found: list[Line] = []
    for language, text in re.findall(
        r"^```(sh|toml)\n(.*?)^```", (DEPLOY / "README.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    ):
        found += [(language, text)] if language == "toml" else [(language, line) for line in text.replace("\\\n", "").splitlines()]
    return found


def unit() -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", (DEPLOY / "packaging-service.service").read_text(encoding="utf-8"), re.MULTILINE))


def exec_start(place: Place) -> list[str]:
    """The unit's own command."""
    return shlex.split(place.move(unit()["ExecStart"]))
