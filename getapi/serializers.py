"""What requests and answers look like, for the OpenAPI description alone: nothing is parsed or written by these."""

from typing import Any

from rest_framework import serializers

Schema = dict[str, Any]


class TokenRequest(serializers.Serializer[Any]):
    """An application's key; ``client`` are the addresses of the readers that the token is for."""

    key = serializers.CharField(help_text="The application's key, as the administrator got it from create_key")
    client = serializers.ListField(
        child=serializers.IPAddressField(), required=False, help_text="Readers' addresses: the token then works from there alone"
    )


class PackageRequest(serializers.Serializer[Any]):
    """At least one of ``files`` and ``map`` must name something."""

    token = serializers.CharField(help_text="What getToken answered")
    files = serializers.CharField(required=False, help_text="PID or PID/DSID, joined by semicolons")
    map = serializers.CharField(required=False, help_text="PID/DSID of structural maps, joined by semicolons")
    format = serializers.ChoiceField(choices=["tar", "zip"], default="tar", required=False)
    delivery = serializers.ChoiceField(
        choices=["stream", "link"], default="stream", required=False, help_text="link: the package is kept, and its address is the answer"
    )
    name = serializers.CharField(required=False, help_text="The download's name; what no file may be called is replaced")


class PackageChange(serializers.Serializer[Any]):
    """One of the two."""

    format = serializers.ChoiceField(choices=["tar", "zip"], required=False, help_text="The same package in this format")
    cancel = serializers.ChoiceField(choices=["yes"], required=False, help_text="Ends the package")


class Token(serializers.Serializer[Any]):
    token = serializers.CharField()


class ListedDatastream(serializers.Serializer[Any]):
    dsid = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment] # a field's name here, an attribute of fields there
    mime = serializers.CharField()
    size = serializers.IntegerField(allow_null=True, help_text="Octets; null where the repository does not say")


class ListedObject(serializers.Serializer[Any]):
    pid = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment] # a field's name here, an attribute of fields there
    datastreams = ListedDatastream(many=True)


class PackagedDatastream(serializers.Serializer[Any]):
    pid = serializers.CharField()
    dsid = serializers.CharField()
    path = serializers.CharField(help_text="Where it lies in the bag")
    size = serializers.IntegerField(help_text="Octets")


class Notice(serializers.Serializer[Any]):
    """One line of notices.txt."""

    pid = serializers.CharField()
    dsid = serializers.CharField(help_text="Empty for a whole object")
    code = serializers.CharField()
    text = serializers.CharField()


class EstimatedDatastream(serializers.Serializer[Any]):
    pid = serializers.CharField()
    dsid = serializers.CharField()
    path = serializers.CharField(help_text="Where it would lie in the bag")
    size = serializers.IntegerField(allow_null=True, help_text="Octets; null where they are not known before all of it is read")


class PreparationProblem(serializers.Serializer[Any]):
    """Why a package could not be prepared."""

    code = serializers.CharField(help_text="A stable word for programs")
    text = serializers.CharField(help_text="A sentence for people")


class KeptPackage(serializers.Serializer[Any]):
    """Lists are empty, and what belongs to them is null, in the states preparing, failed, canceled, expired and changed.

    With Prefer: return=minimal checksum, tagmanifest_sha256, datastreams and notices are left out.
    """

    id = serializers.CharField()
    state = serializers.ChoiceField(choices=["preparing", "ready", "sending", "broken", "done", "failed", "canceled", "expired", "changed"])
    format = serializers.CharField()
    name = serializers.CharField()
    size = serializers.IntegerField(help_text="Octets of the whole package; 0 until it is prepared")
    files = serializers.IntegerField(help_text="Datastreams in it; 0 until it is prepared")
    sent = serializers.IntegerField(help_text="Octets that were acknowledged, each counted once")
    rate = serializers.IntegerField(allow_null=True, help_text="Octets a second of all its running downloads; null when nothing is sent")
    progress = serializers.IntegerField(
        allow_null=True, min_value=0, max_value=100, help_text="Per cent of its preparation; null but in the state preparing"
    )
    problem = PreparationProblem(allow_null=True, help_text="null but in the state failed")
    created = serializers.DateTimeField()
    expires = serializers.DateTimeField(help_text="Later with every octet that is sent")
    content = serializers.CharField(help_text="The address of its bytes")
    checksum = serializers.ChoiceField(
        choices=["sha256", "sha512"], required=False, allow_null=True, help_text="The algorithm of its manifests, and part of their names"
    )
    tagmanifest_sha256 = serializers.CharField(
        required=False, allow_null=True, help_text="Of the tag manifest, which covers all; null while it is not known"
    )
    datastreams = PackagedDatastream(many=True, required=False)
    notices = Notice(many=True, required=False)


class EstimatedPackage(serializers.Serializer[Any]):
    """What a package would be."""

    format = serializers.CharField()
    name = serializers.CharField()
    size = serializers.IntegerField(
        allow_null=True, help_text="Octets of the whole package; null where a datastream's size is not known before all of it is read"
    )
    files = serializers.IntegerField(help_text="Datastreams in it")
    datastreams = EstimatedDatastream(many=True)
    notices = Notice(many=True)


class Problem(serializers.Serializer[Any]):
    """RFC 9457 problem details; further members are the facts of that code (limit, count, parameter, pid, ...)."""

    type = serializers.CharField(default="about:blank")
    title = serializers.CharField(help_text="The status in words")
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="A sentence for people")
    code = serializers.CharField(help_text="A stable word for programs")
    request_id = serializers.CharField(required=False, help_text="Of a fault of the service: what to name to its administrator")


TOKEN_XML: Schema = {"type": "string", "xml": {"name": "token"}}
PROBLEM_XML: Schema = {"type": "string", "xml": {"name": "error"}, "description": "The problem's detail"}
READINESS: Schema = {"type": "object", "additionalProperties": {"type": "boolean"}}

_TEXT: Schema = {"type": "string"}
_LISTED_XML: Schema = {
    "type": "object",
    "xml": {"name": "datastream"},
    "properties": {"dsid": _TEXT, "label": _TEXT, "mime": _TEXT, "size": {"type": "integer"}},
}
OBJECT_XML: Schema = {
    "type": "object",
    "xml": {"name": "object"},
    "properties": {"pid": _TEXT, "label": _TEXT, "datastreams": {"type": "array", "xml": {"wrapped": True}, "items": _LISTED_XML}},
}
_WHOLE: Schema = {"type": "integer"}
_PACKAGED_XML: Schema = {
    "type": "object",
    "xml": {"name": "datastream"},
    "properties": {"pid": _TEXT, "dsid": _TEXT, "path": _TEXT, "size": _WHOLE},
}
_NOTICE_XML: Schema = {
    "type": "object",
    "xml": {"name": "notice"},
    "properties": {"pid": _TEXT, "dsid": _TEXT, "code": _TEXT, "text": _TEXT},
}
_LISTS: Schema = {
    "datastreams": {"type": "array", "xml": {"wrapped": True}, "items": _PACKAGED_XML},
    "notices": {"type": "array", "xml": {"wrapped": True}, "items": _NOTICE_XML},
}
ESTIMATE_XML: Schema = {
    "type": "object",
    "xml": {"name": "package"},
    "properties": {**dict.fromkeys(("format", "name"), _TEXT), **dict.fromkeys(("size", "files"), _WHOLE), **_LISTS},
}
PACKAGE_XML: Schema = {
    "type": "object",
    "xml": {"name": "package"},
    "properties": {
        **dict.fromkeys(("id", "state", "format", "name"), _TEXT),
        **dict.fromkeys(("size", "files", "sent", "progress"), _WHOLE),
        "rate": {**_WHOLE, "nullable": True},
        "problem": {"type": "object", "properties": dict.fromkeys(("code", "text"), _TEXT)},
        **dict.fromkeys(("created", "expires", "content", "checksum", "tagmanifest_sha256"), _TEXT),
        **_LISTS,
    },
}
