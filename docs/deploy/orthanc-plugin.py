"""An Orthanc plugin: who asks for a study's archive is sent to the packaging service, where it can be resumed.

In Orthanc's configuration, with Debian's package orthanc-python:

    "Plugins": ["/usr/share/orthanc/plugins/libOrthancPython.so"],
    "PythonScript": "/etc/orthanc/orthanc-plugin.py",
    "PackagingService": "https://packages.library.example"

In the packaging service's: [compat.orthanc], and the readers' addresses in the repository's ``networks`` (docs/configuration.md).
"""

import json

import orthanc  # Orthanc's own, inside its process

SERVICE = json.loads(orthanc.GetConfiguration()).get("PackagingService", "").rstrip("/")


def archive(output, uri, **request):
    """GET is sent on; POST, which makes one of Orthanc's own jobs, is answered by Orthanc as ever."""
    if request["method"] == "GET":
        output.SetHttpHeader("Location", SERVICE + uri)
        output.SendHttpStatusCode(302)  # Orthanc's own Redirect is a 301, which browsers keep for ever
    elif request["method"] == "POST":
        output.AnswerBuffer(orthanc.RestApiPost(uri, request["body"]), "application/json")
    else:
        output.SendMethodNotAllowed("GET,POST")


if SERVICE:
    orthanc.RegisterRestCallback("/studies/([^/]+)/archive", archive)
else:
    orthanc.LogWarning("PackagingService is not configured: archives are made by Orthanc itself")
