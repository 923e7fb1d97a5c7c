"""A diastolic pressure below a compartment's is taken after one confirmation."""

from typing import Any

import pytest

from turgor_host.dbp import check_dbp
from turgor_host.errors import TurgorError


def state(**medians: float | None) -> dict[str, Any]:
    channels = [{"name": name, "kind": "pressure", "median": median} for name, median in medians.items()]
    return {"channels": [*channels, {"name": "calf_z", "kind": "impedance", "median": 300.0}]}


def test_both_sides_of_the_highest() -> None:
    check_dbp(50, state(calf_l=50.0, calf_r=20.0))
    with pytest.raises(TurgorError, match=r"49\.9 mmHg lies below the 50 mmHg of calf_l: not taken.*--below-icp"):
        check_dbp(49.9, state(calf_l=50.0, calf_r=20.0))


def test_nothing_to_compare_with() -> None:
    check_dbp(20, state(calf_l=None))
    check_dbp(20, {"channels": []})


def test_what_is_out_of_range_is_refused_elsewhere() -> None:
    check_dbp(7, state(calf_l=50.0))
