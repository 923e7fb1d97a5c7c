"""What public drivers of the MAX30009 got wrong, and what its datasheet warns of, seeded one by one: each is found."""

from typing import Any

import pytest
from impedance_bench import Bench
from mutants import Changes, Check, kills

from turgor.drivers import BROWN_OUT, FAULT, FIFO_OVERFLOW, PLL_UNLOCKED, READBACK, RESTARTED
from turgor.drivers.current import Body


def started(driver: Any, **options: Any) -> Bench:
    bench = Bench(driver=driver, **options)
    bench.start()
    return bench


def failing(bench: Bench, fault: int) -> None:
    """The sweep that began ends in this fault, with the drive off."""
    assert next(bench.events(2_000_000)) == FAULT
    assert bench.driver.fault == fault
    assert bench.chip.driving_na == 0


def value(driver: Any) -> None:
    """59 ohm at 5 kHz, in the very first sweep too, and no pair of it far off."""
    result = started(driver).sweep()[0]
    assert abs(result["sum_i"] / 16 * 6.620411e-3 - 59.0) < 0.05
    assert result["max_i"] - result["min_i"] < 30


def current(driver: Any) -> None:
    """Type CF: what is driven stays within the limit at every step, and is 32 uA at 5 kHz."""
    bench = started(driver)
    bench.sweep()
    assert bench.worst_ratio <= 1
    bench.begin()
    list(bench.events(100_000))
    assert bench.chip.driving_na == 32_000


def order(driver: Any) -> None:
    """The frequency, then the current, then the drive, behind the 2 ms of the PLL and the read-backs' 1.5."""
    bench = started(driver)
    written: list[tuple[int, int, int]] = []
    real = bench.bus.writeto
    bench.bus.writeto = lambda address, buf: written.append((bench.clock.us, buf[0], buf[1])) or real(address, buf)
    bench.sweep()
    drives = [at for at, (_, register, bits) in enumerate(written) if register == 0x20 and bits & 3]
    assert len(drives) == 3
    for at in drives:
        pll = max(n for n in range(at) if written[n][1] in (0x17, 0x18))
        currents = [n for n in range(at) if written[n][1] == 0x22 and written[n][2] & 3 == 0]
        assert pll < currents[-1]
        assert len(currents) == drives.index(at) + 1
        assert written[at][0] - written[pll][0] >= 3500


def unlocked(driver: Any) -> None:
    bench = started(driver)
    bench.chip.pll_fails = True
    bench.begin()
    failing(bench, PLL_UNLOCKED)
    assert bench.worst_ratio == 0


def lost_lock(driver: Any) -> None:
    bench = started(driver)
    bench.begin()
    list(bench.events(100_000))
    bench.chip.pll_fails = True
    failing(bench, PLL_UNLOCKED)


def overrun(driver: Any) -> None:
    bench = started(driver)
    bench.begin()
    list(bench.events(100_000))
    bench.bus.spoilt[0x0A] = 0x03
    failing(bench, FIFO_OVERFLOW)


def ticks(driver: Any) -> None:
    """The samples' period is that of their own frequency, also behind one that was slower."""
    for result, period_us in zip(started(driver).sweep(), (12_800, 5122, 5122), strict=True):
        assert abs((result["tick"] - result["first_tick"] & 2**30 - 1) - 15 * period_us) <= period_us


def brown_out(driver: Any) -> None:
    """A chip that lost its settings is named, whether it drove or not."""
    for wait_us in (0, 100_000):
        bench = started(driver)
        bench.begin()
        list(bench.events(wait_us))
        bench.chip.power_cycle()
        failing(bench, BROWN_OUT)


def read_back(driver: Any) -> None:
    """A setting that reads otherwise drives nothing, and one that turns switches off what drives."""
    for wait_us in (0, 100_000):
        for register in (0x18, 0x22, 0x43):
            bench = started(driver)
            bench.begin()
            list(bench.events(wait_us))
            bench.bus.spoilt[register] = 0x10
            failing(bench, READBACK)


def leads(driver: Any) -> None:
    for fault, bits in (("drive_off", 0x50), ("sense_off", 0x29)):
        bench = started(driver)
        setattr(bench.chip, fault, True)
        assert bench.sweep()[0]["leads"] == bits


def restart(driver: Any) -> None:
    """A chip left driving by a board that was reset is switched off, and reset by the datasheet's sequence."""
    bench = started(driver)
    bench.begin()
    list(bench.events(100_000))
    bench.driver = driver(bench.bus)
    bench.due_us = 0
    bench.start()
    assert not bench.chip.hung
    assert len(bench.sweep()) == 3


def off(driver: Any) -> None:
    """Nothing is driven, and no electrode connected, between sweeps and at the end, though a transfer is refused."""
    bench = started(driver)
    bench.sweep()
    assert bench.chip._registers[0x20] & 3 == bench.chip._registers[0x41] == 0
    bench.begin()
    list(bench.events(100_000))
    bench.bus.fail_from, bench.bus.fail_until = bench.bus.transfers + 1, bench.bus.transfers + 3
    bench.driver.stop()
    assert bench.chip.driving_na == 0


def refused(driver: Any) -> None:
    """Switching off goes on until the chip takes it."""
    bench = started(driver)
    bench.begin()
    list(bench.events(100_000))
    bench.chip.dead = True
    assert next(bench.events(2_000_000)) == FAULT
    bench.chip.dead = False
    list(bench.events(50_000))
    assert bench.chip.driving_na == 0


def turns(driver: Any) -> None:
    """While one chip on the body drives, the other does not begin."""
    body = Body()
    bench = Bench(driver=lambda bus, **options: driver(bus, body=body, **options))
    bench.start()
    bench.begin()
    list(bench.events(100_000))
    assert not driver(bench.bus, 0x69, body=body).begin(bench.clock.ticks())


def stuck(driver: Any) -> None:
    """16 pairs without any noise are no measurement."""
    bench = started(driver)
    bench.chip.stuck = True
    bench.begin()
    assert list(bench.events(1_500_000)) == [FAULT, RESTARTED]
    bench.chip.stuck = False
    assert len(bench.sweep()) == 3


CHECK = """        if buf != expected:
"""
NEVER = "        if False:\n"
MUTANTS: list[tuple[str, Check, Changes]] = [
    ("two electrodes", value, [("_TETRAPOLAR = const(0xA0)", "_TETRAPOLAR = const(0x00)")]),
    (
        "wiring left as it is",
        value,
        [("            bytes((_MUX_3, _TETRAPOLAR)),\n", ""), (CHECK, NEVER)],
    ),
    ("multiplexer off", value, [("else _MUX_EN\n", "else 0\n")]),
    ("bandgap not settled", value, [("_BANDGAP_US = const(200000)", "_BANDGAP_US = const(20000)")]),
    ("first pairs taken", value, [("DROPPED_PAIRS = const(8)", "DROPPED_PAIRS = const(0)")]),
    ("tags not looked at", value, [("if tag == _TAG_I:", "if tag != _TAG_I:")]),
    ("fields swapped", current, [("(step & 3) << 4 | step >> 2 << 2", "(step & 3) << 2 | step >> 2 << 4")]),
    ("64 uA at 5 kHz", current, [("step = min(current_step(frequency_hz(clocks), type_bf), most)", "step = most")]),
    ("the limit of type BF", current, [("current_step(frequency_hz(clocks), type_bf)", "current_step(100000, True)")]),
    ("half the frequency", current, [("        m -= 1\n", "        m -= 1\n        k += 1\n")]),
    (
        "current before frequency",
        order,
        [("        self.tune = (off,", "        self.tune = (bytes((_BIOZ_3, drive)), off,")],
    ),
    (
        "no wait for the lock",
        order,
        [("status & _LOCK_MASK == _LOCKED", "True"), ("_LOCK_US = const(2000)", "_LOCK_US = const(0)")],
    ),
    (
        "a stale lock bit believed",
        order,
        [
            ("frequency.tune, _CLEAR, 0)", "frequency.tune, _LOCK, 0)"),
            ("_LOCK_MASK = const(0x1A)", "_LOCK_MASK = const(0x0A)"),
        ],
    ),
    ("lock not looked at", unlocked, [("status & _LOCK_MASK == _LOCKED", "True")]),
    ("lost lock not looked at", lost_lock, [("two[0] & _FREQ_UNLOCK", "False")]),
    ("overrun unhandled", overrun, [("two[0] & _OVERFLOW_MASK", "False")]),
    (
        "ticks of the rate before",
        ticks,
        [
            ("int(self._now.period_us)", "12800"),
            ("(words - _BURST_WORDS >> 1) * frequency.period_us", "(words - _BURST_WORDS >> 1) * 12800"),
        ],
    ),
    ("power status cleared unread", brown_out, [("status & _PWR_RDY", "False")]),
    ("power status unread at the end", brown_out, [("two[0] & _PWR_RDY", "False")]),
    ("no read-back", read_back, [(CHECK, NEVER)]),
    (
        "no read-back while driving",
        read_back,
        [
            (
                "            self._enter(_CHECK_PLL)\n            return 0\n",
                "            self._enter(_QUIET_STEP)\n            return 0\n",
            )
        ],
    ),
    ("electrodes not looked at", leads, [("two[1] & _LEADS_MASK", "0")]),
    ("forbidden reset", restart, [("    bytes((PLL_1, 0x40)),\n)", ")")]),
    (
        "left connected",
        off,
        [("DISCONNECT_WRITES = (bytes((MUX_1, 0)), ", "DISCONNECT_WRITES = (bytes((PLL_1, 0x40)), ")],
    ),
    (
        "stop gives up",
        off,
        [
            (
                "        except OSError:\n            pass\n    return False",
                "        except OSError:\n            return False\n    return False",
            )
        ],
    ),
    (
        "switching off gives up",
        refused,
        [
            (
                "            self._at = 0\n            wait_us = _OFF_RETRY_US",
                "            self._enter(_IDENTIFY)\n            wait_us = _RESTART_US",
            )
        ],
    ),
    (
        "both drive",
        turns,
        [
            (
                "            return False\n        self._body.driver = self",
                "            pass\n        self._body.driver = self",
            )
        ],
    ),
    ("frozen words taken", stuck, [("return self._fail(STUCK)", "pass")]),
]


@pytest.mark.parametrize(("check", "changes"), [row[1:] for row in MUTANTS], ids=[row[0] for row in MUTANTS])
def test_is_found(check: Check, changes: Changes) -> None:
    kills("max30009", "Max30009", check, changes)
