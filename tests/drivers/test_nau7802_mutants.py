"""What public drivers of the NAU7802 got wrong, seeded one by one: each is found."""

import pytest
from bridge_bench import Bench
from mutants import Changes, Check, kills

from turgor.drivers import FAULT, NEVER_READY, RESTARTED, SAMPLE


def codes(driver) -> None:
    """10 mmHg are 107 374 codes at gain 128, from the first sample on, at most one transfer a step."""
    bench = Bench(320, driver=driver)
    assert {bench.driver.code for event in bench.events(1_500_000) if event == SAMPLE} == {107374}


def excitation(driver) -> None:
    """3.0 V: a 3.3 V supply leaves the regulator some headroom."""
    bench = Bench(driver=driver)
    bench.until(RESTARTED)
    assert b"\x01\x2f" in bench.bus.writes


def ramp(driver) -> None:
    """Nothing is converted, and nothing calibrated, within 200 ms of the regulator's start."""
    bench = Bench(driver=driver)
    begun = []
    for _ in range(60):
        bench.clock.us = max(bench.clock.us, bench.due_us)
        at = bench.clock.us
        bench.due_us = at + bench.driver.step(bench.clock.ticks())
        if bench.bus.writes[-1] in (b"\x00\x86", b"\x02\x34") and bench.bus.writes[-1] not in dict(begun):
            begun.append((bench.bus.writes[-1], at))
    assert dict(begun)[b"\x02\x34"] - dict(begun)[b"\x00\x86"] >= 200_000


def silence(driver) -> None:
    """No conversion is a fault and no number."""
    bench = Bench(driver=driver)
    bench.until(SAMPLE)
    bench.chip.stopped = True
    assert next(bench.events(bench.clock.us + 200_000)) == FAULT
    assert bench.driver.fault == NEVER_READY


def missed(driver) -> None:
    """Conversions that pass unread are counted, by the pin or by the time."""
    for pin in (True, False):
        bench = Bench(driver=driver, pin=pin)
        bench.until(SAMPLE)
        bench.clock.us = bench.driver.tick + 52_000
        bench.until(SAMPLE)
        assert bench.driver.missed >= 3


READ = """        try:
            self._read(self._address, _RESULT, self._result)
        except OSError:
            return int(self._lost())
"""
MUTANTS: list[tuple[str, Check, Changes]] = [
    ("divided by 128", codes, [("^ 0x800000) - 0x800000\n", "^ 0x800000) - 0x800000 << 1\n")]),
    (
        "three bytes in three transactions",
        codes,
        [
            (
                READ,
                READ.replace(
                    "            self._read(self._address, _RESULT, self._result)\n", "            self._three()\n"
                ),
            ),
            (
                "    def _again(self, tries, wait_us):",
                "    def _three(self):\n        for i in range(3):\n"
                "            self._read(self._address, _ADCO + i, self._byte)\n"
                "            self._result[i] = self._byte[0]\n\n    def _again(self, tries, wait_us):",
            ),
        ],
    ),
    (
        "0 at a time-out",
        silence,
        [
            (
                "return self._silent() if waited - self._words[BLIND_US] > self._patience_us else _RETRY_US\n",
                "self.code = 0\n        self.event = _SAMPLE\n        return _RETRY_US\n",
            )
        ],
    ),
    ("3.3 V", excitation, [("_VLDO_3V0 = const(0x28)", "_VLDO_3V0 = const(0x20)")]),
    ("no ramp", ramp, [("_LDO_RAMP_US = const(200000)", "_LDO_RAMP_US = const(0)")]),
    (
        "no calibration",
        codes,
        [
            ("        self._state = state + 1\n", "        self._state = _STOP if state == _CHECK else state + 1\n"),
            ("            self._state = _CALIBRATE\n", "            self._state = _STOP\n"),
        ],
    ),
    (
        "missed conversions not counted",
        missed,
        [("self.missed = count + passed - 1", "self.missed = 0"), ("return count - 1 if count > 1 else 0", "return 0")],
    ),
    ("missed only by the pin", missed, [("return count - 1 if count > 1 else 0", "return 0")]),
]


@pytest.mark.parametrize(("check", "changes"), [row[1:] for row in MUTANTS], ids=[row[0] for row in MUTANTS])
def test_is_found(check: Check, changes: Changes) -> None:
    kills("nau7802", "Nau7802", check, changes)
