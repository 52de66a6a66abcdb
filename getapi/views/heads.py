"""What the description of the API says of every answer alike: HEAD beside each GET, the request's name, statuses of the whole service."""

from copy import deepcopy
from typing import Any

from getapi.requestid import HEADER

Schema = dict[str, Any]

_NAME = {
    "description": "What the request is called in the service's log",
    "schema": {"type": "string"},
}
_NO_BODY = "As GET would answer, without its body"


def complete(result: Schema, **_options: Any) -> Schema:
    """drf-spectacular's last step (POSTPROCESSING_HOOKS)."""
    for methods in result["paths"].values():
        if "get" in methods:
            methods["head"] = _head(methods["get"])
        for operation in methods.values():
            for answer in operation["responses"].values():
                answer.setdefault("headers", {})[HEADER] = _NAME
    return result


def _head(operation: Schema) -> Schema:
    head = deepcopy(operation)
    head["operationId"] = f"{operation['operationId']}Head"
    head["summary"] = f"{operation['summary']}: the headers alone"
    head["description"] = _NO_BODY
    for answer in head["responses"].values():
        answer.pop("content", None)
    return head
