"""Each fault of one chip of two, under their samplers: told within 2 s by name, over by itself, the other at ease."""

from collections.abc import Callable

import pytest
from impedance_bench import Load, Together

from turgor.core.channel import READING_ELECTRODE_OFF, READING_VALID
from turgor.drivers import ABSENT, BROWN_OUT, FAULT_NAMES, FIFO_OVERFLOW, NEVER_READY, PLL_UNLOCKED, STUCK, WRONG_ID

Act = Callable[[Together], None]


class Wide(Load):
    """A limb of whatever resistance."""

    def __init__(self, ohm: float) -> None:
        super().__init__()
        self.ohm = ohm

    def at(self, frequency_hz: int, t_us: int) -> tuple[int, int]:
        return round(self.ohm * 1e6), 0


def answer(pair: Together, register: int, change: Callable[[bytearray], None]) -> None:
    """Let reads of the first chip from `register` on come out changed."""
    real = pair.chips[0].read_register_into

    def read(at: int, buf: bytearray) -> None:
        real(at, buf)
        if at == register:
            change(buf)

    pair.chips[0].read_register_into = read


def heal(pair: Together) -> None:
    chip = pair.chips[0]
    vars(chip).pop("read_register_into", None)
    chip.dead = chip.stuck = chip.pll_fails = chip.drive_off = chip.sense_off = False


def lose(pair: Together) -> None:
    """The chip's FIFO overran: words were lost, as its counter says."""

    def change(buf: bytearray) -> None:
        buf[0] |= 5

    answer(pair, 0x0A, change)


def unfilled(pair: Together) -> None:
    def change(buf: bytearray) -> None:
        buf[0] = buf[1] = 0

    answer(pair, 0x0A, change)


def stranger(pair: Together) -> None:
    """Another chip at the address: told when it is looked for, as after the restart of a board or a chip."""

    def change(buf: bytearray) -> None:
        buf[0] = 0x15

    answer(pair, 0xFF, change)
    pair.chips[0].power_cycle()


FAULTS: list[tuple[str, Act, set[int]]] = [
    ("absent", lambda pair: setattr(pair.chips[0], "dead", True), {ABSENT}),
    ("wrong identity", stranger, {BROWN_OUT, WRONG_ID}),
    ("never locks", lambda pair: setattr(pair.chips[0], "pll_fails", True), {PLL_UNLOCKED}),
    ("never fills", unfilled, {NEVER_READY}),
    ("overrun", lose, {FIFO_OVERFLOW}),
    ("stuck", lambda pair: setattr(pair.chips[0], "stuck", True), {STUCK}),
    ("brown-out", lambda pair: pair.chips[0].power_cycle(), {BROWN_OUT}),
]


@pytest.mark.parametrize(("act", "faults"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
@pytest.mark.parametrize("ms", [100, 1500])
def test_is_told_and_ends(act: Act, faults: set[int], ms: int) -> None:
    pair = Together()
    pair.run(4_000_000 + 1000 * ms)
    act(pair)
    begun = pair.clock.us
    before = pair.results[:]
    pair.run(6_000_000)
    assert pair.told[0][0] - begun < 2_000_000
    assert {number for _, number, _ in pair.told} == {0}
    assert pair.faults[0] == faults, [FAULT_NAMES[fault] for fault in pair.faults[0]]
    # The other goes on as if nothing were.
    assert pair.results[1] - before[1] >= 8
    if "brown" not in FAULT_NAMES[min(faults)] or len(faults) > 1:
        assert pair.results[0] - before[0] <= 3
    heal(pair)
    pair.run(1_500_000)
    before = pair.results[:]
    pair.told.clear()
    pair.run(8_000_000)
    assert not pair.told
    assert pair.samplers[0].fault == 0
    assert min(pair.results[n] - before[n] for n in (0, 1)) >= 12
    assert pair.worst <= 1 or ABSENT in faults


def test_a_bus_held_low_is_told_of_both_and_ends() -> None:
    """Every transfer fails: as absent; the drive of neither is on when the bus comes back."""
    pair = Together()
    pair.run(4_100_000)
    pair.bus.fail_from, pair.bus.fail_until = pair.bus.transfers, 1 << 60
    begun = pair.clock.us
    pair.run(5_000_000)
    first = {number: us for us, number, _ in reversed(pair.told)}
    assert max(first.values()) - begun < 2_000_000
    assert pair.faults == [{ABSENT}, {ABSENT}]
    pair.bus.fail_until = -1
    pair.run(30_000)
    assert not any(chip.driving_na for chip in pair.chips)
    pair.run(3_000_000)
    before = pair.results[:]
    pair.run(8_000_000)
    assert min(pair.results[n] - before[n] for n in (0, 1)) >= 12


@pytest.mark.parametrize(
    ("act", "flag"),
    [
        (lambda pair: setattr(pair.chips[0], "drive_off", True), READING_ELECTRODE_OFF),
        (lambda pair: setattr(pair.chips[0], "load", Wide(4000)), READING_ELECTRODE_OFF),
        (lambda pair: setattr(pair.chips[0], "load", Wide(0.2)), READING_ELECTRODE_OFF),
        (lambda pair: setattr(pair.chips[0], "sense_off", True), READING_ELECTRODE_OFF),
    ],
    ids=["drive electrode off", "over", "under", "sense electrode off"],
)
def test_a_saturated_or_open_input_has_no_reading(act: Act, flag: int) -> None:
    pair = Together()
    pair.run(4_700_000)
    channels = [sampler.channel for sampler in pair.samplers]
    assert all(channel.usable for channel in channels)
    load = pair.chips[0].load
    act(pair)
    pair.run(2_000_000)
    channels[0].capture()
    assert not channels[0].flags & READING_VALID
    assert channels[0].flags & flag
    assert pair.samplers[0].driver.leads
    channels[1].capture()
    assert channels[1].flags & READING_VALID
    assert not pair.told
    heal(pair)
    pair.chips[0].load = load
    pair.run(2_000_000)
    channels[0].capture()
    assert channels[0].flags & READING_VALID
