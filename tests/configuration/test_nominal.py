"""Which calibrations are none: those of a sensitivity or a range as it is written on a sensor, zeroed or not."""

import pytest

from turgor.app.config import (
    ABP2_A,
    ADS1220,
    HSC_B,
    MAX30009,
    MAX30009_BF,
    NAU7802,
    arterial_channel,
    default_channels,
)
from turgor_host.calibrate.fixed import coefficient, factor
from turgor_host.configuration.file import parse_configuration
from turgor_host.configuration.sensors import (
    CALIBRATION_WORDS,
    SENSORS,
    bridge_words,
    digital_words,
    impedance_words,
    is_nominal,
)


def calibration(channel: object) -> tuple[int, ...]:
    words = tuple(channel.described())
    return words if channel.is_impedance() else words[CALIBRATION_WORDS]


def test_by_hand() -> None:
    """5 uV/V/mmHg at gain 128: 1562500 / 2^24 milli-mmHg a code."""
    assert is_nominal(NAU7802, (0, 6103, 16896, 6))
    assert is_nominal(NAU7802, (-4711, 6103, 16896, 6))
    assert not is_nominal(NAU7802, (0, 6103, 16897, 6))
    assert not is_nominal(NAU7802, (0, 0, 0, 6))
    assert not is_nominal(NAU7802, (0, -6103, 16896, 6))
    assert not is_nominal(99, (0, 6103, 16896, 6))


def test_those_that_a_board_begins_with() -> None:
    for channel in (*default_channels(), arterial_channel()):
        assert is_nominal(channel.driver, calibration(channel)), channel.name


@pytest.mark.parametrize("hundredths", range(51, 10001, 37))
def test_every_sensitivity_of_a_bridge(hundredths: int) -> None:
    for driver, sensor in ((NAU7802, SENSORS["NAU7802"]), (ADS1220, SENSORS["ADS1220"])):
        assert is_nominal(driver, bridge_words(sensor, hundredths / 100))
        # What a fit may find, here a hundred-thousandth off.
        fitted = factor(*bridge_words(sensor, hundredths / 100)[1:]) * 1.00001
        assert not is_nominal(driver, (0, *coefficient(fitted)))


@pytest.mark.parametrize("transfer", ["A", "B"])
@pytest.mark.parametrize("unit", ["mmHg", "kPa", "mbar", "psi", "inH2O", "cmH2O"])
@pytest.mark.parametrize(("low", "high"), [(0, 120), (-2, 2), (0, 5), (-12.5, 60), (0, 7.25)])
def test_every_range_of_a_digital_sensor(transfer: str, unit: str, low: float, high: float) -> None:
    text = f'[channels.calf_l]\nsensor = "ABP2"\ntransfer = "{transfer}"\nrange = [{low}, {high}]\nunit = "{unit}"\n'
    (channel,) = parse_configuration(text).config.channels
    offset, *gain = calibration(channel)
    assert is_nominal(channel.driver, (offset, *gain))
    assert is_nominal(channel.driver, (offset + 1234, *gain))
    assert not is_nominal(channel.driver, (offset, *coefficient(factor(*gain) * 1.00001)))


def test_counts_of_another_sensor_are_none() -> None:
    words = digital_words(SENSORS["ABP2"], "A", 0.0, 301.234567)
    assert not is_nominal(ABP2_A, words)
    assert not is_nominal(HSC_B, words)


def test_impedance() -> None:
    for driver in (MAX30009, MAX30009_BF):
        words = impedance_words(driver == MAX30009_BF)
        assert is_nominal(driver, words)
        assert not is_nominal(driver, (words[0] + 1, *words[1:]))
        assert not is_nominal(driver, (*words[:4], 1, *words[5:]))
    assert not is_nominal(MAX30009_BF, impedance_words(False))
