"""What a chip drives into a body: within the limit whatever it is told, and off after whatever goes wrong.

The current is the register model's, from the registers that were written; the limit is the rule in exact fractions.
"""

import os
from collections.abc import Iterator
from fractions import Fraction
from random import Random

import pytest
from impedance_bench import ADDRESS, STEP_US, Bench, Load, Together, Watched, driven_hz, share

from turgor.drivers import BROWN_OUT, FAULT, NEVER_READY, NO_FAULT, READBACK, RESTARTED, RESULT
from turgor.drivers.current import CURRENTS_NA
from turgor.drivers.max30009 import Max30009
from turgor.drivers.max30009_writes import CLOCKS, MEASURE, Frequency, drive_off, frequency_hz
from turgor.drivers.tca9548a import Tca9548a
from turgor_host.sim.bus import Bus
from turgor_host.sim.chips.max30009 import Max30009 as Model
from turgor_host.sim.chips.tca9548a import Tca9548a as MuxModel
from turgor_host.sim.clock import Clock

FULL = bool(os.environ.get("TURGOR_FULL"))
# What decides frequency, current and wiring, bit by bit.
DRIVE_REGISTERS = (*range(0x17, 0x1B), *range(0x20, 0x29), *range(0x41, 0x44))


def test_by_hand() -> None:
    """5 kHz: 40 uA for type CF, so 32 uA; 400 for BF, so the highest step that is used, 64 uA."""
    for type_bf, current_na in ((False, 32_000), (True, 64_000)):
        bench = Bench(type_bf=type_bf)
        bench.start()
        bench.begin()
        assert list(bench.events(100_000)) == []
        assert (bench.chip.driving_na, bench.chip.frequency_hz) == (current_na, 5000)


@pytest.mark.parametrize("type_bf", [False, True], ids=["CF", "BF"])
def test_every_frequency_and_current_setting(type_bf: bool) -> None:
    """The writes of every row there can be, on a chip that is ready to drive: all M, K, DAC_OSR and current steps."""
    chip = Bench(type_bf=type_bf).chip
    for register, value in ((0x1A, 0x20), (0x43, 0xA0), (0x41, 0x02)):
        chip.write(bytes((register, value)))
    # 14 to 28 MHz.
    ms = range(428, 855) if FULL else sorted({*range(428, 855, 25), 625, 781, 854})
    worst, driven = Fraction(0), 0
    for m in ms:
        for k in range(14):
            for dac in range(4):
                for most in range(len(CURRENTS_NA) + 4):
                    row = Frequency((m, k, dac, 4, most), type_bf, MEASURE)
                    for write in (*row.tune, row.current, row.drive) if not most else (row.current,):
                        chip.write(write)
                    assert frequency_hz((m, k, dac, 4, most)) == int(driven_hz(chip))
                    part = share(chip, type_bf)
                    worst = max(worst, part)
                    driven += chip.driving_na == CURRENTS_NA[min(most, 11)]
                for write in row.quiet:
                    chip.write(write)
                assert not chip.driving_na
    # 64 uA at 8 kHz is the limit itself for type CF; type BF never comes near.
    assert Fraction(99, 100) < worst <= 1 if not type_bf else Fraction(7, 10) < worst <= Fraction(8, 10)
    assert driven > len(ms) * 14 * 4 * 9


def rows() -> Iterator[tuple[int, int, int, int, int]]:
    """Some of each K and DAC_OSR, with any current."""
    random = Random(3)
    for k in range(14):
        for dac in range(4):
            yield random.choice((428, 625, 781, 854)), k, dac, 2, random.randrange(16)


@pytest.mark.parametrize("type_bf", [False, True], ids=["CF", "BF"])
def test_sweeps_at_other_frequencies(type_bf: bool) -> None:
    """By the driver's own steps, watched at every one of them."""
    chosen = list(rows())
    for at in range(0, len(chosen), 4):
        bench = Bench(type_bf=type_bf, clocks=tuple(chosen[at : at + 4]))
        bench.start()
        assert len(bench.sweep()) == 4
        assert 0 < bench.worst_ratio <= 1


@pytest.mark.parametrize("register", DRIVE_REGISTERS, ids=hex)
@pytest.mark.parametrize("while_driving", [False, True], ids=["before", "while driving"])
def test_a_corrupted_read_back_switches_off(register: int, while_driving: bool) -> None:
    for bit in range(8):
        bench = Bench()
        bench.start()
        bench.begin()
        if while_driving:
            list(bench.events(100_000))
            assert bench.chip.driving_na
        bench.bus.spoilt[register] = 1 << bit
        begun = bench.clock.us
        assert next(bench.events(2_000_000)) == FAULT
        assert bench.driver.fault == READBACK
        assert bench.chip.driving_na == 0
        assert (bench.worst_ratio > 0) == while_driving
        assert bench.clock.us - begun < 400_000
        # And all by itself it goes on when that is over.
        bench.bus.spoilt.clear()
        bench.start()
        assert len(bench.sweep()) == 3


@pytest.mark.parametrize("refused", [1, 2, 3, 9, 60])
def test_refused_transfers_anywhere_leave_the_drive_off_or_switched_off_until_it_is(refused: int) -> None:
    """`refused` transfers in a row fail, so that those of switching off are among them."""
    reference = Bench()
    reference.start()
    first = reference.bus.transfers
    reference.sweep()
    for at in range(first + 1, reference.bus.transfers + 1, 1 if FULL or refused == 3 else 5):
        bench = Bench()
        bench.start()
        bench.begin()
        bench.bus.fail_from, bench.bus.fail_until = at, at + refused
        found = []
        for event in bench.events(3_000_000, until_idle=True):
            found.append(event)
            if event == FAULT:
                fault_us = bench.clock.us
                assert not bench.driver.idle
            if bench.bus.transfers >= at + refused + 4 and event == FAULT:
                assert bench.chip.driving_na == 0
        assert found[-2:] == [FAULT, RESTARTED]
        # Told at once, and each try within 10 ms of the one before.
        assert bench.clock.us - fault_us < 800_000 + refused * 11_000
        assert bench.driver.fault == NO_FAULT
        assert bench.chip.driving_na == 0
        assert bench.worst_ratio <= 1


def test_it_stays_driven_no_longer_than_the_chip_refuses() -> None:
    bench = Bench()
    bench.start()
    bench.begin()
    list(bench.events(100_000))
    bench.chip.dead = True
    assert list(bench.events(700_000)) == [FAULT] * 2  # once, and 500 ms later
    assert bench.chip.driving_na  # nobody can reach it
    bench.chip.dead = False
    list(bench.events(12_000))
    assert bench.chip.driving_na == 0
    bench.start()


@pytest.mark.parametrize("step", range(0, 110, 3))
def test_brown_out_anywhere(step: int) -> None:
    bench = Bench()
    bench.start()
    begun = bench.clock.us
    assert bench.driver.begin(bench.clock.ticks())
    for _ in range(step):
        bench.clock.us = max(bench.clock.us, bench.due_us)
        at = bench.clock.us
        bench.due_us = at + bench.driver.step(bench.clock.ticks())
        bench.clock.us += STEP_US
        if bench.driver.idle:
            break
    bench.chip.power_cycle()
    if bench.driver.idle:
        bench.begin()
    results = []
    for event in bench.events(2_000_000):
        assert bench.chip.driving_na == 0 or event == RESULT
        if event != RESULT:
            break
        results.append(bench.driver.sum_i)
    if event == RESULT:
        # It came behind the last read-back: the next sweep tells.
        bench.begin()
        event = next(bench.events(2_000_000))
    assert event == FAULT
    assert bench.driver.fault in (BROWN_OUT, READBACK)
    assert bench.clock.us - begun < 1_900_000
    bench.start()
    assert len(bench.sweep()) == 3


# Ctrl-C and exceptions.


class Interrupted(Watched):
    """A bus on which Ctrl-C comes at a chosen transfer, before it or behind it."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.at = -1
        self.behind = False

    def writeto(self, address: int, buf: bytes) -> int:
        if len(buf) == 1:
            return Bus.writeto(self, address, buf)
        if self.transfers + 1 == self.at and not self.behind:
            self.at = -1
            raise KeyboardInterrupt
        done = super().writeto(address, buf)
        if self.transfers == self.at:
            self.at = -1
            raise KeyboardInterrupt
        return done


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("port", [-1, 5])
def test_ctrl_c_anywhere_ends_with_the_drive_off(behind: bool, port: int) -> None:
    for at in range(18, 130):
        clock = Clock()
        bus = Interrupted(clock)
        chip = Model(clock, Load())
        if port < 0:
            bus.attach(ADDRESS, chip)
            driver = Max30009(bus)
        else:
            mux = MuxModel()
            bus.attach(0x70, mux)
            mux.attach(port, ADDRESS, chip)
            driver = Max30009(Tca9548a(bus).port(port))
        bus.at, bus.behind = at, behind
        due_us = 0
        try:
            while clock.us < 1_500_000:
                clock.us = max(clock.us, due_us)
                if driver.idle:
                    driver.begin(clock.ticks())
                begun = clock.us
                due_us = begun + driver.step(clock.ticks())
                clock.us += STEP_US
        except KeyboardInterrupt:
            # Two refusals besides.
            bus.fail_from, bus.fail_until = bus.transfers + 2, bus.transfers + 4
        driver.stop()
        assert chip.driving_na == 0
        assert chip._registers[0x20] & 3 == chip._registers[0x41] == 0


def test_switching_off_without_a_driver() -> None:
    bench = Bench()
    bench.start()
    bench.begin()
    list(bench.events(100_000))
    assert bench.chip.driving_na
    assert drive_off(bench.bus)
    assert bench.chip.driving_na == 0
    bench.chip.dead = True
    before = bench.bus.transfers
    assert not drive_off(bench.bus)
    assert bench.bus.transfers - before == 20


# Two chips on one body.


def test_two_chips_take_turns() -> None:
    pair = Together()
    pair.run(20_000_000)
    assert pair.worst == Fraction(8, 10)
    assert pair.both == 0
    assert min(pair.results) >= 27


@pytest.mark.parametrize("seed", range(20 if FULL else 4))
def test_two_chips_never_drive_together(seed: int) -> None:
    """Whatever makes one late, and while each transfer may be refused: both are reached again within 10 ms or so."""
    pair = Together(seed, stalls=True, refusals=0.003)
    pair.run(60_000_000)
    assert pair.both == 0
    assert pair.worst <= Fraction(8, 10)
    assert min(pair.results) >= 15
    assert NEVER_READY in pair.faults[0] | pair.faults[1]


def test_four_chips_sweep_each_in_every_fourth_second() -> None:
    """Three of them behind ports: 5, 50 and 100 kHz, and no two drive at once."""
    four = Together(four=True)
    four.run(21_000_000)
    assert four.worst == Fraction(8, 10)
    assert four.both == 0
    # The first one has its sixth turn in second 20.
    assert four.results == [18, 15, 15, 15]


def test_four_chips_never_drive_together() -> None:
    """In one minute a stall may take most turns of one of them; over several none is passed over."""
    minutes = 20 if FULL else 4
    results = [0, 0, 0, 0]
    for seed in range(minutes):
        four = Together(seed, stalls=True, refusals=0.003, four=True)
        four.run(60_000_000)
        assert four.both == 0
        assert four.worst <= Fraction(8, 10)
        assert any(NEVER_READY in faults for faults in four.faults)
        assert sum(four.results) >= 70
        results = [total + count for total, count in zip(results, four.results, strict=True)]
    assert min(results) >= 15 * minutes


def test_one_that_answers_no_more_does_not_keep_the_other_from_its_turn() -> None:
    """While it may drive: a single fault. Five times the current of the normal condition is allowed in it."""
    pair = Together()
    pair.run(2_100_000)
    while not pair.samplers[0].driver._measured and not pair.chips[0].driving_na:
        pair.run(1000)
    pair.chips[0].dead = True
    before = pair.results[1]
    pair.run(4_000_000)
    assert pair.results[1] - before >= 5
    assert not pair.faults[1]
    assert pair.both
    assert Fraction(8, 10) < pair.worst <= 2 * Fraction(8, 10) < 5
    pair.chips[0].dead = False
    pair.run(20_000)
    assert pair.chips[0].driving_na == 0
    before = pair.results[0]
    pair.both = 0
    pair.run(8_000_000)
    assert pair.results[0] - before >= 6
    assert pair.both == 0


def test_default_rows() -> None:
    assert [frequency_hz(row) for row in CLOCKS] == [5000, 49984, 99968]
