"""One channel as the live page shows it: its last reading, and what is made of it."""

from typing import Any

from turgor.core.channels import ARTERIAL, CHANNELS, CUFF, IMPEDANCE, MOTION, NO_CHANNEL, NO_LIMB, PRESSURE
from turgor.core.median import ABSENT
from turgor.drivers import FAULT_NAMES
from turgor.link.records import ELECTRODE_OFF, MEDIAN_VALID, SATURATED, STUCK, VALID
from turgor_host.history import History, slope_per_s
from turgor_host.kinds import KIND_NAMES, posture, shown, unit_of

_SIDES = {"l": "Left", "r": "Right"}
_SLOPE_SPAN_S = 1800
_SLOPE_LEAST_S = 300


def label_of(channel: int) -> str:
    """What a person calls a channel: an impedance has the name of its limb's pressure, and what is none "Patient"."""
    if channel == NO_CHANNEL:
        return "Patient"
    name, kind, limb = CHANNELS[channel]
    if kind == ARTERIAL:
        return "Arterial line"
    if kind == IMPEDANCE and limb != NO_LIMB:
        return label_of(next(i for i, row in enumerate(CHANNELS) if row[2] == limb))
    place, _, side = name.partition("_")
    return f"{_SIDES[side]} {place}" if side in _SIDES else str(place).capitalize()


class LiveChannel:
    """One channel's last reading; integers as the board has them."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.name: str = CHANNELS[number][0]
        self.kind: int = CHANNELS[number][1]
        self.flags = 0
        self.value_milli = 0
        self.median_milli = int(ABSENT)
        self.valid_t_s: int | None = None
        self.baseline_milliohm = 0
        self.fault = 0
        self.calibrated_t_s: int | None = None
        self.dp_below_s = 0
        self._slope: tuple[int, float | None] = (-1, None)

    @property
    def reason(self) -> str:
        """Why there is no valid reading; empty when there is one."""
        if self.flags & VALID:
            return ""
        if self.fault:
            return "sensor " + FAULT_NAMES[self.fault].replace("_", " ")
        if self.flags & SATURATED:
            return "saturated"
        if self.kind in (PRESSURE, CUFF, MOTION) and self.flags & STUCK:
            return "stuck"
        if self.kind == IMPEDANCE and self.flags & ELECTRODE_OFF:
            return "electrode off"
        return "settling" if self.valid_t_s is None else "no usable samples"

    def take(self, entry: dict[str, int], t_s: int) -> None:
        """Take an entry of a `readings` record in."""
        self.flags = entry["flags"]
        self.value_milli = entry["value_milli"]
        self.median_milli = entry["median_milli"] if self.flags & MEDIAN_VALID else int(ABSENT)
        if self.flags & VALID:
            self.valid_t_s = t_s

    def shown(self, value_milli: int) -> float:
        """A value or median in the channel's unit."""
        return float(shown(self.kind, value_milli))

    def change_percent(self) -> float | None:
        if not self.baseline_milliohm or self.median_milli == ABSENT:
            return None
        return 100.0 * (self.median_milli - self.baseline_milliohm) / self.baseline_milliohm

    def slope_per_h(self, history: History) -> float | None:
        """Slope of the median over half an hour: mmHg or degC an hour, or per cent of the baseline an hour."""
        rows = history.rows
        if self._slope[0] != rows:
            self._slope = (rows, self._fresh_slope(history))
        return self._slope[1]

    def _fresh_slope(self, history: History) -> float | None:
        seconds, columns = history.view()
        column = columns.get(self.name + ".median")
        slope = None
        if column is not None:
            slope = slope_per_s(seconds, column, _SLOPE_SPAN_S, _SLOPE_LEAST_S)
        if slope is None or self.kind == MOTION:
            return None
        if self.kind != IMPEDANCE:
            return round(slope * 3600, 2)
        if not self.baseline_milliohm:
            return None
        return round(slope * 3600 * 100 * 1000 / self.baseline_milliohm, 2)

    def state(self, t_s: int | None) -> dict[str, Any]:
        """What the page shows of this channel at board second `t_s`, in its unit; of a motion the inclination, with
        roll and activity beside it."""
        valid = bool(self.flags & VALID)
        change = self.change_percent()
        found = posture(self.value_milli) if valid and self.kind == MOTION else None
        return {
            "name": self.name,
            "label": label_of(self.number),
            "kind": KIND_NAMES[self.kind],
            "unit": unit_of(self.kind),
            "value": self.shown(self.value_milli) if valid else None,
            "median": None if self.median_milli == ABSENT else self.shown(self.median_milli),
            "roll_deg": None if found is None else round(float(found.roll_deg), 1),
            "activity_g": None if found is None else float(found.activity_g),
            "valid": valid,
            "reason": self.reason,
            "saturated": bool(self.flags & SATURATED),
            "fresh_s": None if self.valid_t_s is None or t_s is None else t_s - self.valid_t_s,
            "calibrated_s": None if self.calibrated_t_s is None or t_s is None else t_s - self.calibrated_t_s,
            "dp_below_s": self.dp_below_s,
            "baseline": self.baseline_milliohm / 1000 if self.baseline_milliohm else None,
            "change_percent": None if change is None else round(change, 2),
        }
