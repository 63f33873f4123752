"""What is allowed by default, where nothing is imported to ask."""

from __future__ import annotations

CACHE_LIMIT = 4 * 10**9  # bytes
"""Of the key-value cache of global attention over one sequence."""
