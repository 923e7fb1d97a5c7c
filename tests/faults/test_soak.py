"""Real processes and everything between them goes wrong: nothing is missing but what was declared.

A day of board time at full speed instead of half an hour at 60 times:
TURGOR_FULL=1 .venv/bin/pytest -n 0 -s tests/faults/test_soak.py
"""

import json
import os
from pathlib import Path

import pytest
import soak

FULL = bool(os.environ.get("TURGOR_FULL"))
# A reading, four blocks of samples and a sweep each second.
_LEAST_RECORDS_AN_HOUR = 6 * 3600
# At most so much more memory in the last quarter than in the second one, in MB.
_MORE_MB = 16


@pytest.mark.usefixtures("micropython")
def test_soak(tmp_path: Path) -> None:
    hours, speed = (24.0, 0) if FULL else (0.5, 60)
    result = soak.run(hours, speed, 1, tmp_path)
    print(json.dumps(result))
    assert not soak.missing(result), result
    assert result["logged"] > hours * _LEAST_RECORDS_AN_HOUR
    for early, late in result["resident_mb"].values():
        assert late < early + _MORE_MB
