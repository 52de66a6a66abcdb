"""Rights statements that repositories keep beside the content, read into restrictions. Whatever cannot be understood closes."""

from getapi.core.rights.islandora import are_silent_relations
from getapi.core.rights.statements import read_statements, relation_ids, statement_ids

__all__ = ["are_silent_relations", "read_statements", "relation_ids", "statement_ids"]
