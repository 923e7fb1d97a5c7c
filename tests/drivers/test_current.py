"""The patient current's limit, by hand and against the rule in exact fractions."""

from fractions import Fraction

import pytest

from turgor.drivers.current import CURRENTS_NA, current_step, limit_na
from turgor.drivers.max30009_writes import FREQUENCIES_HZ


def test_limit_by_hand() -> None:
    assert limit_na(5000) == 40_000  # 0.8 x 10 uA x 5
    assert limit_na(50) == limit_na(1000) == 8_000
    assert limit_na(5000, type_bf=True) == 400_000
    assert limit_na(2_000_000) == limit_na(100_000, type_bf=True) == 8_000_000  # 0.8 x 10 mA


@pytest.mark.parametrize("type_bf", [False, True])
def test_limit_against_the_rule(type_bf: bool) -> None:
    base_ua = 100 if type_bf else 10
    for hz in (*range(1, 20_000, 37), *range(20_000, 1_100_000, 9973)):
        exact_na = Fraction(800) * min(base_ua * max(1, Fraction(hz, 1000)), 10_000)
        assert exact_na - 1 < limit_na(hz, type_bf) <= exact_na
        step = current_step(hz, type_bf)
        assert CURRENTS_NA[step] <= limit_na(hz, type_bf)
        assert step + 1 == len(CURRENTS_NA) or CURRENTS_NA[step + 1] > limit_na(hz, type_bf)


def test_currents_chosen() -> None:
    assert [CURRENTS_NA[current_step(hz)] for hz in FREQUENCIES_HZ] == [32_000, 64_000, 64_000]
    assert [CURRENTS_NA[current_step(hz, True)] for hz in FREQUENCIES_HZ] == [64_000, 64_000, 64_000]
    assert max(CURRENTS_NA) == 64_000
