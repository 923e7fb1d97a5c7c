"""`core.judge.Judge`, tick by tick, as plain functions of arrays, which numba compiles with the core that they call.

Only what the class itself does is here again: which DBP is in force, in which order a tick reads, weighs and decides,
and which input comes from which channel. A test holds it equal to the class, event for event. There are no commands but
a typed DBP and acknowledgements, so that nobody is admitted for a local cause, no states of channels, no motion and no
flags: a reading is there or ABSENT, and no pulse is above the systolic pressure.
"""

from typing import Any

from turgor.core.alarms import ACKNOWLEDGED_AT, ALARM_WORDS, EVENT_WORDS, PRIORITY_AT, _highest, _step
from turgor.core.channels import ARTERIAL, IMPEDANCE, PRESSURE
from turgor.core.doubt import DOUBTED
from turgor.core.fluid import (
    AT_ATTACH,
    BASELINE,
    LATE,
    fall_from_highest,
    fluid_reading,
    set_baseline,
    unmoved,
)
from turgor.core.judge import (
    ARTERIAL_LINE,
    LATE_S,
    LINE_HELD_S,
    NO_AGE,
    NO_DBP,
    NO_SOURCE,
    SECOND,
    TYPED,
    WORD_LINE,
    WORD_LINE_S,
    WORD_TYPED,
    WORD_TYPED_S,
)
from turgor.core.median import ABSENT, is_filled, median, median_push
from turgor.core.rules import (
    DBP_AGE,
    DBP_LEAST_MILLI_MMHG,
    DBP_MOST_MILLI_MMHG,
    INDEX,
    MANY,
    MAP,
    WATCHDOG,
    ZERO_AGE,
)
from turgor.core.signs import (
    NOT_READ,
    dp_milli_mmhg,
    impedance_signs,
    is_returning,
    limb_signs,
    pressure_signs,
    thorax_signs,
    trouble_signs,
)
from turgor_host.trend.state import (
    ACKNOWLEDGE_S,
    AGE_S,
    ARTERIAL_AT,
    DBP,
    GAIN_AUX,
    HAS_PRESSURE,
    IS_LIMB,
    KIND,
    MEDIAN,
    PRESSURE_AT,
    READING,
    RETURN_AUX,
    SKIN_AT,
    SOUNDED_S,
    SOURCE,
    STEPPED,
    TROUBLED,
    State,
)

# A row of what `run` gives: the second, and an event's words.
ROW = EVENT_WORDS + 1


def run(s: State, tick: int, end: int, readings: Any, typed: Any, line: Any, rows: Any, medians: Any, dbps: Any) -> Any:
    """Ticks `tick` to `end` - 1, or until `rows` may not hold the next one's events; (the tick to go on with, events).

    `readings` (ticks, positions), `typed` and `line` (ticks): ABSENT where there is none. `medians` and `dbps` take
    those of every tick, the latter ABSENT while there is none to judge by.
    """
    w, p, fluid, x, alarms, events = s.whole, s.positions, s.fluid, s.x, s.alarms, s.events
    count = len(p)
    found = 0
    while tick < end and found + len(alarms) // ALARM_WORDS * 2 < len(rows):
        _begin(w, alarms, typed[tick], line[tick])
        for position in range(count):
            value = readings[tick][position]
            if p[position][KIND] == IMPEDANCE:
                _read_impedance(w, p, s.windows[position], fluid[position], position, value)
            else:
                _read(p, s.windows[position], position, value)
            medians[tick][position] = p[position][MEDIAN]
        dbps[tick] = dp_milli_mmhg(w[DBP], w[AGE_S], 0)
        for position in range(count + 1):
            if position == count:
                trouble_signs(x, 0)
                _weigh_system(w, p, fluid, x)
            else:
                kind = p[position][KIND]
                trouble_signs(x, p[position][TROUBLED])
                if kind == PRESSURE:
                    _weigh_pressure(w, p, s.doubt[position], s.slope[position], s.deficit[position], x, s.aux, position)
                elif kind == IMPEDANCE:
                    _weigh_impedance(w, p, s.doubt, fluid, x, position)
                elif kind == ARTERIAL:
                    x[MAP] = p[position][MEDIAN]
                    x[INDEX] = ABSENT if p[position][READING] == ABSENT else 0
            first, last = s.firsts[position], s.firsts[position + 1]
            told = _step(alarms, s.ids, first, last, s.rows, s.starts, s.hows, x, events)
            for event in range(told & 255):
                row = rows[found]
                row[0] = w[SECOND]
                for i in range(EVENT_WORDS):
                    row[i + 1] = events[event * EVENT_WORDS + i]
                found += 1
        tick += 1
    return tick, found


def _begin(w: Any, alarms: Any, typed: int, line: int) -> None:
    w[SECOND] += 1
    second = w[SECOND]
    if w[ARTERIAL_AT] >= 0 and DBP_LEAST_MILLI_MMHG <= line <= DBP_MOST_MILLI_MMHG:
        w[WORD_LINE] = line
        w[WORD_LINE_S] = second
    if typed != ABSENT:
        w[WORD_TYPED] = typed
        w[WORD_TYPED_S] = second
    if w[ACKNOWLEDGE_S]:
        _acknowledge(w, alarms)
    w[DBP] = w[WORD_TYPED]
    w[SOURCE] = TYPED
    age = second - w[WORD_TYPED_S]
    line_age = second - w[WORD_LINE_S]
    if w[WORD_LINE] >= 0 and (line_age <= LINE_HELD_S or line_age < age):
        w[DBP] = w[WORD_LINE] if line_age <= LINE_HELD_S else NO_DBP
        w[SOURCE] = ARTERIAL_LINE
        age = line_age
    if w[DBP] < 0:
        w[SOURCE] = NO_SOURCE
    w[AGE_S] = NO_AGE if w[DBP] < 0 or age >= NO_AGE else age


def _acknowledge(w: Any, alarms: Any) -> None:
    """Somebody comes after a while and acknowledges all that sounds."""
    if not _highest(alarms, len(alarms)):
        w[SOUNDED_S] = 0
        return
    w[SOUNDED_S] += 1
    if w[SOUNDED_S] < w[ACKNOWLEDGE_S]:
        return
    w[SOUNDED_S] = 0
    for at in range(0, len(alarms), ALARM_WORDS):
        if alarms[at + PRIORITY_AT] and not alarms[at + ACKNOWLEDGED_AT]:
            alarms[at + ACKNOWLEDGED_AT] = 1


def _read(p: Any, window: Any, position: int, value: int) -> None:
    p[position][TROUBLED] = NOT_READ if value == ABSENT else 0
    p[position][READING] = value
    median_push(window, value)
    p[position][MEDIAN] = median(window)


def _read_impedance(w: Any, p: Any, window: Any, fluid: Any, position: int, value: int) -> None:
    p[position][TROUBLED] = NOT_READ if value == ABSENT else 0
    second = w[SECOND]
    p[position][STEPPED] = fluid_reading(fluid, second, value)
    median_push(window, unmoved(fluid, value))
    middle = median(window)
    p[position][MEDIAN] = middle
    if not fluid[BASELINE] and middle > 0 and is_filled(window):
        set_baseline(fluid, middle, LATE if second > LATE_S else AT_ATTACH, _median_at(p, w[SKIN_AT]))


def _median_at(p: Any, position: int) -> int:
    return int(p[position][MEDIAN]) if position >= 0 else ABSENT


def _weigh_pressure(w: Any, p: Any, doubt: Any, slope: Any, deficit: Any, x: Any, aux: Any, position: int) -> None:
    icp, reading = p[position][MEDIAN], p[position][READING]
    map = _median_at(p, w[ARTERIAL_AT])
    pressure_signs(x, doubt, slope, deficit, w[SECOND], icp, reading, w[DBP], w[AGE_S], map, aux)
    x[ZERO_AGE] = w[SECOND]


def _weigh_impedance(w: Any, p: Any, doubt: Any, fluid: Any, x: Any, position: int) -> None:
    own, second, middle = fluid[position], w[SECOND], _judged(p, position)
    impedance_signs(x, own, p[position][STEPPED])
    if p[position][IS_LIMB]:
        at = p[position][PRESSURE_AT]
        icp = ABSENT if at >= 0 and doubt[at][DOUBTED] else _median_at(p, at)
        dp = dp_milli_mmhg(w[DBP], w[AGE_S], icp)
        limb_signs(x, own, second, middle, _median_at(p, w[SKIN_AT]), icp, dp, w[GAIN_AUX])
        return
    returning = ABSENT
    for other in range(len(p)):
        if p[other][IS_LIMB]:
            returning = max(returning, is_returning(fluid[other], _judged(p, other), w[RETURN_AUX]))
    thorax_signs(x, own, second, middle, returning)


def _judged(p: Any, position: int) -> int:
    return int(p[position][MEDIAN]) if p[position][MEDIAN] > 0 else ABSENT


def _weigh_system(w: Any, p: Any, fluid: Any, x: Any) -> None:
    first = ABSENT
    second = ABSENT
    for position in range(len(p)):
        if p[position][IS_LIMB]:
            fall = fall_from_highest(fluid[position], _judged(p, position))
            if fall > first:
                second = first
                first = fall
            elif fall > second:
                second = fall
    x[MANY] = second
    x[WATCHDOG] = 0
    x[DBP_AGE] = 0
    if w[SOURCE] != NO_SOURCE:
        x[DBP_AGE] = w[AGE_S]
    elif w[HAS_PRESSURE]:
        x[DBP_AGE] = w[SECOND] - w[WORD_LINE_S]
