"""One object: a managed datastream, and external ones whose sizes nobody tells."""

from pathlib import Path

from tests.sources.stores import BuiltStore, datastream, foxml, location, version
from tests.web.preparing.elsewhere import Host
from tests.web.resume.material import Part, configuration, put_object, some

PID = "elsewhere:1"
MANAGED = some(300_000, "managed")


def put(store: BuiltStore, host: Host, *dsids: str, pid: str = PID) -> None:
    token = f"{pid}+M+M.0"
    own = datastream("M", "M", version("M.0", location(token)))
    others = [datastream(dsid, "E", version(f"{dsid}.0", location(f"http://{host.name}/{dsid}", "URL"))) for dsid in dsids]
    store.put(token, MANAGED)
    store.put(pid, foxml(pid, own, *others))


def toml(store: BuiltStore, host: Host, folder: Path, more: str = "") -> str:
    return f"""external.allowed_hosts = ["{host.name}"]
stage.path = "{folder}/stage"
{more}
{configuration(store)}"""


__all__ = ["MANAGED", "PID", "Part", "put", "put_object", "some", "toml"]
