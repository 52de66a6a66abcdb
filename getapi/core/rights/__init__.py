"""Rights statements that repositories keep beside the content, read into restrictions. Whatever cannot be understood closes."""

from getapi.core.rights.statements import read_statements, statement_ids

__all__ = ["read_statements", "statement_ids"]
