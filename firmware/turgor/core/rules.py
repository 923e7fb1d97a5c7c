"""The rules as data: what each judges, with which limits, how urgent it is and how it ends.

A rule has up to three stages, each with a priority, a limit and a time for which its input must stay beyond the limit.
`core.alarms` steps them, `core.judge` makes their inputs once a second. Units: pressures milli-mmHg, deficits
milli-mmHg x h, slopes milli-mmHg / h, changes per mille, times s. Inputs lie within +-2^28 or are ABSENT.
"""

from turgor.core.channels import ARTERIAL, CUFF, IMPEDANCE, MOTION, PRESSURE, SUPPLY, TEMPERATURE
from turgor.mp import const

DP_LOW = const(0)
DP_LOST = const(1)
DP_DEFICIT = const(2)
MAP_LOW = const(3)
PRESSURE_HIGH = const(4)
PRESSURE_RISING = const(5)
FLUID_GAIN = const(6)
FLUID_GAIN_MANY = const(7)
FLUID_RETURN = const(8)
LUNG_FLUID = const(9)
SHOCK = const(10)
# Technical from here on: of sensors and entries, not of the patient. They never latch.
PRESSURE_DOUBT = const(11)
STEP_ARTEFACT = const(12)
BASELINE_UNKNOWN = const(13)
DBP_STALE = const(14)
ZERO_OVERDUE = const(15)
WATCHDOG_RESET = const(16)
POWER_LOW = const(17)
# A sensor's troubles, a bit each, 1 for the first.
SENSOR_ABSENT = const(18)
SATURATED = const(19)
STUCK = const(20)
NOISY = const(21)
ELECTRODE_OFF = const(22)
DAMPED = const(23)
FIRST_TECHNICAL = const(11)
FIRST_TROUBLE = const(18)
RULE_COUNT = const(24)

NO_PRIORITY = const(0)
LOW = const(1)
MEDIUM = const(2)
HIGH = const(3)
PRIORITY_NAMES = ("none", "low", "medium", "high")

RAISED = const(1)
ESCALATED = const(2)
CLEARED = const(3)
ACKNOWLEDGED = const(4)
WITHDRAWN = const(5)
EVENT_NAMES = ("none", "raised", "escalated", "cleared", "acknowledged", "withdrawn")

# By number, for people (a board keeps no texts): name, what is judged, its unit, the text of an alarm
RULES = (
    ("dp_low", "DBP - ICP", "milli_mmhg", "perfusion pressure low"),
    ("dp_lost", "DBP - ICP", "milli_mmhg", "perfusion pressure lost"),
    ("dp_deficit", "mmHg x h of DBP - ICP below its limit in 12 h", "milli_mmhg_h", "perfusion deficit"),
    ("map_low", "MAP - ICP", "milli_mmhg", "mean perfusion pressure low"),
    ("pressure_high", "ICP", "milli_mmhg", "compartment pressure high"),
    ("pressure_rising", "slope of ICP over 30 min", "milli_mmhg_per_h", "compartment pressure rising"),
    ("fluid_gain", "fall of R from its baseline (local: of R / other side)", "permille", "fluid entering the limb"),
    ("fluid_gain_many", "second largest fall of R in 2 h", "permille", "fluid entering several limbs"),
    ("fluid_return", "fall of thorax R while a limb's rises", "permille", "fluid returning to the chest"),
    ("lung_fluid", "fall of thorax R", "permille", "fluid in the chest: lung, pleura or pericardium"),
    ("shock", "MAP", "milli_mmhg", "blood pressure low"),
    ("pressure_doubt", "whether the pressure can be believed", "yes", "pressure in doubt: look at the catheter"),
    ("step_artefact", "step of R within 10 s", "yes", "electrode moved"),
    ("baseline_unknown", "whether the baseline holds", "yes", "baseline unknown"),
    ("dbp_stale", "age of DBP", "s", "type the diastolic pressure"),
    ("zero_overdue", "time since the last zero", "s", "zero the transducer"),
    ("watchdog_reset", "restart by the watchdog", "yes", "the board restarted by itself"),
    ("power_low", "supply of the board", "milli_v", "supply of the board low"),
    ("sensor_absent", "time without a valid reading", "s", "no reading from the sensor"),
    ("saturated", "time at the converter's limits", "s", "sensor out of its range"),
    ("stuck", "time without any change", "s", "sensor stuck"),
    ("noisy", "time with much noise", "s", "sensor noisy"),
    ("electrode_off", "time without contact", "s", "electrode off"),
    ("damped", "time with damped beats", "s", "arterial line damped"),
)
RULE_NAMES = tuple(row[0] for row in RULES)

STAGES = const(3)
# Added to a stage for each age group of `core.entries`: this row stands for that stage when the patient is of it.
AGE_STAGES = const(4)

# rule, stage, priority, limit, run_s, clear_limit, clear_s, aux: the defaults, all of them configuration. MAP_LOW is
# off. aux, of stage 0 where none is named: a deficit counts below this dP; pressure_high is only low while a fresh dP
# is at or above it; pressure_rising is judged from this ICP on; fluid_gain's stage 2 wants an ICP at or above, or a dP
# below (ICP * 2^15 + dP, whole mmHg); fluid_return wants a limb's R up by so much since a lowest so old (per mille
# * 2^15 + s).
DEFAULT_LIMITS = (
    (DP_LOW, 0, MEDIUM, 30000, 900, 32000, 300, 0),
    (DP_LOW, 1, HIGH, 30000, 7200, 32000, 300, 0),
    (DP_LOST, 0, HIGH, 10000, 600, 12000, 300, 0),
    (DP_DEFICIT, 0, MEDIUM, 10000, 0, 8000, 0, 30000),
    (DP_DEFICIT, 1, HIGH, 20000, 0, 8000, 0, 0),
    (PRESSURE_HIGH, 0, MEDIUM, 30000, 600, 28000, 300, 40000),
    (PRESSURE_HIGH, 1, HIGH, 45000, 300, 28000, 300, 0),
    (PRESSURE_HIGH, 2, HIGH, 30000, 3600, 28000, 300, 0),
    (PRESSURE_RISING, 0, LOW, 10000, 0, 8000, 0, 15000),
    # Healthy legs of children have 13 to 15 mmHg (Bussell 2019), of adults less than 10.
    (PRESSURE_RISING, 4, LOW, 10000, 0, 8000, 0, 20000),
    (PRESSURE_RISING, 8, LOW, 10000, 0, 8000, 0, 20000),
    (FLUID_GAIN, 0, LOW, 50, 600, 40, 0, 0),
    (FLUID_GAIN, 1, MEDIUM, 100, 600, 40, 0, 0),
    (FLUID_GAIN, 2, HIGH, 150, 600, 40, 0, 20 << 15 | 40),
    (FLUID_GAIN_MANY, 0, MEDIUM, 30, 0, 20, 0, 0),
    (FLUID_RETURN, 0, LOW, 40, 0, 30, 0, 30 << 15 | 7200),
    (FLUID_RETURN, 1, MEDIUM, 80, 0, 30, 0, 0),
    (FLUID_RETURN, 2, HIGH, 120, 0, 30, 0, 0),
    (LUNG_FLUID, 0, LOW, 50, 600, 40, 0, 0),
    (LUNG_FLUID, 1, MEDIUM, 100, 600, 40, 0, 0),
    (LUNG_FLUID, 2, HIGH, 120, 600, 40, 0, 0),
    (SHOCK, 0, MEDIUM, 65000, 300, 65000, 300, 0),
    (SHOCK, 1, MEDIUM, 1, 600, 0, 300, 0),
    # One in twenty healthy children has a MAP below 40 mmHg + 1.5 a year (Haque 2007): of 13 years, and of 6, whose
    # pulse may lie above the systolic pressure in health (Acker 2015).
    (SHOCK, 4, MEDIUM, 60000, 300, 60000, 300, 0),
    (SHOCK, 8, MEDIUM, 50000, 300, 50000, 300, 0),
    (SHOCK, 9, MEDIUM, 2, 600, 0, 300, 0),
    (PRESSURE_DOUBT, 0, MEDIUM, 1, 0, 0, 0, 0),
    (STEP_ARTEFACT, 0, LOW, 1, 0, 0, 0, 0),
    (BASELINE_UNKNOWN, 0, LOW, 1, 0, 0, 0, 0),
    (DBP_STALE, 0, LOW, 900, 0, 900, 0, 0),
    (DBP_STALE, 1, MEDIUM, 1800, 0, 900, 0, 0),
    (ZERO_OVERDUE, 0, LOW, 28800, 0, 28800, 0, 0),
    (WATCHDOG_RESET, 0, MEDIUM, 1, 0, 0, 0, 0),
    # A USB port gives 4.4 V or more, the board's diode takes 0.3 V of it.
    (POWER_LOW, 0, MEDIUM, 4000, 10, 4100, 5, 0),
    (SENSOR_ABSENT, 0, MEDIUM, 1, 10, 0, 5, 0),
    (SATURATED, 0, MEDIUM, 1, 10, 0, 5, 0),
    (STUCK, 0, MEDIUM, 1, 10, 0, 5, 0),
    (NOISY, 0, LOW, 1, 30, 0, 5, 0),
    (ELECTRODE_OFF, 0, MEDIUM, 1, 10, 0, 5, 0),
    (DAMPED, 0, LOW, 1, 30, 0, 5, 0),
)

# What a stage judges, by its place among the inputs of a tick (X_WORDS of them). The first is always 1: no condition.
YES = const(0)
# Whether no alarm of the patient may clear on this channel now.
HELD = const(1)
SOFT = const(2)
DP = const(3)
DEFICIT = const(4)
MAP_DP = const(5)
ICP = const(6)
SLOPE = const(7)
DOUBT = const(8)
NO_DP = const(9)
HAS_ICP = const(10)
ZERO_AGE = const(11)
FALL = const(12)
SWOLLEN = const(13)
FALL_6_H = const(14)
RETURNING = const(15)
STEP = const(16)
UNKNOWN = const(17)
MAP = const(18)
MANY = const(19)
DBP_AGE = const(20)
WATCHDOG = const(21)
TROUBLE = const(22)
# Whether the pulse per minute is above the systolic pressure in mmHg.
INDEX = const(28)
# The supply's mV.
VOLTS = const(29)
X_WORDS = const(30)

# How: what lies below the limit is beyond it, the limit itself is not, the clear limit itself does not clear,
# technical, one that is over at once and stands until it is acknowledged, one that sounds again 5 mmHg deeper.
FALLING = const(1)
STRICT = const(2)
STRICT_CLEAR = const(4)
TECHNICAL = const(8)
MOMENTARY = const(16)
DEEPER = const(32)

_DP_FORM = const(FALLING | STRICT | DEEPER)
_LOST_FORM = const(FALLING | STRICT_CLEAR | DEEPER)
_MAP_FORM = const(FALLING | STRICT)
_SEEN = const(TECHNICAL | MOMENTARY)
_AGE = const(TECHNICAL | STRICT)
_POWER = const(FALLING | STRICT | TECHNICAL)
# Of each rule its three stages: input, condition, what makes it low (YES: nothing), how. All 0: there is none.
# fmt: off
HOW = bytes((
    DP, YES, YES, _DP_FORM, DP, YES, YES, _DP_FORM, 0, 0, 0, 0,
    DP, YES, YES, _LOST_FORM, 0, 0, 0, 0, 0, 0, 0, 0,
    DEFICIT, YES, YES, STRICT_CLEAR, DEFICIT, YES, YES, STRICT_CLEAR, 0, 0, 0, 0,
    MAP_DP, YES, YES, _DP_FORM, MAP_DP, YES, YES, _DP_FORM, 0, 0, 0, 0,
    ICP, YES, SOFT, 0, ICP, YES, YES, 0, ICP, NO_DP, YES, 0,
    SLOPE, HAS_ICP, YES, STRICT_CLEAR, 0, 0, 0, 0, 0, 0, 0, 0,
    FALL, YES, SOFT, 0, FALL, YES, SOFT, 0, FALL, SWOLLEN, SOFT, 0,
    MANY, YES, YES, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    FALL, RETURNING, YES, 0, FALL, RETURNING, YES, 0, FALL, RETURNING, YES, 0,
    FALL, YES, YES, 0, FALL_6_H, YES, YES, 0, FALL_6_H, YES, YES, 0,
    MAP, YES, YES, _MAP_FORM, INDEX, YES, YES, 0, 0, 0, 0, 0,
    DOUBT, YES, YES, TECHNICAL, 0, 0, 0, 0, 0, 0, 0, 0,
    STEP, YES, YES, _SEEN, 0, 0, 0, 0, 0, 0, 0, 0,
    UNKNOWN, YES, YES, TECHNICAL, 0, 0, 0, 0, 0, 0, 0, 0,
    DBP_AGE, YES, YES, _AGE, DBP_AGE, YES, YES, _AGE, 0, 0, 0, 0,
    ZERO_AGE, YES, YES, _AGE, 0, 0, 0, 0, 0, 0, 0, 0,
    WATCHDOG, YES, YES, _SEEN, 0, 0, 0, 0, 0, 0, 0, 0,
    VOLTS, YES, YES, _POWER, 0, 0, 0, 0, 0, 0, 0, 0,
    TROUBLE, YES, YES, TECHNICAL, 0, 0, 0, 0, 0, 0, 0, 0,
    TROUBLE + 1, YES, YES, TECHNICAL, 0, 0, 0, 0, 0, 0, 0, 0,
    TROUBLE + 2, YES, YES, TECHNICAL, 0, 0, 0, 0, 0, 0, 0, 0,
    TROUBLE + 3, YES, YES, TECHNICAL, 0, 0, 0, 0, 0, 0, 0, 0,
    TROUBLE + 4, YES, YES, TECHNICAL, 0, 0, 0, 0, 0, 0, 0, 0,
    TROUBLE + 5, YES, YES, TECHNICAL, 0, 0, 0, 0, 0, 0, 0, 0,
))

# The rules of a channel by its kind; of an impedance without a limb, and of none of the channels.
RULES_OF = {
    PRESSURE: bytes((
        DP_LOW, DP_LOST, DP_DEFICIT, MAP_LOW, PRESSURE_HIGH, PRESSURE_RISING,
        PRESSURE_DOUBT, ZERO_OVERDUE, SENSOR_ABSENT, SATURATED, STUCK, NOISY,
    )),
    IMPEDANCE: bytes((FLUID_GAIN, STEP_ARTEFACT, BASELINE_UNKNOWN, SENSOR_ABSENT, SATURATED, ELECTRODE_OFF)),
    ARTERIAL: bytes((SHOCK, SENSOR_ABSENT, SATURATED, DAMPED)),
    CUFF: bytes((SENSOR_ABSENT, SATURATED, STUCK, NOISY)),
    TEMPERATURE: bytes((SENSOR_ABSENT, SATURATED)),
    MOTION: bytes((SENSOR_ABSENT, SATURATED, STUCK)),
    SUPPLY: bytes((POWER_LOW, SENSOR_ABSENT, SATURATED)),
}
THORAX_RULES = bytes((
    FLUID_RETURN, LUNG_FLUID, STEP_ARTEFACT, BASELINE_UNKNOWN, SENSOR_ABSENT, SATURATED, ELECTRODE_OFF,
))
SYSTEM_RULES = bytes((FLUID_GAIN_MANY, DBP_STALE, WATCHDOG_RESET))
# fmt: on

# A typed DBP older than this gives no dP; one younger than FRESH_S may soften `pressure_high`.
DBP_VALID_S = const(3600)
DBP_FRESH_S = const(900)
DBP_LEAST_MILLI_MMHG = const(10000)
DBP_MOST_MILLI_MMHG = const(200000)
