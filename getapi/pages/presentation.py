"""Each answer's value as what its template lays out."""

from collections.abc import Callable, Mapping
from typing import Any

from getapi import conf
from getapi.pages.commands import download_loop, unpack, verifications
from getapi.pages.measures import exact, human
from getapi.pages.moments import moment
from getapi.pages.omissions import group
from getapi.pages.tree import grow

ALIVE = ("ready", "sending", "broken", "done")
"""States in which a package can be had."""

FORMATS = ("tar", "zip")

Context = dict[str, Any]


def present(name: str, value: Any, absolute: Callable[[str], str]) -> Context:
    """The template's context for ``{name: value}``; ``absolute`` makes a whole URL of an address of ours."""
    if name == "package":
        return {name: value, **present_package(value, absolute)}
    if name == "object":
        return {name: {**value, "label": _readable(value["label"])}, "rows": [_row(each) for each in value["datastreams"]]}
    return {name: value}


def _row(datastream: Mapping[str, Any]) -> Context:
    told = {name: _readable(datastream[name]) for name in ("label", "mime")}
    return {**datastream, **told, "human": human(datastream["size"]), "exact": exact(datastream["size"])}


def _readable(text: str) -> str:
    """Without what lets a line be read from its end (Unicode's LRO and RLO), so that ``gpj.exe`` is seen as ``exe.jpg``."""
    return text.translate({0x202D: None, 0x202E: None})


def present_package(package: Mapping[str, Any], absolute: Callable[[str], str]) -> Context:
    """Also of an estimate, which has no ``id``, and of one that is being prepared, of which little is known."""
    limits, size = conf.current().limits, package["size"]
    omissions = group(package["notices"])
    context: Context = {
        "state": package.get("state", "estimate"),
        "is_alive": package.get("state") in ALIVE,
        "file": f"{package['name']}.{package['format']}",
        "human": human(size),
        "exact": exact(size),
        "files": f"{package['files'] or 0:,}",
        "shares": not package.get("id"),
        "tree": grow(package["name"], package["datastreams"]),
        "left_out": [each for each in omissions if each.is_missing],
        "told": [each for each in omissions if not each.is_missing],
        "limit_files": f"{limits.files:,}",
        "limit_bytes": human(limits.bytes),
    }
    return context | (_kept(package, absolute) if package.get("id") else {})


def _kept(package: Mapping[str, Any], absolute: Callable[[str], str]) -> Context:
    checksum = package.get("checksum") or conf.current().packages.checksum
    size, sent, file = package["size"] or 0, package["sent"] or 0, f"{package['name']}.{package['format']}"
    return {
        "address": package["content"].removesuffix("/content"),
        "other_format": next(each for each in FORMATS if each != package["format"]),
        "created": moment(package["created"]),
        "expires": moment(package["expires"]),
        "sent": human(sent),
        "sent_exact": exact(sent),
        "percent": int(100 * sent / size) if size else 0,
        "prepared": package.get("progress") or 0,
        "problem": package.get("problem"),
        "rate": human(package.get("rate")),
        "unpack": unpack(file=file),
        "loop": download_loop(url=absolute(package["content"]), file=file, size=size),
        "verify": verifications(name=package["name"], checksum=checksum),
        "tagmanifest_line": f"sha256sum tagmanifest-{checksum}.txt",
        "tagmanifest_windows": f"certutil -hashfile tagmanifest-{checksum}.txt SHA256",
    }


def present_trial(service: str) -> Context:
    """``service`` is the URL below which the methods lie."""
    configuration = conf.current()
    limits = configuration.limits
    return {
        "service": service,
        "shares_origins": bool(configuration.cors.origins),
        "minutes": round(configuration.tokens.ttl / 60),
        "limit_files": f"{limits.files:,}",
        "limit_bytes": human(limits.bytes),
        "limit_text": human(limits.request_text),
    }
