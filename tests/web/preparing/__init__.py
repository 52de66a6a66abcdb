"""Packages that are prepared: over a real store, an external host that names no length, and real workers."""
