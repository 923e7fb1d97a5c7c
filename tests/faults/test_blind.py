"""Erases and pages stop a board for up to 400 ms: every conversion that passed unseen is counted, exactly.

The firmware on the chips' models, with the bus, clock and data-ready pins of the virtual board.
Ten minutes of each instead of 30 s: TURGOR_FULL=1 pytest -n 0 tests/faults/test_blind.py
"""

import json
import os
from pathlib import Path
from random import Random
from struct import unpack_from
from typing import Any

import pytest

from turgor.app.app import App
from turgor.app.assemble import make_samplers
from turgor.app.keep import Keep
from turgor.core.ticks import ticks_diff
from turgor.link.records import ANNOUNCED, BLIND, DONE, ERASE, FAULT, HEADER, IMPEDANCE, PROGRAM, unpack
from turgor_host.sim.board import Ports
from turgor_host.sim.clock import Clock
from turgor_host.sim.flash import Flash
from turgor_host.sim.scenario import read_scenario, write_compiled

SECONDS = 600 if os.environ.get("TURGOR_FULL") else 30
STEP_US = 120
# A sector and a page that nobody else uses.
SECTOR, PAGE_AT = 60, 61 * 4096


class Silent:
    """No host."""

    def read_into(self, buffer: bytearray) -> int:
        return 0

    def write(self, buffer: bytearray, at: int, n: int) -> int:
        return n


class Run:
    """SECONDS of a board; `anywhere`: operations at random moments, not only where `Keep` puts its erases."""

    def __init__(self, scenario: dict[str, Any], erase_us: int, program_us: int, pin: bool, anywhere: bool) -> None:
        self.clock = clock = Clock(2**30 - 7_000_000)
        ports = Ports(scenario, clock, Silent(), None)
        if not pin:
            ports.ready = lambda name: None
        config = ports.config
        self.flash = flash = Flash(clock, 62, erase_us=erase_us, program_us=program_us)
        keep = Keep(flash)
        clock.us = 0
        flash.pins += ports.pins
        app = App(ports, config, make_samplers(config, ports), keep, clock.ticks())
        self.log: list[tuple[int, bytes]] = []
        append = app.log.append

        def kept(n: int, *place: int) -> None:
            append(n, *place)
            self.log.append((clock.us, bytes(app.log.record[:n])))

        app.log.append = kept
        # Of each bridge: the conversions that were read, less the index that they got.
        self.offsets: dict[str, set[int]] = {}
        self.missed: dict[str, int] = {}
        for channel, sampler in zip(config.channels, app._samplers, strict=True):
            if not channel.is_impedance():
                self._watch(channel.name, ports.chips[channel.name], sampler)
        self.operations: list[tuple[int, int]] = []
        if anywhere:
            self._operate_anywhere(keep)
        else:
            self._operate_in_turn(keep)
        while clock.us < SECONDS * 1_000_000:
            due = app.poll(clock.ticks())
            clock.us += STEP_US
            wait = ticks_diff(due, clock.ticks())
            if wait > 0:
                clock.us += wait

    def _watch(self, name: str, chip: Any, sampler: Any) -> None:
        self.offsets[name] = set()
        self.missed[name] = 0
        sample = sampler._sample

        def sampled(code: int) -> None:
            sample(code)
            self.missed[name] += sampler.driver.missed
            self.offsets[name].add(chip.read[1] - sampler.channel.index)

        sampler._sample = sampled

    def _erase(self) -> None:
        self.operations.append((self.clock.us, ERASE))
        self.flash.erase(SECTOR)

    def _program(self) -> None:
        self.operations.append((self.clock.us, PROGRAM))
        self.flash.program(PAGE_AT, bytes(256))

    def _operate_anywhere(self, keep: Any) -> None:
        random = Random(3)
        step = keep.step
        next_us = 5_000_000

        def stepped(now: int) -> int:
            nonlocal next_us
            if keep._operation or self.clock.us < next_us:
                return int(step(now))
            next_us = self.clock.us + random.randint(50_000, 1_500_000)
            erases = random.random() < 0.5
            wait = keep._begin(ERASE if erases else PROGRAM, now)
            if erases:
                self._erase()
            else:
                self._program()
            return int(wait)

        keep.step = stepped

    def _operate_in_turn(self, keep: Any) -> None:
        """An erase each second where `Keep` would put one, and pages all the time."""
        spill = keep.spill
        wrote_us = erased_s = 0

        def wants_erase() -> bool:
            nonlocal erased_s
            wants = self.clock.us // 1_000_000 > max(erased_s, 4)
            if wants:
                erased_s = self.clock.us // 1_000_000
            return wants

        def wants_step() -> bool:
            nonlocal wrote_us
            wants = self.clock.us > wrote_us + 130_000
            if wants:
                wrote_us = self.clock.us
            return wants

        spill.wants_erase, spill.wants_step, spill.full = wants_erase, wants_step, True
        spill.erase, spill.write, spill.ring.can_write = self._erase, self._program, lambda: True

    def records(self, kind: int) -> list[tuple[int, dict[str, Any]]]:
        """Of a kind, with the microsecond at which each was logged."""
        return [(us, unpack(record)[1]) for us, record in self.log if record[0] == kind]

    def check_counts(self, *names: str) -> None:
        """Each index of these channels (all, without names) is that of the chip; no bridge has failed."""
        offsets = {name: found for name, found in self.offsets.items() if not names or name in names}
        assert all(len(found) == 1 for found in offsets.values()), offsets
        failed = [unpack(record) for _, record in self.log if record[0] == FAULT and record[1] not in (4, 5)]
        assert failed == []

    def check_told(self, erase_us: int, program_us: int) -> None:
        """Each erase is announced; each operation is told, with how long it took."""
        announced = [fields for _, fields in self.records(BLIND) if fields["state"] == ANNOUNCED]
        done = [fields for _, fields in self.records(BLIND) if fields["state"] == DONE]
        erases = [us for us, operation in self.operations if operation == ERASE]
        mine = [fields for fields in announced if fields["operation"] == ERASE]
        assert len(mine) >= len(erases) >= SECONDS // 4
        # The end may come before the last is told.
        assert len([fields for fields in done if fields["operation"] == ERASE]) in (len(mine) - 1, len(mine))
        assert len(done) >= len(self.operations) - 1
        for fields in done:
            took_us = erase_us if fields["operation"] == ERASE else program_us
            assert took_us <= fields["duration_us"] <= took_us + 2000


@pytest.fixture(scope="module")
def scenarios(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("scenario")
    made = {}
    for name, header, row in (
        ("bridges", "calf_l_mmhg,calf_r_mmhg,forearm_l_mmhg,forearm_r_mmhg,art_mmhg", "20,15,10,12,90"),
        ("all", "calf_l_mmhg,art_mmhg,calf_z_r0_ohm,thorax_z_r0_ohm", "20,90,60,30"),
    ):
        (folder / f"{name}.csv").write_text(f"t_s,{header}\n0,{row}\n60,{row}\n")
        write_compiled(read_scenario(Path(folder / f"{name}.csv")), 1, folder / f"{name}.json")
        made[name] = json.loads((folder / f"{name}.json").read_text())
    return made


def test_by_hand(scenarios: dict[str, dict[str, Any]]) -> None:
    """45 ms hide three or four conversions of 80 a second, 14 of 320; pages hide few, and nothing else does."""
    run = Run(scenarios["all"], 45_000, 700, True, False)
    run.check_counts()
    run.check_told(45_000, 700)
    erases = sum(operation == ERASE for _, operation in run.operations)
    pages = len(run.operations) - erases
    assert 3 * erases <= run.missed["calf_l"] <= 4 * erases + 0.1 * pages
    assert 14 * erases <= run.missed["art"] <= 15 * erases + 0.5 * pages


@pytest.mark.parametrize(("erase_us", "program_us"), [(45_000, 700), (400_000, 3000)])
@pytest.mark.parametrize("pin", [True, False])
@pytest.mark.parametrize("anywhere", [True, False])
def test_every_conversion_is_counted(
    scenarios: dict[str, dict[str, Any]], erase_us: int, program_us: int, pin: bool, anywhere: bool
) -> None:
    """Without the pin polls see the ends, too late for the 3 ms of the arterial line: it needs its pin."""
    run = Run(scenarios["bridges"], erase_us, program_us, pin, anywhere)
    run.check_counts(*(() if pin else ("calf_l", "calf_r", "forearm_l", "forearm_r")))
    run.check_told(erase_us, program_us)


@pytest.mark.parametrize(("erase_us", "program_us"), [(45_000, 700), (400_000, 3000)])
def test_sweeps_go_on(scenarios: dict[str, dict[str, Any]], erase_us: int, program_us: int) -> None:
    """Three results a sweep, none of them lost or wrong: erases lie between the sweeps, pages hurt none."""
    run = Run(scenarios["all"], erase_us, program_us, True, False)
    run.check_counts()
    values: dict[tuple[int, int], list[int]] = {}
    for us, record in run.log:
        if record[0] == IMPEDANCE and us > 4_000_000:
            fields = unpack(record)[1]
            channel = unpack_from(HEADER, record)[1]
            values.setdefault((channel, fields["frequency"]), []).append(fields["sum_i"] // fields["count"])
    assert run.records(FAULT) == []
    assert len(values) == 6
    for found in values.values():
        assert len(found) >= (SECONDS - 5) // 2
        assert max(found) - min(found) <= 0.002 * abs(max(found)) + 20
