"""What things are called: a language map (Presentation API 3.0, 4.1), or a text with or without its language (2.1, 4.2)."""

from getapi.core.jsontext import mapping, members, text

PREFERRED = ("en", "none", "@none", "")
"""The language of our own sentences, else that which belongs to none."""


def read_label(value: object) -> str:
    """One line of it: in the preferred language where it is there, else in the first that is; "" for none."""
    facts = mapping(value)
    told = _of_map(facts) if facts and "@value" not in facts else _of_texts(value)
    chosen = next((told[language] for language in PREFERRED if language in told), None)
    return " ".join((chosen or next(iter(told.values()), "")).split())


def _of_map(facts: object) -> dict[str, str]:
    found = {language.partition("-")[0].lower(): _joined(texts) for language, texts in reversed(list(mapping(facts).items())[:100])}
    return dict(reversed([(language, line) for language, line in found.items() if line]))


def _of_texts(value: object) -> dict[str, str]:
    """Several texts of one language are one label."""
    found: dict[str, list[str]] = {}
    for each in members(value)[:100]:
        facts = mapping(each)
        language = text(facts.get("@language")).partition("-")[0].lower()
        found.setdefault(language, []).append(text(facts.get("@value")) if facts else text(each))
    return {language: _joined(texts) for language, texts in found.items() if _joined(texts)}


def _joined(texts: object) -> str:
    return " ".join(filter(None, map(text, members(texts)[:20])))
