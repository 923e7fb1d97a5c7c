"""The course of an episode in a few words: where fluid goes, from what the limbs did in the last hours.

It is shown with its evidence and how long it has been so, is no diagnosis, and changes no alarm. A limb is judged by
its resistance (the 60 s medians), where it has none by its pressure. The criteria are Turgor's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from turgor.core.judge import TURNED_S

Floats = NDArray[np.float64]

SPAN_S = 7200
# Ends of the span are means over so much of it.
END_S = 600
RESISTANCE_PERCENT = 2.0
PRESSURE_MMHG = 5.0
AFTER_DIURETIC_S = 6 * 3600

NO_CHANGE = "no change measured"
ENTERING = "fluid entering limbs"
LEAVING = "fluid leaving limbs"
DIFFER = "limbs differ"
CANNOT_TELL = "cannot tell"

CRITERIA = (
    f"Course: a limb takes fluid in when its R falls by {RESISTANCE_PERCENT:g} % in {SPAN_S // 3600} h (without R:"
    f" ICP up by {PRESSURE_MMHG:g} mmHg), gives it back when R rises as much; it cannot be told with less than"
    f" {SPAN_S // 3600} h of data, an unknown baseline, or within {AFTER_DIURETIC_S // 3600} h of a diuretic."
)


@dataclass(frozen=True)
class Limb:
    """A limb's last hours: its seconds and, at each, resistance in ohm or pressure in mmHg (NaN where unknown)."""

    label: str
    is_resistance: bool
    seconds: NDArray[np.int64]
    values: Floats
    is_baseline_known: bool = True


@dataclass(frozen=True)
class Course:
    """What is shown, and why, a line a limb."""

    text: str
    evidence: tuple[str, ...]


def course(limbs: Sequence[Limb], t_s: int, diuretic_s: int | None = None, turned_s: int | None = None) -> Course:
    """The course at board second `t_s`; when a diuretic was last given and when the patient turned, None if never."""
    if not limbs:
        return Course(CANNOT_TELL, ("no limb is watched",))
    reasons = [f"{limb.label}: baseline unknown" for limb in limbs if not limb.is_baseline_known]
    if diuretic_s is not None and t_s - diuretic_s < AFTER_DIURETIC_S:
        reasons.append(f"a diuretic {_ago(t_s - diuretic_s)} ago")
    if turned_s is not None and t_s - turned_s < TURNED_S:
        reasons.append(f"held: turned {_ago(t_s - turned_s)} ago")
    changes = {limb.label: (limb, _change(limb, t_s)) for limb in limbs}
    short = [label for label, (_, change) in changes.items() if change is None]
    if short:
        whose = "" if len(short) == len(limbs) else ", ".join(short) + ": "
        reasons.append(f"{whose}less than {SPAN_S // 3600} h of data")
    if reasons:
        return Course(CANNOT_TELL, tuple(reasons))
    known = {label: (limb, change) for label, (limb, change) in changes.items() if change is not None}
    evidence = tuple(_line(label, limb, change) for label, (limb, change) in known.items())
    return Course(_verdict(known), evidence)


def _verdict(known: Mapping[str, tuple[Limb, float]]) -> str:
    taking = [_takes(limb, change) for limb, change in known.values()]
    if any(take > 0 for take in taking):
        return DIFFER if any(take < 0 for take in taking) else ENTERING
    return LEAVING if any(take < 0 for take in taking) else NO_CHANGE


def _takes(limb: Limb, change: float) -> int:
    """1: the limb takes fluid in, -1: it gives it back, 0: neither is measured."""
    far = RESISTANCE_PERCENT if limb.is_resistance else PRESSURE_MMHG
    gained = -change if limb.is_resistance else change
    return 1 if gained >= far else -1 if gained <= -far else 0


def _change(limb: Limb, t_s: int) -> float | None:
    """Over SPAN_S, in per cent of a resistance or mmHg; None when either end is not there."""
    ends = []
    for end in (t_s - SPAN_S + END_S, t_s):
        rows = slice(*np.searchsorted(limb.seconds, (end - END_S + 1, end + 1)))
        values = limb.values[rows]
        values = values[~np.isnan(values)]
        if len(values) < END_S // 2:
            return None
        ends.append(float(values.mean()))
    before, now = ends
    return 100 * (now / before - 1) if limb.is_resistance else now - before


def _line(label: str, limb: Limb, change: float) -> str:
    what, unit = ("R", "%") if limb.is_resistance else ("ICP", "mmHg")
    return f"{label}: {what} {change:+.1f} {unit} in 2 h"


def _ago(seconds: int) -> str:
    return f"{seconds // 3600} h {seconds // 60 % 60} min" if seconds >= 3600 else f"{seconds // 60} min"
