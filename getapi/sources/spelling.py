"""Other spellings of a PID under which an object may be asked for (SPEC 3)."""

from getapi.core.reference import parse_pid


def other_spellings(normal: str) -> list[str]:
    """Of a normalised PID: with its namespace, and with the whole in lower case."""
    namespace, _, name = normal.partition(":")
    forms = dict.fromkeys((f"{namespace.lower()}:{name}", parse_pid(normal.lower())))
    return [form for form in forms if form and form != normal]
