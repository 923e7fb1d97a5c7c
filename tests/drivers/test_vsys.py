"""The board's supply by its own converter."""

import pytest

from turgor.drivers import ABSENT, FAULT, SAMPLE
from turgor.drivers.vsys import Vsys, millivolts


class Adc:
    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)

    def read_u16(self) -> int:
        return self.codes[0] if len(self.codes) == 1 else self.codes.pop(0)


@pytest.mark.parametrize(
    ("code", "mv"), [(0, 0), (32768, 4950), (33032, 4989), (65535, 9899), (1, 0), (11916, 1800), (36408, 5499)]
)
def test_by_hand(code: int, mv: int) -> None:
    """A third of 9.9 V at full scale: 33032 on a Pico at 4.99 V."""
    driver = Vsys(Adc(code))
    assert driver.step(0) == 250_000
    assert (driver.event, driver.code) == (SAMPLE, mv)
    assert millivolts(8 * code) == mv


def test_eight_readings_make_one() -> None:
    driver = Vsys(Adc(*([32000, 33536] * 4), 0))
    driver.step(0)
    assert driver.code == 4950


def test_every_sum_stays_a_small_integer_and_rises() -> None:
    before = 0
    for total in range(0, 8 * 65535 + 1, 37):
        assert (total >> 3) * 9900 < 1 << 30
        assert before <= millivolts(total) <= 9900
        before = millivolts(total)


def test_a_board_without_such_a_converter_gives_no_number() -> None:
    driver = Vsys(None)
    for now in (0, 500_000):
        assert driver.step(now) == 500_000
        assert (driver.event, driver.fault, driver.code) == (FAULT, ABSENT, 0)
