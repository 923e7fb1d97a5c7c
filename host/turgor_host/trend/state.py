"""What the compiled tick keeps of a board's judge: the arrays of `core`, by position."""

from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from turgor.core.alarms import Alarms
from turgor.core.channels import ARTERIAL, CHANNELS, IMPEDANCE, MOTION, NO_CHANNEL, NO_LIMB, PRESSURE, TEMPERATURE
from turgor.core.deficit import deficit_state
from turgor.core.doubt import doubt_state
from turgor.core.fluid import fluid_state
from turgor.core.judge import NO_DBP, WORD_LINE, WORD_TYPED, WORDS
from turgor.core.median import ABSENT
from turgor.core.median import STATE_WORDS as MEDIAN_WORDS
from turgor.core.rules import (
    DP_DEFICIT,
    FLUID_GAIN,
    FLUID_RETURN,
    HOW,
    PRESSURE_HIGH,
    PRESSURE_RISING,
    RULES_OF,
    SYSTEM_RULES,
    THORAX_RULES,
    X_WORDS,
    YES,
)
from turgor.core.signs import SLOPE_VALUES
from turgor.core.slope import slope_state

# Words of `whole`: those of the judge first; then positions of the arterial line and the skin (-1: none), whether there
# is a pressure, limits that are no stage's, after how many seconds somebody acknowledges what sounds (0: never) and for
# how long it has sounded; DBP in force, its age and source.
ARTERIAL_AT = WORDS
SKIN_AT = WORDS + 1
HAS_PRESSURE = WORDS + 2
GAIN_AUX = WORDS + 3
RETURN_AUX = WORDS + 4
ACKNOWLEDGE_S = WORDS + 5
SOUNDED_S = WORDS + 6
DBP = WORDS + 7
AGE_S = WORDS + 8
SOURCE = WORDS + 9
_WHOLE_WORDS = WORDS + 10
# Words of a position: kind, whether it is a limb's impedance, where that limb's pressure is (-1: nowhere), reading,
# median, trouble, whether an electrode has just moved.
KIND = 0
IS_LIMB = 1
PRESSURE_AT = 2
READING = 3
MEDIAN = 4
TROUBLED = 5
STEPPED = 6
_POSITION_WORDS = 7


class State(NamedTuple):
    """Arrays of words; those of a channel's parts have a row a position, whatever its kind."""

    whole: Any
    positions: Any
    windows: Any
    doubt: Any
    slope: Any
    deficit: Any
    fluid: Any
    x: Any
    aux: Any
    alarms: Any
    ids: Any
    firsts: Any
    rows: Any
    starts: Any
    hows: Any
    events: Any


def fresh_state(
    channels: Sequence[int], limits: Sequence[Sequence[int]], acknowledge_s: int, is_compiled: bool
) -> State:
    """That of a board at its start, without an episode; ValueError for a motion channel, which trends do not have.

    An interpreter is faster with the core's own arrays, and exact: numpy's numbers would overflow.
    """

    def words_of(values: Any) -> Any:
        return np.array(list(values), np.int32) if is_compiled else array("i", list(values))

    def table_of(rows: Sequence[Any]) -> Any:
        return np.array([list(row) for row in rows], np.int32) if is_compiled else [words_of(row) for row in rows]

    kinds = [CHANNELS[channel][1] for channel in channels]
    if MOTION in kinds:
        raise ValueError("a trend has no motion channel; leave it out")
    limbs = [CHANNELS[channel][2] for channel in channels]
    subjects = [
        (channel, THORAX_RULES if kind == IMPEDANCE and limb == NO_LIMB else RULES_OF[kind])
        for channel, kind, limb in zip(channels, kinds, limbs, strict=True)
    ]
    alarms = Alarms([*subjects, (NO_CHANNEL, SYSTEM_RULES)], limits)
    count = len(channels)
    whole = [0] * _WHOLE_WORDS
    whole[WORD_TYPED] = whole[WORD_LINE] = whole[DBP] = NO_DBP
    whole[ARTERIAL_AT] = kinds.index(ARTERIAL) if ARTERIAL in kinds else -1
    whole[SKIN_AT] = kinds.index(TEMPERATURE) if TEMPERATURE in kinds else -1
    whole[HAS_PRESSURE] = PRESSURE in kinds
    whole[GAIN_AUX] = alarms.aux(FLUID_GAIN, 2)
    whole[RETURN_AUX] = alarms.aux(FLUID_RETURN)
    whole[ACKNOWLEDGE_S] = acknowledge_s
    positions = []
    for kind, limb in zip(kinds, limbs, strict=True):
        pressures = [at for at in range(count) if limb != NO_LIMB and kinds[at] == PRESSURE and limbs[at] == limb]
        row = [0] * _POSITION_WORDS
        row[KIND] = kind
        row[IS_LIMB] = kind == IMPEDANCE and limb != NO_LIMB
        row[PRESSURE_AT] = pressures[0] if pressures else -1
        row[MEDIAN] = ABSENT
        positions.append(row)
    x = [0] * X_WORDS
    x[YES] = 1
    return State(
        whole=words_of(whole),
        positions=table_of(positions),
        windows=table_of([[0] * MEDIAN_WORDS] * count),
        doubt=table_of([doubt_state()] * count),
        slope=table_of([slope_state(SLOPE_VALUES)] * count),
        deficit=table_of([deficit_state()] * count),
        fluid=table_of([fluid_state()] * count),
        x=words_of(x),
        aux=words_of([alarms.aux(PRESSURE_HIGH), alarms.aux(PRESSURE_RISING), alarms.aux(DP_DEFICIT)]),
        alarms=words_of(alarms.words),
        ids=words_of(alarms.ids),
        firsts=words_of(alarms.firsts),
        rows=words_of(alarms.rows),
        starts=words_of(alarms._starts),
        hows=words_of(HOW),
        events=words_of([0] * len(alarms.events)),
    )
