"""Fedora's legacy-fs store: files named for their tokens, in folders named for the minute of their first writing."""

from dataclasses import dataclass

from getapi.core.reference import parse_pid


def file_name(token: str) -> str:
    """``PID`` with its colon as ``_`` and a dot at its end as ``%``, then ``+DSID+VERSION`` as they are."""
    pid, plus, rest = token.partition("+")
    name = pid.replace(":", "_", 1)
    return (f"{name[:-1]}%" if name.endswith(".") else name) + plus + rest


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyLayout:
    """Which folder a blob is in depends on the server's clock when it was first written, so only an index knows."""

    def path(self, token: str) -> str | None:  # noqa: ARG002 # what a layout is asked
        """None: it cannot be computed."""
        return None

    def token(self, name: str) -> str | None:
        """The token that a file is named for, None for any other file. A namespace holds no ``_``, so the first one was the colon."""
        stem, plus, rest = name.partition("+")
        pid = parse_pid((f"{stem[:-1]}." if stem.endswith("%") else stem).replace("_", ":", 1))
        if pid is None or (plus and (rest.count("+") != 1 or not all(rest.split("+")))):
            return None
        return pid + plus + rest
