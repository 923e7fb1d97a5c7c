"""TMP117 and LIS3DH on their models.

What is known of the chips, and from where, stands in tests/sim/test_slow_models.py.
"""

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from driver_bench import Counted, DriverBench, Signal
from mutants import load

from turgor.drivers import ABSENT, FAULT, NEVER_READY, NO_FAULT, READBACK, SAMPLE, WRONG_ID, lis3dh, tmp117
from turgor_host.sim.chips.lis3dh import Lis3dh as Lis3dhModel
from turgor_host.sim.chips.tmp117 import Tmp117 as Tmp117Model
from turgor_host.sim.clock import Clock

MODULES = {"tmp117": tmp117, "lis3dh": lis3dh}
MODELS = {"tmp117": Tmp117Model, "lis3dh": Lis3dhModel}
ADDRESSES = {"tmp117": 0x48, "lis3dh": 0x18}
PERIODS_US = {"tmp117": 500_000, "lis3dh": 100_000}
WRITES = {
    "tmp117": [b"\x01\x00\x02", b"\x07\x00\x00", b"\x01\x01\xa4"],
    "lis3dh": [b"\x20\x00", b"\x24\x80", b"\xa1\x00\x00\x88\x00\x00", b"\x20\x27"],
}
# 36.625 degC are 4688 codes. A leg lying with its foot rolled outwards: one axis negative, and no two bytes alike.
SKIN_MILLI_DEGC = 36_625
LYING = (-345, 87, 934)


class Motion:
    """What the accelerometer feels, rising by `rise` milli-g a second along every axis."""

    def __init__(self) -> None:
        self.value = LYING
        self.rise = 0

    def at(self, t_us: int) -> tuple[int, int, int]:
        more = self.rise * t_us // 1_000_000
        x, y, z = self.value
        return x + more, y + more, z + more


class Bench(DriverBench):
    def __init__(
        self,
        name: str,
        module: Any = None,
        *,
        start_ticks: int = 2**30 - 3_000_000,
        period_ppm: int = 0,
        address: int | None = None,
    ) -> None:
        clock = Clock(start_ticks)
        bus = Counted(clock)
        self.name = name
        self.signal: Any = Signal(SKIN_MILLI_DEGC) if name == "tmp117" else Motion()
        chip = MODELS[name](clock, self.signal, period_ppm=period_ppm)
        address = address or ADDRESSES[name]
        bus.attach(address, chip)
        super().__init__(clock, bus, chip, getattr(module or MODULES[name], name.capitalize())(bus, address))
        # The chip has powered up.
        clock.us = 5000

    def code(self) -> Any:
        code = self.driver.code
        return code if self.name == "tmp117" else tuple(code)

    def is_true(self) -> bool:
        """Whether the last code is that of the present signal."""
        return bool(self.code() == self.signal.value)

    def run(self) -> None:
        self.until(SAMPLE)
        self.until(SAMPLE)

    def step(self) -> int:
        """One step."""
        due_us = max(self.clock.us, self.due_us)
        for event in self.events(due_us + 1):
            return event
        return 0


def test_by_hand() -> None:
    assert tmp117.milli_degc(4688) == SKIN_MILLI_DEGC  # 36 x 128 + 80 codes of 7.8125
    assert [tmp117.milli_degc(code) for code in (1, -1, 8, -8)] == [8, -8, 63, -62]  # 62.5 and -62.5 go upwards
    assert lis3dh.milli_g(0xE0, 0x15) == 350  # 0x15E digits
    assert lis3dh.milli_g(0x20, 0xEA) == -350


def check_conversion(name: str, module: Any) -> None:
    """Every code there is, within half a unit of the datasheet's formula."""
    if name == "tmp117":
        for code in range(-32768, 32768):
            assert abs(module.milli_degc(code) - code * Fraction("7.8125")) <= Fraction(1, 2)
    else:
        # A digit of the 12 bits at the upper end is 1 milli-g: a sixteenth of that for the 16-bit word.
        for word in range(-32768, 32768):
            assert module.milli_g(word & 0xFF, word >> 8 & 0xFF) == word // 16


def check_ends(name: str, module: Any) -> None:
    """Both ends, the middle and around zero, from the model's registers on."""
    ends: dict[str, Any] = {
        "tmp117": [-255_992, -55_000, -8, 0, 8, 32_000, 150_000, 255_992],
        "lis3dh": [(-2048, 2047, 0), (2047, -2048, -1), (0, 1, -2048), (16, -16, 15)],
    }
    for value in ends[name]:
        bench = Bench(name, module)
        bench.signal.value = value
        bench.until(SAMPLE)
        assert bench.is_true(), value


def check_start(name: str, module: Any) -> None:
    """By the datasheet, at the first step and not before; the first code comes soon."""
    bench = Bench(name, module)
    assert bench.bus.transfers == 0
    bench.until(SAMPLE)
    assert bench.bus.writes == WRITES[name]
    assert bench.clock.us < 1_200_000
    assert bench.is_true()


def check_every_result(name: str, module: Any) -> None:
    """Each is read once, whatever the chip's oscillator, over a wrap of the ticks; changing codes are whole."""
    for period_ppm in (-130_000, 0, 130_000):
        bench = Bench(name, module, period_ppm=period_ppm)
        rate = {"tmp117": 1, "lis3dh": 0}[name]
        bench.signal.rate = rate
        bench.signal.rise = 20
        bench.run()
        begun, codes = bench.clock.us, [bench.code()]
        for event in bench.events(begun + 30_000_000):
            assert event == SAMPLE
            codes.append(bench.code())
            if name == "lis3dh":
                assert codes[-1][2] - codes[-1][0] == LYING[2] - LYING[0]
        assert abs(len(codes) - 1 - 30_000_000 / (PERIODS_US[name] * (1 + period_ppm / 1e6))) <= 1
        firsts = [code if name == "tmp117" else code[0] for code in codes]
        steps = [after - before for before, after in pairwise(firsts)]
        most = PERIODS_US[name] * 1.14 * (1 if name == "tmp117" else 20e-6)
        assert all(0 <= step <= most + 10 for step in steps)


def check_restart(name: str, module: Any) -> None:
    """The board restarted, the chip did not, or it was set up otherwise: no code of before gets through."""
    bench = Bench(name, module)
    if name == "tmp117":
        # Left by another program, with the very settings: 2 degC are added.
        bench.chip.eeprom.update({0x01: 0x01A4, 0x07: 0x0100})
        bench.chip.power_cycle()
    else:
        bench.bus.writeto(0x18, b"\x23\x88")
        bench.bus.writeto(0x18, b"\x20\x27")
    bench.clock.us += 5_000_000
    for _ in range(20):
        bench.until(SAMPLE)
        assert bench.is_true()


def check_changed_setting(name: str, module: Any) -> None:
    """What somebody else wrote is noticed, and set right."""
    writes = [bytes((r, 0x37 if r == 0x20 else 0x08)) for r in range(0x20, 0x26)]
    if name == "tmp117":
        writes = [b"\x01\x02\x24", b"\x01\x01\xa0", b"\x01\x05\xa4"]
    for write in writes:
        bench = Bench(name, module)
        bench.run()
        bench.bus.writeto(ADDRESSES[name], write)
        bench.until(FAULT, 600_000)
        assert bench.driver.fault == READBACK
        bench.until(SAMPLE)
        assert bench.is_true()


def check_one_burst(name: str, module: Any) -> None:
    """A data line that is held for the one read of an accelerometer's result gives no zeros."""
    if name == "lis3dh":
        bench = Bench(name, module)
        bench.run()
        while bench.driver._state != 100:
            bench.step()
        bench.chip.line = 0
        bench.step()
        bench.chip.line = None
        bench.until(FAULT)
        assert bench.driver.fault == READBACK
        bench.until(SAMPLE)
        assert bench.is_true()


def check_no_result(name: str, module: Any) -> None:
    """A thermometer that has not converted says -256 degC, which is no temperature."""
    if name == "tmp117":
        bench = Bench(name, module)
        bench.run()
        bench.signal.value = -256_000
        bench.until(FAULT, 2_000_000)
        assert bench.driver.fault == NEVER_READY


def check_offset(name: str, module: Any) -> None:
    """An offset that does not go is a fault."""
    if name == "tmp117":
        bench = Bench(name, module)
        bench.chip.eeprom[0x07] = 0x0100
        store = bench.chip._store
        bench.chip._store = lambda buf: None if buf[0] == 0x07 else store(buf)
        bench.until(FAULT)
        assert bench.driver.fault == READBACK


def check_between(name: str, module: Any) -> None:
    """A result that comes between a read and the look behind it is no fault, and the newer one is given."""
    bench = Bench(name, module)
    bench.run()
    while bench.driver._state != 101:
        bench.step()
    bench.clock.us += PERIODS_US[name]
    bench.until(SAMPLE)
    assert bench.is_true()


def check_no_number(name: str, module: Any) -> None:
    """The fault begins before each step in turn and lasts for a second: no number is made up."""
    breaks = (("dead", True, False), ("naks", 1, 0), ("line", 0, None), ("line", 255, None), ("power", None, None))
    for attribute, begun, ended in breaks:
        for steps in range(0, 60, 1 if module in MODULES.values() else 3):
            bench = Bench(name, module)
            events = [bench.step() for _ in range(steps)]
            assert SAMPLE not in events or bench.is_true()
            if attribute == "power":
                bench.chip.power_cycle()
            else:
                setattr(bench.chip, attribute, begun)
            for event in bench.events(bench.clock.us + 1_000_000):
                assert event != SAMPLE or bench.is_true()
            if attribute != "power":
                setattr(bench.chip, attribute, ended)
            found = list(bench.events(bench.clock.us + 3_000_000))
            assert found[-1] == SAMPLE
            assert bench.is_true()


# Chip, fault: what the driver says in a run (and at the start where that is another), attribute of the model, while it
# lasts and when it ends.
FAULTS: dict[tuple[str, str], tuple[tuple[int, ...], str, Any, Any]] = {
    ("tmp117", "absent"): ((ABSENT,), "dead", True, False),
    ("tmp117", "never ready"): ((NEVER_READY,), "stopped", True, False),
    ("tmp117", "data-ready stuck"): ((NEVER_READY,), "flag_stuck", True, False),
    ("tmp117", "line low"): ((READBACK, WRONG_ID), "line", 0, None),
    ("tmp117", "line high"): ((READBACK, WRONG_ID), "line", 255, None),
    ("lis3dh", "absent"): ((ABSENT,), "dead", True, False),
    ("lis3dh", "never ready"): ((NEVER_READY,), "stopped", True, False),
    ("lis3dh", "line low"): ((READBACK, WRONG_ID), "line", 0, None),
    ("lis3dh", "line high"): ((READBACK, WRONG_ID), "line", 255, None),
}
IDENTITIES = {"tmp117": (0x0116, 0x0117), "lis3dh": (0x32, 0x33)}


def check_fault(name: str, module: Any, what: str) -> None:
    """Told within 2 s by its name, no sample while it lasts, over when it ends; also over a wrap, and at a start."""
    faults, attribute, begun, ended = FAULTS[name, what]
    # The wrap is 3 s from the start.
    for moment_us in (2_100_000, 2_800_000):
        bench = Bench(name, module)
        assert set(bench.events(moment_us)) == {SAMPLE}
        setattr(bench.chip, attribute, begun)
        found = []
        for event in bench.events(moment_us + 5_000_000):
            # What had been converted is still a result.
            assert event == FAULT or not found
            assert event != SAMPLE or bench.is_true()
            if event == FAULT:
                found.append((bench.clock.us - moment_us, bench.driver.fault))
        assert found
        assert found[0][0] < 2_000_000
        assert {fault for _, fault in found} == set(faults)
        assert found[0][1] == faults[0]
        setattr(bench.chip, attribute, ended)
        bench.until(SAMPLE, 2_500_000)
        assert bench.driver.fault == NO_FAULT
        assert bench.is_true()
    bench = Bench(name, module)
    setattr(bench.chip, attribute, begun)
    for _ in range(3):
        bench.until(FAULT, 2_100_000)
        assert bench.driver.fault == faults[-1]
        assert bench.due_us - bench.clock.us > 499_000
    setattr(bench.chip, attribute, ended)
    bench.until(SAMPLE)
    assert bench.is_true()


def check_identity(name: str, module: Any) -> None:
    bench = Bench(name, module)
    wrong, right = IDENTITIES[name]
    bench.chip.identity = wrong
    assert set(bench.events(3_000_000)) == {FAULT}
    assert bench.driver.fault == WRONG_ID
    assert bench.bus.writes == []
    bench.chip.identity = right
    bench.until(SAMPLE)
    assert bench.driver.fault == NO_FAULT


def check_brown_out(name: str, module: Any) -> None:
    """Supply lost at any moment: a fault by its name, and never a number that was not measured."""
    for moment_us in range(0, PERIODS_US[name], PERIODS_US[name] // 7):
        bench = Bench(name, module)
        bench.run()
        assert set(bench.events(bench.clock.us + moment_us)) <= {SAMPLE}
        bench.chip.power_cycle()
        found = []
        for event in bench.events(bench.clock.us + 3_000_000):
            found.append(event)
            assert event != SAMPLE or bench.is_true()
            assert event != FAULT or bench.driver.fault in (READBACK, NEVER_READY)
        assert found[0] == FAULT
        assert found[-1] == SAMPLE


CHECKS: list[Callable[[str, Any], None]] = [
    check_conversion,
    check_start,
    check_ends,
    check_every_result,
    check_restart,
    check_changed_setting,
    check_one_burst,
    check_no_result,
    check_offset,
    check_between,
    check_identity,
    check_brown_out,
    check_no_number,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", MODULES)
def test_driver(name: str, check: Callable[[str, Any], None]) -> None:
    check(name, MODULES[name])


@pytest.mark.parametrize(("name", "what"), FAULTS)
def test_fault(name: str, what: str) -> None:
    check_fault(name, MODULES[name], what)


@pytest.mark.parametrize(("name", "address"), [(n, a) for n, m in MODULES.items() for a in m.ADDRESSES])
def test_every_address(name: str, address: int) -> None:
    bench = Bench(name, address=address)
    bench.until(SAMPLE)
    assert bench.is_true()


def test_a_late_step_is_no_fault() -> None:
    for name in MODULES:
        bench = Bench(name)
        bench.run()
        for late_us in (150_000, 2_000_000, 7_777_777):
            bench.clock.us += late_us
            assert next(bench.events(bench.clock.us + 2_000_000)) == SAMPLE
            assert bench.is_true()


# What was seen in public drivers, of these chips or of others, or feared: chip, place, mistake.
TEARS = """for i in range(len(self._result)):
                part = bytearray(1)
                self._bus.readfrom_mem_into(self._address, self._result_at + i, part)
                self._result[i] = part[0]"""
MUTANTS = {
    "twice the temperature": ("tmp117", "(code * 125 + 8) >> 4", "(code * 125 + 4) >> 3"),
    "rounded down": ("tmp117", "(code * 125 + 8) >> 4", "(code * 125) >> 4"),
    "no sign": ("tmp117", "(code ^ 0x8000) - 0x8000", "code"),
    "bytes exchanged": ("tmp117", "result[0] << 8 | result[1]", "result[1] << 8 | result[0]"),
    "no result taken": ("tmp117", "return NEVER_READY if code == _NO_RESULT else NO_FAULT", "return NO_FAULT"),
    "offset not written": ("tmp117", "        bytes((_OFFSET, 0, 0)),\n", ""),
    "offset not read back": ("tmp117", '        (_OFFSET, b"\\x00\\x00"),\n', ""),
    "what was begun before taken": ("tmp117", "_flushed = 1 ", "_flushed = 0 "),
    "settings of power-on": ("tmp117", r'_SETTINGS = b"\x01\xa4"', r'_SETTINGS = b"\x02\x20"'),
    "alert bit not looked at": ("tmp117", r'_mask = b"\x0f\xfc"', r'_mask = b"\x0f\xf8"'),
    "no burst": ("lis3dh", "_STATUS_REG | _INCREMENT", "_STATUS_REG"),
    "no block data update": ("lis3dh", r"\x00\x88\x00", r"\x00\x08\x00"),
    "another range": ("lis3dh", r"\x00\x88\x00", r"\x00\x98\x00"),
    "right-justified": ("lis3dh", "high << 4 | low >> 4", "high << 8 | low"),
    "low byte first": (
        "lis3dh",
        "milli_g(result[2 * axis + 1], result[2 * axis + 2])",
        "milli_g(result[2 * axis + 2], result[2 * axis + 1])",
    ),
    "axes a byte too early": (
        "lis3dh",
        "milli_g(result[2 * axis + 1], result[2 * axis + 2])",
        "milli_g(result[2 * axis], result[2 * axis + 1])",
    ),
    "unsettled taken": ("lis3dh", "_flushed = 8 ", "_flushed = 0 "),
    "status of the burst not looked at": (
        "lis3dh",
        "return NO_FAULT if result[0] & _ZYXDA else READBACK",
        "return NO_FAULT",
    ),
    "one byte a transfer": (
        "lis3dh",
        "self._bus.readfrom_mem_into(self._address, self._result_at, self._result)",
        TEARS,
    ),
    "identity not looked at": ("lis3dh", "if found != part[1]:", "if False:"),
    "settings not looked at": ("lis3dh", "if block[i] & self._mask[i] != self._settings[i]:", "if False:"),
    "believed at once": ("tmp117", "self._state = _CONFIRM\n            return 0", "return self._take(now)"),
    "a silent 0 on time-out": (
        "tmp117",
        "            return self._fail(NEVER_READY)\n",
        "            return self._take(now)\n",
    ),
    "waits for ever": ("lis3dh", "> self._patience_us", "> _MASK"),
    "ticks do not wrap": ("lis3dh", "(now - self._since) & _MASK", "now - self._since"),
    "an error ends the driver": ("tmp117", "except OSError:", "except ValueError:"),
    "fault stays": ("lis3dh", "self.fault = NO_FAULT\n        self.event", "self.event"),
    "tried again at once": ("lis3dh", "_RESTART_US = const(500000)", "_RESTART_US = const(1000)"),
}


def check_all(name: str, module: Any) -> None:
    for chip, what in FAULTS:
        if chip == name:
            check_fault(name, module, what)
    for check in CHECKS:
        check(name, module)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mistake_is_found(mutant: str) -> None:
    name, old, new = MUTANTS[mutant]
    module = load(name, [(old, new)])
    with pytest.raises((AssertionError, OSError, OverflowError, StopIteration)):
        check_all(name, module)
