"""The kinds of channel as people read them: names, units, and what a reading shows."""

from typing import Any, NamedTuple

import numpy as np

from turgor.core.channels import ARTERIAL, CUFF, IMPEDANCE, MOTION, PRESSURE, SUPPLY, TEMPERATURE
from turgor.core.slow import axis_16_milli_g

KIND_NAMES: dict[int, str] = {
    PRESSURE: "pressure",
    IMPEDANCE: "impedance",
    ARTERIAL: "arterial",
    CUFF: "cuff",
    TEMPERATURE: "temperature",
    MOTION: "motion",
    SUPPLY: "supply",
}
_OTHER_UNITS: dict[int, str] = {IMPEDANCE: "ohm", TEMPERATURE: "degC", MOTION: "deg", SUPPLY: "V"}


class Posture(NamedTuple):
    """What a motion's reading tells: how far the x axis (the limb's far end) is raised and how far the limb is rolled
    about it, degrees, to about one; and less than what one axis changed within the second, g."""

    incline_deg: Any
    roll_deg: Any
    activity_g: Any


def unit_of(kind: int) -> str:
    """The unit of what a reading shows."""
    return _OTHER_UNITS.get(kind, "mmHg")


def posture(value: Any) -> Posture:
    """The posture of a motion's value, or of an array of them."""
    value = np.asarray(value, dtype=np.int64)
    # The middle of each step.
    x, y, z = (axis_16_milli_g(value, axis) + 0.5 for axis in range(3))
    incline, roll = np.degrees(np.arctan2(x, np.hypot(y, z))), np.degrees(np.arctan2(y, z))
    return Posture(incline, roll, 2.0 ** (value & 15) / 1000)


def shown(kind: int, value_milli: Any) -> Any:
    """The number of a reading's value or median, or of an array of them, in the kind's unit."""
    return posture(value_milli).incline_deg if kind == MOTION else value_milli / 1000
