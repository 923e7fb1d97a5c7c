"""Codes to units by the integers that a configuration makes, against the datasheets' formulas.

Both ends, the middle and 30 mmHg of every pressure sensor, within one unit (a milli-mmHg), with no intermediate above
30 bits. The impedance is that of tests/core/test_impedance.py; here its nominal words for both applied parts.
"""

from fractions import Fraction
from typing import Any

import pytest
from checked import small, smalls

from turgor.core.filter_words import filtered, milli_mmhg
from turgor.core.filters import filter_block
from turgor.core.impedance import resistance_milliohm
from turgor.drivers import SAMPLE
from turgor.drivers.abp2 import Abp2
from turgor.drivers.current import CURRENTS_NA, current_step
from turgor.drivers.hsc import Hsc
from turgor.drivers.max30009_writes import FREQUENCIES_HZ
from turgor_host.configuration.file import parse_configuration

# Datasheets: counts at the ends of the range, by the letter of the transfer function.
ENDS = {
    ("ABP2", "A"): (1677722, 15099494),
    ("ABP2", "B"): (5033165, 11744051),
    ("HSC", "A"): (1638, 14745),
    ("HSC", "B"): (819, 15565),
    ("HSC", "C"): (819, 13926),
    ("HSC", "F"): (655, 15401),
}
# mmHg: 1 and 5 psi, both ways, 300 mbar.
RANGES = ((0, "51.71493"), (0, "258.57465"), ("-258.57465", "258.57465"), (0, "225.02251"))


def channel(text: str) -> Any:
    return parse_configuration(f"[channels.calf_l]\n{text}").config.channels[0]


def checked_milli_mmhg(words: Any, code: int) -> int:
    """The calibrated value, every intermediate within 30 bits."""
    return int(milli_mmhg(smalls(words), small(code)))


class OneAnswer:
    """A bus on which a sensor always says this."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    def writeto(self, address: int, buf: bytes) -> int:
        return len(buf)

    def readfrom_into(self, address: int, buf: bytearray) -> None:
        buf[:] = self.answer


def code_of(sensor: str, transfer: str, counts: int) -> int:
    """What the driver makes of these counts, by its own answer's layout."""
    if sensor == "ABP2":
        driver: Any = Abp2(OneAnswer(b"\x40" + counts.to_bytes(3, "big") + b"\x60\0\0"), 80, transfer)
    else:
        driver = Hsc(OneAnswer(counts.to_bytes(2, "big") + b"\x60\0"), 80, transfer)
    now = 0
    while driver.event != SAMPLE:
        now += driver.step(now)
    return int(driver.code)


def test_by_hand() -> None:
    """5 uV/V/mmHg at gain 128: 10 mmHg are 107374 codes of a NAU7802, which has half the range, 53687 of an ADS1220."""
    assert checked_milli_mmhg(channel("").words, 107374) == 10000
    assert checked_milli_mmhg(channel('sensor = "ADS1220"').words, 53687) == 10000


@pytest.mark.parametrize("sensitivity", [5, 1, 50, "12.5"])
@pytest.mark.parametrize(("sensor", "full_scale"), [("NAU7802", Fraction(1, 2)), ("ADS1220", Fraction(1))])
def test_bridge(sensor: str, full_scale: Fraction, sensitivity: object) -> None:
    """Code x full scale / (2^23 x 128) is the signal, V/V; the ends are those of the converter, or 700 mmHg."""
    words = channel(f'sensor = "{sensor}"\nsensitivity_uv_v_mmhg = {float(str(sensitivity))}').words
    per_mmhg = Fraction(str(sensitivity)) / 10**6 * 128 * 2**23 / full_scale
    end = min(2**23 - 1, int(700 * per_mmhg))
    for code in (-end, end, 0, 1, -1, round(30 * per_mmhg), round(-30 * per_mmhg)):
        assert abs(checked_milli_mmhg(words, code) - 1000 * code / per_mmhg) <= 1


@pytest.mark.parametrize("ends", RANGES)
@pytest.mark.parametrize(("sensor", "transfer"), ENDS)
def test_digital(sensor: str, transfer: str, ends: tuple[object, object]) -> None:
    low, high = (Fraction(str(end)) for end in ends)
    least, most = ENDS[sensor, transfer]
    text = f'sensor = "{sensor}"\ntransfer = "{transfer}"\nunit = "mmHg"\nrange = [{float(low)}, {float(high)}]'
    words = channel(text).words
    thirty = round(least + (30 - low) / (high - low) * (most - least))
    for counts in (least, most, (least + most) // 2, thirty, thirty + 1):
        exact = 1000 * (low + (counts - least) * (high - low) / (most - least))
        code = code_of(sensor, transfer, counts)
        assert abs(checked_milli_mmhg(words, code) - exact) <= 1
        # The same through the whole filter, which settles at the code.
        state = words[:]
        io = smalls([code])
        for _ in range(3):
            filter_block(0, 1, state, io, io)
            io = smalls([code])
        assert filtered(state) == 32 * code


@pytest.mark.parametrize("applied_part", ["CF", "BF"])
def test_impedance(applied_part: str) -> None:
    """counts = 2^19 G (2/pi) sqrt(2) I R: 100 ohm at each frequency, with the current that the part's limit leaves."""
    found = parse_configuration(f'applied_part = "{applied_part}"').config
    words = next(c.words for c in found.channels if c.name == "calf_z")
    for index, frequency in enumerate(FREQUENCIES_HZ):
        current_na = CURRENTS_NA[current_step(frequency, applied_part == "BF")]
        # pi / sqrt(2) to 12 digits.
        per_ohm = Fraction(2**19 * 10 * 2, 10**9) * current_na / Fraction("2.221441469079")
        for ohm in (1, 30, 100, 800):
            counts = round(ohm * per_ohm)
            value = resistance_milliohm(smalls(words), index, small(16 * counts), small(0), 16)
            assert abs(int(value) - 1000 * counts / per_ohm) <= 1
