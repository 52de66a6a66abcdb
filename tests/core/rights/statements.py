"""What the tests of rights statements share: datastreams, and the documents that repositories write."""

from getapi.core.source import DatastreamRecord

PID = "test:1"
XACML = "urn:oasis:names:tc:xacml:1.0:"
FEDORA = "urn:fedora:names:fedora:2.1:"


def datastreams(*dsids: str, **mimes: str) -> tuple[DatastreamRecord, ...]:
    """Datastreams by DSID; as keywords with their MIME type."""
    named = {**dict.fromkeys(dsids, "application/octet-stream"), **mimes}
    return tuple(DatastreamRecord(pid=PID, dsid=dsid, version=f"{dsid}.0", mime=mime) for dsid, mime in named.items())


def relations(*descriptions: str) -> bytes:
    """RELS-EXT or RELS-INT as Fedora keeps it."""
    return (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:ext="http://islandora.ca/ontology/relsext#"'
        ' xmlns:int="http://islandora.ca/ontology/relsint#" xmlns:e="info:islandora/islandora-system:def/scholar#"'
        ' xmlns:m="info:fedora/fedora-system:def/model#">' + "".join(descriptions) + "</rdf:RDF>"
    ).encode()


def about(subject: str, *properties: str) -> str:
    return f'<rdf:Description rdf:about="{subject}">{"".join(properties)}</rdf:Description>'


def until(value: str) -> str:
    return f'<e:embargo-until rdf:datatype="http://www.w3.org/2001/XMLSchema#dateTime">{value}</e:embargo-until>'


def rights(*parts: str, namespace: str = "http://hydra-collab.stanford.edu/schemas/rightsMetadata/v1") -> bytes:
    declared = f' xmlns="{namespace}"' if namespace else ""
    return f'<rightsMetadata{declared} version="0.1">{"".join(parts)}</rightsMetadata>'.encode()


def access(kind: str, *machine: str, before: str = "") -> str:
    return f'<access type="{kind}">{before}<human/><machine>{"".join(machine)}</machine></access>'


PUBLIC = access("read", "<group>public</group>")


def policy(*rules: str, algorithm: str = "first-applicable", target: str = "", namespace: str = f"{XACML}policy") -> bytes:
    return (
        f'<Policy xmlns="{namespace}" PolicyId="p" RuleCombiningAlgId="{XACML}rule-combining-algorithm:{algorithm}">'
        f"{target or ANYTHING}{''.join(rules)}</Policy>"
    ).encode()


def rule(effect: str, target: str = "", condition: str = "") -> str:
    return f'<Rule RuleId="r" Effect="{effect}">{target or ANYTHING}{condition}</Rule>'


def match(kind: str, attribute: str, value: str, function: str = "string-equal") -> str:
    text = "http://www.w3.org/2001/XMLSchema#string"
    return (
        f'<{kind}><{kind}Match MatchId="{XACML}function:{function}"><AttributeValue DataType="{text}">{value}</AttributeValue>'
        f'<{kind}AttributeDesignator AttributeId="{attribute}" DataType="{text}"/></{kind}Match></{kind}>'
    )


def target(subjects: str = "<AnySubject/>", resources: str = "<AnyResource/>", actions: str = "<AnyAction/>") -> str:
    return f"<Target><Subjects>{subjects}</Subjects><Resources>{resources}</Resources><Actions>{actions}</Actions></Target>"


ANYTHING = target()
VIEWING = match("Action", f"{FEDORA}action:api", f"{FEDORA}action:api-a") + match(
    "Action", f"{FEDORA}action:id", f"{FEDORA}action:id-getDatastreamHistory"
)
DISSEMINATION = match("Action", f"{FEDORA}action:id", f"{FEDORA}action:id-getDatastreamDissemination")
MANAGING = "".join(
    match("Action", f"{FEDORA}action:id", f"{FEDORA}action:id-{verb}") for verb in ("addDatastream", "ingest", "purgeObject")
)


def member(attribute: str, *names: str) -> str:
    words = "".join(f"<AttributeValue>{name}</AttributeValue>" for name in names)
    return (
        f'<Apply FunctionId="{XACML}function:string-at-least-one-member-of">'
        f'<SubjectAttributeDesignator AttributeId="{attribute}" MustBePresent="false"/>'
        f'<Apply FunctionId="{XACML}function:string-bag">{words}</Apply></Apply>'
    )


def call(function: str, *parts: str, element: str = "Apply") -> str:
    return f'<{element} FunctionId="{XACML}function:{function}">{"".join(parts)}</{element}>'


def unless(*members: str) -> str:
    """Islandora's condition: none of these users and roles."""
    return call("not", call("or", *members), element="Condition")


STAFF = unless(member(f"{FEDORA}subject:loginId", "admin", "fedoraAdmin"), member("fedoraRole", "administrator"))
PERMIT_REST = rule("Permit")


def dsid(value: str, function: str = "string-equal") -> str:
    return match("Resource", f"{FEDORA}resource:datastream:id", value, function)


def mime(value: str, function: str = "string-equal") -> str:
    return match("Resource", f"{FEDORA}resource:datastream:mimeType", value, function)
