"""A host that stops reading: the board goes on as if nothing were, on the virtual board's chips and clock.

An hour instead of seven minutes: TURGOR_FULL=1 pytest -n 0 tests/faults/test_stopped_host.py
"""

import json
import os
from struct import unpack_from
from typing import Any

import pytest

from turgor.app.app import App
from turgor.app.assemble import make_samplers
from turgor.core.ticks import ticks_diff
from turgor.link.lines import UNREAD_LIMIT
from turgor.link.records import HEADER, LINK_STALLED, NOTICE, READINGS, SAMPLES, unpack
from turgor_host.sim.board import Ports
from turgor_host.sim.clock import Clock
from turgor_host.sim.scenario import read_scenario, write_compiled
from turgor_host.wire import Replica

SECONDS = 3600 if os.environ.get("TURGOR_FULL") else 420
STOPPED_S = 20
LONGEST_STEP_US = 1500
# What a step costs a board beside its bus time, as the virtual board has it.
STEP_US = 120


class Port:
    """A serial port behind which a buffer of the computer's fills up: `stall_us` is how long the last write takes."""

    def __init__(self, clock: Clock, stall_us: int = 0) -> None:
        self.inbox = b""
        self.outbox = b""
        self.full = False
        self._clock = clock
        self._stall_us = stall_us

    def read_into(self, buffer: bytearray) -> int:
        n = min(len(buffer), len(self.inbox))
        buffer[:n] = self.inbox[:n]
        self.inbox = self.inbox[n:]
        return n

    def write(self, buffer: bytearray, at: int, n: int) -> int:
        if self.full and self._stall_us:
            self._clock.us += self._stall_us
            self._stall_us = 0
            return 0
        self.outbox += buffer[at : at + n]
        return n


class Run:
    """The app on the virtual board's chips for SECONDS; the host stops reading at `stops_s`, if it does."""

    def __init__(self, scenario: dict[str, Any], stops_s: float, stall_us: int = 0) -> None:
        clock = Clock()
        port = Port(clock, stall_us)
        ports = Ports(scenario, clock, port, None)
        self.alarms: list[tuple[int, int]] = []
        # Every pin of every pulse, by its second.
        ports.alarm = lambda pins: self.alarms.append((clock.us // 1_000_000, pins)) if pins or self.alarms else None
        config = ports.config
        app = App(ports, config, make_samplers(config, ports), None, clock.ticks())
        self.log: list[bytes] = []
        append = app.log.append

        def kept(n: int, *place: int) -> None:
            append(n, *place)
            self.log.append(bytes(app.log.record[:n]))

        app.log.append = kept
        replica = Replica(1)
        replica.hello(0.0)
        self.longest_us: list[int] = []
        self.unread = 0
        next_us = 0
        while clock.us < SECONDS * 1_000_000:
            begun = clock.us
            due = app.poll(clock.ticks())
            clock.us += STEP_US
            self.longest_us = sorted([*self.longest_us[-3:], clock.us - begun])
            wait = ticks_diff(due, clock.ticks())
            if wait > 0:
                clock.us += wait
            if clock.us >= stops_s * 1_000_000:
                port.full = True
                self.unread = len(port.outbox)
            elif clock.us >= next_us:
                next_us = clock.us + 50_000
                now = clock.us / 1e6
                if replica.feed(port.outbox, now):
                    replica.tell(replica.position[0], replica.position[1] - 1, now)
                port.outbox = b""
                replica.poll(now)
                port.inbox += b"".join(replica.lines)
                replica.lines.clear()


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """48 mmHg from the start: `pressure_high` is raised after five minutes and half of those of its median."""
    folder = tmp_path_factory.mktemp("scenario")
    (folder / "high.csv").write_text("t_s,calf_l_mmhg,calf_z_r0_ohm,dbp_mmhg\n0,48,60,70\n60,48,60,\n")
    write_compiled(read_scenario(folder / "high.csv"), 1, folder / "high.json")
    made: dict[str, Any] = json.loads((folder / "high.json").read_text())
    return made


@pytest.fixture(scope="module")
def undisturbed(scenario: dict[str, Any]) -> Run:
    return Run(scenario, SECONDS + 1)


def ticks(run: Run) -> list[int]:
    return [unpack_from(HEADER, record)[4] for record in run.log if record[0] == READINGS]


def test_by_hand(undisturbed: Run) -> None:
    """A reading each second, no step beyond 1.5 ms, and the alarm sounds after five minutes and a half or so."""
    assert ticks(undisturbed) == list(range(1, SECONDS))
    assert undisturbed.longest_us[-1] <= LONGEST_STEP_US
    (raised,) = undisturbed.alarms[:1]
    assert 300 <= raised[0] <= 340


def test_nothing_changes_for_the_board(scenario: dict[str, Any], undisturbed: Run) -> None:
    run = Run(scenario, STOPPED_S)
    assert run.unread <= UNREAD_LIMIT
    assert run.longest_us[-1] <= LONGEST_STEP_US
    assert run.alarms == undisturbed.alarms
    assert ticks(run) == list(range(1, SECONDS))
    samples = [record for record in run.log if record[0] == SAMPLES]
    assert len(samples) == len([record for record in undisturbed.log if record[0] == SAMPLES])


def test_one_write_may_stall_and_is_told(scenario: dict[str, Any], undisturbed: Run) -> None:
    """The port blocks for half a second, as USB does: it is logged, and nothing is written any more."""
    run = Run(scenario, STOPPED_S, stall_us=500_000)
    assert run.longest_us[-1] >= 500_000
    assert run.longest_us[-2] <= LONGEST_STEP_US
    notices = [unpack(record)[1] for record in run.log if record[0] == NOTICE]
    assert [notice["notice"] for notice in notices] == [LINK_STALLED]
    assert notices[0]["value"] == pytest.approx(500, abs=20)
    assert run.alarms == undisturbed.alarms
    assert ticks(run) == list(range(1, SECONDS))
