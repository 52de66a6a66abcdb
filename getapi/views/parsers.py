"""JSON bodies, read strictly (RFC 8259)."""

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.parsers import BaseParser

from getapi.core.errors import RequestError


class JsonParser(BaseParser):
    """UTF-8 alone, no name twice, none of Python's own words such as NaN."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """Raises RequestError."""
        try:
            return json.loads(stream.read().decode("utf-8"), parse_constant=_refuse, object_pairs_hook=_unique)
        except (ValueError, RecursionError):
            raise RequestError("The body cannot be read as JSON") from None


def _refuse(word: str) -> None:
    raise ValueError(word)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Of two values for one name no reader can know which was meant."""
    names = dict(pairs)
    if len(names) < len(pairs):
        raise ValueError("a name is given twice")
    return names
