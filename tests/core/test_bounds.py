"""What a board can run: each field at its bounds and one beyond, and that every design fits."""

from array import array

import numpy as np
import pytest

from turgor.app.config import (
    LOWPASS_1_HZ_AT_80,
    NOMINAL_IMPEDANCE,
    NOMINAL_PRESSURE,
    arterial_channel,
    default_channels,
)
from turgor.core.bounds import (
    CALIBRATION_BOUNDS,
    PRESSURE_BOUNDS,
    impedance_bound,
    impedance_misfit,
    misfit,
    pressure_misfit,
)
from turgor.core.filter_words import describe, filter_state
from turgor.core.impedance import STATE_WORDS
from turgor.link.records import row
from turgor_host.calibrate.lowpass import lowpass

GOOD = [3, 200704345, 225755626, 3, 4, 0, 0, 0, 0, 0, 6103, 16896, 6, 30000, 28000]


def test_by_hand() -> None:
    """A shift of 14 is one too many."""
    assert misfit(CALIBRATION_BOUNDS, (0, 6103, 16896, 13)) == ""
    assert misfit(CALIBRATION_BOUNDS, (0, 6103, 16896, 14)) == "gain_shift = 14 is not within 1 to 13"


def test_the_fields_are_those_of_the_record_and_of_describe() -> None:
    names = [name for name, _, _ in PRESSURE_BOUNDS]
    assert names == list(row("pressure_channel")[3][4:])
    assert describe(filter_state(3, LOWPASS_1_HZ_AT_80, NOMINAL_PRESSURE, 30000, 28000, 160)) == GOOD


@pytest.mark.parametrize("at", range(len(PRESSURE_BOUNDS)))
def test_each_field(at: int) -> None:
    name, least, most = PRESSURE_BOUNDS[at]
    for value, fits in ((least, True), (most, True), (least - 1, False), (most + 1, False)):
        values = list(GOOD)
        values[at] = value
        assert (misfit(PRESSURE_BOUNDS, values) == "") == fits
        if not fits:
            assert pressure_misfit(values) == f"{name} = {value} is not within {least} to {most}"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({0: 2}, "median = 2 is not 1, 3 or 5"),
        ({0: 4}, "median = 4 is not 1, 3 or 5"),
        ({5: 7}, "e_2 = 7 does not go with c_2 = 0"),
        ({6: 7}, "e_2 = 0 does not go with c_2 = 7"),
        ({14: 30001}, "release_milli_mmhg = 30001 is above the threshold"),
        ({7: 3}, "z_2 = 3 and g_2 = 0 go with no second section"),
        ({8: 1}, "z_2 = 0 and g_2 = 1 go with no second section"),
        ({5: 7, 6: 7, 7: 3, 8: 1, 14: 30000}, ""),
    ],
)
def test_fields_that_have_to_go_together(changes: dict[int, int], said: str) -> None:
    assert pressure_misfit([changes.get(i, value) for i, value in enumerate(GOOD)]) == said


def test_the_boards_own_channels_fit() -> None:
    for channel in [*default_channels(), arterial_channel()]:
        if channel.is_impedance():
            assert impedance_misfit(channel.words) == ""
        else:
            assert pressure_misfit(describe(channel.words)) == ""


def test_an_impedances_fields() -> None:
    """Those of the record, in the order of the core's words; one beyond its bounds is named."""
    bounds = [impedance_bound(at) for at in range(STATE_WORDS)]
    assert [name for name, _, _ in bounds] == list(row("impedance_channel")[3][4:])
    for at, (name, least, most) in enumerate(bounds):
        for value in (least - 1, most + 1):
            words = array("i", NOMINAL_IMPEDANCE)
            words[at] = value
            said = f"{name} = {value} is not within {least} to {most}"
            assert impedance_misfit(words) == said
            assert impedance_misfit([*words[at // 4 * 4 :], 1 << 30], at // 4 * 4) == said


@pytest.mark.parametrize("order", [2, 4])
@pytest.mark.parametrize("rate_hz", [10, 80, 320])
def test_every_design_fits(rate_hz: float, order: int) -> None:
    for cutoff_hz in np.geomspace(rate_hz * 2**-16.9, rate_hz * 0.2499, 12):
        state = filter_state(3, lowpass(cutoff_hz, rate_hz, order).words, NOMINAL_PRESSURE, 30000, 28000, 160)
        assert pressure_misfit(describe(state)) == ""
