"""Headers of every answer that carries bytes to be kept."""

from urllib.parse import quote

INERT = {
    # nginx in front must neither spool nor hold back what is built while it is sent.
    "X-Accel-Buffering": "no",
    "Cache-Control": "private, no-transform",
    "X-Content-Type-Options": "nosniff",
    # A repository's HTML or SVG must not run in this site's name.
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


def attachment(file_name: str) -> dict[str, str]:
    """RFC 6266: an ASCII name for every client, the true one for those that read ``filename*``."""
    plain = "".join(letter if letter.isascii() and letter.isprintable() and letter not in '"\\%' else "_" for letter in file_name)
    return {
        **INERT,
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='', errors='replace')}",
    }
