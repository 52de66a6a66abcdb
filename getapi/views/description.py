"""The OpenAPI description of each view: its parameters, and every answer in every format (SPEC 1)."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from getapi import serializers

Answers = dict[Any, Any]

_BUSY = {429: "Too many packages are being planned at this moment", 503: "The service's own records cannot be reached now"}
_TOO_LARGE = {408: "The body did not arrive in time", 413: "The body, or what is asked for, is too large"}
_UNREADABLE = {400: "A parameter is missing, or cannot be used", **_TOO_LARGE, 415: "The body is neither a form nor JSON"}
_REPOSITORY = {
    403: "Closed now (with the date, where it is known), or the repository is not public",
    404: "No such object or datastream, or none that is spoken of",
    502: "The repository's description of the object cannot be read",
    503: "The repository cannot be read at the moment",
}
_CHANGED = {
    409: "The content changed while it was asked for",
    429: "No download slot is free, or too much is planned or looked up at this moment",
}


def _problems(sentences: Mapping[int, str]) -> Answers:
    answers: Answers = {}
    for status, sentence in {**sentences, 500: "The service made an error"}.items():
        answers[status, "application/xml"] = OpenApiResponse(serializers.PROBLEM_XML, sentence)
        answers[status, "application/problem+json"] = OpenApiResponse(serializers.Problem, sentence)
        answers[status, "text/html"] = OpenApiResponse(OpenApiTypes.STR, sentence)
    return answers


def _formats(xml: serializers.Schema, json: type[Any], sentence: str, *, status: int = 200) -> Answers:
    return {
        (status, "application/xml"): OpenApiResponse(xml, sentence),
        (status, "application/json"): OpenApiResponse(json, sentence),
        (status, "text/html"): OpenApiResponse(OpenApiTypes.STR, sentence),
    }


def _header(name: str, description: str, *statuses: int, kind: Any = OpenApiTypes.STR) -> OpenApiParameter:
    """Of an answer with those statuses; of the request where there are none."""
    return OpenApiParameter(name, kind, OpenApiParameter.HEADER, description=description, response=list(statuses) or False)


_RETRY_AFTER = _header("Retry-After", "Seconds", 429, 503, kind=OpenApiTypes.INT)
_CONDITIONS = [
    _header("Range", "One range of bytes; several are answered with the whole"),
    _header("If-Range", "An ETag or a date"),
    _header("If-Match", "ETags"),
    _header("If-None-Match", "ETags"),
    _header("If-Modified-Since", "A date"),
    _header("If-Unmodified-Since", "A date"),
]


def _segment(name: str, pattern: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, {"type": "string", "pattern": pattern}, OpenApiParameter.PATH, description=description)


_PACKAGE_ID = _segment("package_id", "^[0-9a-f]{32}$", "32 hexadecimal digits")
_UNKNOWN = {404: "There is no such package, or none any more"}
_PID = _segment("pid", "^[^/]+:[^/]+$", "The object's PID, such as demo:1")
_DSID = _segment("dsid", "^[^/]+$", "The datastream's id, in any case")
_TOKEN = OpenApiParameter(
    "token", OpenApiTypes.STR, description="A token, for a repository that is not public, where no header can be sent"
)
_OPTIONAL_TOKEN: Any = [{}, {"token": []}]

get_token = extend_schema(
    operation_id="getToken",
    tags=["packages"],
    summary="A key for a token",
    request=serializers.TokenRequest,
    responses={
        **_formats(serializers.TOKEN_XML, serializers.Token, "The token"),
        **_problems(
            {**_UNREADABLE, 403: "Token could not be generated", 429: "Too many failed attempts from this address", 503: _BUSY[503]}
        ),
    },
    parameters=[_RETRY_AFTER],
)

package = extend_schema(
    operation_id="PACKAGE",
    tags=["packages"],
    summary="Datastreams of many objects as one BagIt package, built while it is sent",
    request=serializers.PackageRequest,
    responses={
        (200, "application/x-tar"): OpenApiResponse(OpenApiTypes.BINARY, "A TAR archive of a BagIt bag"),
        (200, "application/zip"): OpenApiResponse(OpenApiTypes.BINARY, "A ZIP archive of a BagIt bag"),
        **_formats(serializers.PACKAGE_XML, serializers.KeptPackage, "delivery=link: the package, to be had from its address", status=201),
        **_formats(
            serializers.PACKAGE_XML,
            serializers.KeptPackage,
            "The package is prepared first: the caller prefers that, or a datastream's size is not known before it is read",
            status=202,
        ),
        303: OpenApiResponse(description="What would be 201 or 202, where Accept prefers HTML: to the package's page"),
        **_problems(
            {
                **_UNREADABLE,
                403: "A valid token is required",
                429: "No download slot is free, too many packages are being planned, or a key keeps or prepares as many as it may",
                503: "A repository, or the service's own records, cannot be reached now",
            }
        ),
    },
    parameters=[
        _RETRY_AFTER,
        _header("Prefer", "respond-async: the package is prepared, and verified, before it is sent (RFC 7240)"),
        _header("Preference-Applied", "respond-async, where the caller prefers that", 202, 303),
        _header("Location", "The package's page", 201, 202, 303),
        _header("Content-Location", "The address of these bytes, for whoever resumes", 200, 201),
        _header("Accept-Ranges", "bytes, at that address", 200),
        _header("Last-Modified", "When the package was made", 200),
        _header("Content-Length", "Octets, exact", 200, kind=OpenApiTypes.INT64),
        _header("Content-Disposition", "The download's name", 200),
        _header("ETag", "The same for the same request, on the same day, to an unchanged repository", 200),
    ],
)

estimate = extend_schema(
    operation_id="ESTIMATE",
    tags=["packages"],
    summary="What PACKAGE would send for the same parameters; nothing is sent, kept or counted",
    request=serializers.PackageRequest,
    responses={
        **_formats(serializers.ESTIMATE_XML, serializers.EstimatedPackage, "What the package would be"),
        **_problems({**_UNREADABLE, 403: "A valid token is required", **_BUSY, 503: "A repository cannot be read now"}),
    },
    parameters=[_RETRY_AFTER],
)

kept_package = extend_schema(
    operation_id="getPackage",
    tags=["packages"],
    summary="A package as a resource: what is in it, how far it was sent, until when it can be had",
    description="For who asks again and again Prefer: return=minimal leaves out what is in it. Such an answer may tell half a minute late "
    "that the repository has changed.",
    auth=[],
    responses={
        **_formats(serializers.PACKAGE_XML, serializers.KeptPackage, "The package"),
        **_problems({**_UNKNOWN, **_BUSY, 503: _REPOSITORY[503]}),
    },
    parameters=[
        _PACKAGE_ID,
        _RETRY_AFTER,
        _header("Prefer", "return=minimal: only how it stands, in XML and JSON (RFC 7240)"),
        _header("Preference-Applied", "return=minimal, where the caller prefers that", 200),
    ],
)

change_package = extend_schema(
    operation_id="changePackage",
    tags=["packages"],
    summary="What a package's page does without scripts: the same package in another format, or its end",
    auth=[],
    request=serializers.PackageChange,
    responses={
        303: OpenApiResponse(description="To the page of the package in that format, or of the one that is ended"),
        **_problems(
            {
                **_UNREADABLE,
                **_UNKNOWN,
                410: "It has expired, was cancelled, or holds what was changed or may not leave any more",
                429: "The key has as many packages as it may keep",
                503: _REPOSITORY[503],
            }
        ),
    },
    parameters=[_PACKAGE_ID, _header("Location", "The page", 303), _header("Retry-After", "Seconds", 429, 503, kind=OpenApiTypes.INT)],
)

cancel_package = extend_schema(
    operation_id="cancelPackage",
    tags=["packages"],
    summary="Ends a package; running downloads of it are cut short",
    auth=[],
    responses={204: OpenApiResponse(description="It is ended"), **_problems({**_UNKNOWN, 503: _BUSY[503]})},
    parameters=[_PACKAGE_ID, _header("Retry-After", "Seconds", 503, kind=OpenApiTypes.INT)],
)

package_content = extend_schema(
    operation_id="getPackageContent",
    tags=["packages"],
    summary="A package's bytes, or a range of them",
    auth=[],
    responses={
        (200, "application/x-tar"): OpenApiResponse(OpenApiTypes.BINARY, "The whole package"),
        (200, "application/zip"): OpenApiResponse(OpenApiTypes.BINARY, "The whole package"),
        (206, "application/x-tar"): OpenApiResponse(OpenApiTypes.BINARY, "The range that was asked for"),
        (206, "application/zip"): OpenApiResponse(OpenApiTypes.BINARY, "The range that was asked for"),
        304: OpenApiResponse(description="What the client has is current"),
        412: OpenApiResponse(description="A precondition failed"),
        416: OpenApiResponse(description="The range lies beyond the end"),
        **_problems(
            {
                **_UNKNOWN,
                409: "A datastream changed at this very moment",
                410: "It has expired, was cancelled, could not be prepared, or holds what was changed or may not leave any more",
                429: "No download slot is free, or as many packages are being opened as may",
                502: "A datastream with which the range begins cannot be read, or is damaged",
                503: "It is still being prepared, or the repository cannot be read at the moment",
            }
        ),
    },
    parameters=[
        _PACKAGE_ID,
        *_CONDITIONS,
        _RETRY_AFTER,
        _header("ETag", "Stays as long as the package", 200, 206, 304, 412, 416),
        _header("Last-Modified", "When the package was made", 200, 206, 304, 412, 416),
        _header("Content-Location", "This address", 200, 206, 304, 412, 416),
        _header("Accept-Ranges", "bytes", 200, 206),
        _header("Content-Range", "Which octets of how many", 206, 416),
        _header("Content-Disposition", "The download's name", 200, 206),
    ],
)

list_object = extend_schema(
    operation_id="getObject",
    tags=["objects"],
    summary="An object's public datastreams",
    auth=_OPTIONAL_TOKEN,
    responses={
        **_formats(serializers.OBJECT_XML, serializers.ListedObject, "The object"),
        **_problems({**_REPOSITORY, 429: "Too much is planned or looked up at this moment"}),
    },
    parameters=[_PID, _TOKEN, _RETRY_AFTER],
)

datastream = extend_schema(
    operation_id="getDatastream",
    tags=["objects"],
    summary="One datastream's bytes, or a range of them",
    auth=_OPTIONAL_TOKEN,
    responses={
        (200, "*/*"): OpenApiResponse(OpenApiTypes.BINARY, "The whole datastream, of the media type that the repository says"),
        (206, "*/*"): OpenApiResponse(OpenApiTypes.BINARY, "The range that was asked for"),
        304: OpenApiResponse(description="What the client has is current"),
        412: OpenApiResponse(description="A precondition failed"),
        416: OpenApiResponse(description="The range lies beyond the end"),
        **_problems({**_REPOSITORY, **_CHANGED}),
    },
    parameters=[
        _PID,
        _DSID,
        _TOKEN,
        *_CONDITIONS,
        _RETRY_AFTER,
        _header("ETag", "Changes with the bytes", 200, 206, 304, 412, 416),
        _header("Last-Modified", "When this version was made", 200, 206, 304, 412, 416),
        _header("Accept-Ranges", "bytes", 200, 206),
        _header("Content-Range", "Which octets of how many", 206, 416),
        _header("Content-Disposition", "A file name", 200, 206),
    ],
)

live = extend_schema(
    operation_id="healthz",
    tags=["health"],
    summary="The process answers",
    responses={(200, "text/plain"): OpenApiResponse(OpenApiTypes.STR, "ok")},
)

ready = extend_schema(
    operation_id="readyz",
    tags=["health"],
    summary="Database and repositories can be read",
    responses={
        (200, "application/json"): OpenApiResponse(serializers.READINESS, "Everything can be used"),
        (503, "application/json"): OpenApiResponse(serializers.READINESS, "What is false cannot be used now"),
    },
)

metrics = extend_schema(
    operation_id="metrics",
    tags=["health"],
    summary="What this node counted, for Prometheus; from metrics.networks alone",
    responses={
        (200, "text/plain"): OpenApiResponse(OpenApiTypes.STR, "Prometheus' text format"),
        (200, "application/openmetrics-text"): OpenApiResponse(OpenApiTypes.STR, "OpenMetrics, where Accept prefers it"),
        **_problems({404: "Asked from elsewhere"}),
    },
)
