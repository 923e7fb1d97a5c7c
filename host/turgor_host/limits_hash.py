"""A name for a set of limits, the same wherever the same limits are."""

import hashlib
from collections.abc import Iterable, Sequence


def limits_hash(rows: Iterable[Sequence[int]]) -> str:
    """16 hex digits over the rows as integers (`turgor.core.rules.DEFAULT_LIMITS`), in order of rule and stage."""
    text = ";".join(",".join(map(str, row)) for row in sorted(map(tuple, rows)))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
