"""The technical rules that this computer judges beside the board's own (`turgor.core.rules`): of what it recorded.

Each is momentary: it stands until somebody acknowledges it here. No board hears of it.
"""

from typing import NamedTuple

from turgor.core.rules import LOW, MEDIUM


class HostRule(NamedTuple):
    """`label` says whom an alarm is of; `raised` when it comes."""

    priority: int
    label: str
    text: str
    raised: str


# So long a calibration holds: a bridge drifts by 0.1 mmHg and more a year; so do resistors and clocks.
OLDEST_DAYS = 365

LOCKSTEP = "lockstep"
DATA_LOST = "data_lost"
CLOCK_JUMP = "clock_jump"
CAL_EXPIRED = "cal_expired"

HOST_RULES = {
    LOCKSTEP: HostRule(
        MEDIUM,
        "Board",
        "results differ from its codes",
        "readings, baselines, events or states differ from what the core makes of the recorded codes here",
    ),
    DATA_LOST: HostRule(LOW, "Recording", "records were lost", "the board declares that it dropped records"),
    CLOCK_JUMP: HostRule(LOW, "This computer", "its clock was moved", "this computer's clock was moved"),
    CAL_EXPIRED: HostRule(
        LOW,
        "Calibration",
        "too old, or of unknown age",
        f"a calibration in force is older than {OLDEST_DAYS} days, or neither nominal nor known to this computer",
    ),
}
