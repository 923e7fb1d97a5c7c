"""Lights and sounds measured on the virtual board's pins, on both runtimes, with a host and without one.

One limb runs through the priorities: `pressure_high` is low while a fresh DBP gives a good dP, medium when a lower one
is typed, and high when its pressure has risen above 45 mmHg. Ranges are those of IEC 60601-1-8.
"""

import json
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from virtual_board import VirtualBoard

from turgor.core.annunciation import BURSTS, RED, SOUND, YELLOW
from turgor.core.rules import EVENT_NAMES, HIGH, LOW, MEDIUM, PRIORITY_NAMES
from turgor.link.records import unpack
from turgor_host.configuration.file import read_configuration
from turgor_host.sim.scenario import read_scenario, write_compiled
from turgor_host.source import board_command, board_environment

SECONDS = 200
SCENARIO = """\
t_s,calf_l_mmhg,calf_r_mmhg,forearm_l_mmhg,forearm_r_mmhg,calf_z_r0_ohm,thorax_z_r0_ohm,dbp_mmhg
0,35,10,9,9,56,51,
2,35,10,9,9,56,51,80
90,35,10,9,9,56,51,60
120,35,10,9,9,56,51,
121,50,10,9,9,56,51,
"""
LIMITS = """\
[limits.pressure_high]
clear_mmhg = 28
clear_s = 300
medium = { limit_mmhg = 30, run_s = 10, low_from_dp_mmhg = 40 }
high = { limit_mmhg = 45, run_s = 5 }
high_without_dp = { limit_mmhg = 30, run_s = 3600 }
"""


class Wanted(NamedTuple):
    pulses: int
    pulse_ms: tuple[int, int]
    # The shortest and the longest silence within a burst.
    gap_ms: tuple[int, int]
    between_ms: tuple[int, int]
    lamp: int
    # Between two flashes' beginnings, None for a steady light.
    light_ms: tuple[float, float] | None


WANTED = {
    LOW: Wanted(2, (125, 250), (125, 250), (15000, 10**6), YELLOW, None),
    MEDIUM: Wanted(3, (125, 250), (125, 250), (2500, 30000), YELLOW, (1000 / 0.8, 1000 / 0.4)),
    HIGH: Wanted(10, (75, 200), (50, 1300), (2500, 15000), RED, (1000 / 2.8, 1000 / 1.4)),
}


class Ran(NamedTuple):
    """The second of each decision with the priority that it led to, and (us, pins) of each change of the pins."""

    decided: list[tuple[int, int]]
    pins: list[tuple[int, int]]


def read_pins(path: Path) -> list[tuple[int, int]]:
    return [(int(us), int(pins)) for us, pins in (line.split() for line in path.read_text().splitlines())]


def run_alone(folder: Path, runtime: str) -> Ran:
    """No host: the port is unplugged."""
    scenario, config = folder / "levels.csv", folder / "limits.toml"
    scenario.write_text(SCENARIO)
    config.write_text(LIMITS)
    compiled, pins, log = folder / "scenario.json", folder / "pins.txt", folder / "log"
    write_compiled(read_scenario(scenario), 1, compiled, read_configuration(config))
    command = [*board_command(runtime), "-m", "turgor_host.sim.board", str(compiled), "--speed", "0", "--no-port"]
    command += ["--seconds", str(SECONDS), "--pins", str(pins), "--log", str(log)]
    subprocess.run(command, check=True, env=board_environment(), timeout=400)
    decided = []
    data = log.read_bytes()
    while data:
        header, body, _ = unpack(data[1 : 1 + data[0]])
        data = data[1 + data[0] :]
        if header["kind"] == "event":
            assert EVENT_NAMES[body["state"]] in ("raised", "escalated")
            decided.append((header["t_s"], body["priority"]))
    return Ran(decided, read_pins(pins))


def run_recorded(folder: Path, turgor: Any, runtime: str) -> Ran:
    """Recorded all the while, without its port being unplugged at the end."""
    scenario, pins = folder / "levels.csv", folder / "pins.txt"
    scenario.write_text(SCENARIO)
    config = folder / "limits.toml"
    config.write_text(LIMITS)
    compiled = folder / "compiled.json"
    write_compiled(read_scenario(scenario), 1, compiled, read_configuration(config))
    image = {"image": json.loads(compiled.read_text())["image"]}
    options = ("--pins", str(pins))
    with VirtualBoard(
        folder, scenario=scenario, speed=0, hold=True, runtime=runtime, options=options, more=image
    ) as board:
        file = folder / "out.turgor"
        turgor("record", board.port, file, "--seconds", SECONDS)
    events = json.loads(turgor("events", file, "--json").stdout)
    decided = [(event["t_s"], PRIORITY_NAMES.index(event["priority"])) for event in events]
    return Ran(decided, [(us, bits) for us, bits in read_pins(pins) if us < SECONDS * 1_000_000])


@pytest.fixture(scope="module", params=["alone-micropython", "alone-cpython", "recorded-micropython"])
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, turgor: Any) -> Ran:
    way, runtime = request.param.split("-")
    if runtime == "micropython":
        request.getfixturevalue("micropython")
    folder = tmp_path_factory.mktemp(way)
    return run_alone(folder, runtime) if way == "alone" else run_recorded(folder, turgor, runtime)


def on_times(pins: list[tuple[int, int]], bit: int, from_us: int, until_us: int) -> list[tuple[float, float]]:
    """When a pin went on and off again, ms; what is on at the end is on until then."""
    found = []
    since = -1
    for us, bits in [*[entry for entry in pins if from_us <= entry[0] < until_us], (until_us, 0)]:
        if bits & bit and since < 0:
            since = us
        elif not bits & bit and since >= 0:
            found.append((since / 1000, us / 1000))
            since = -1
    return found


def levels(ran: Ran) -> list[tuple[int, int, int]]:
    """Each priority with the microseconds between which it was shown, by its first pins and by those of the next.

    Between a decision and the slice that shows it the light of the priority before may still blink.
    """
    starts = [
        next(us for us, bits in ran.pins if us >= t_s * 1_000_000 and bits == WANTED[level].lamp | SOUND)
        for t_s, level in ran.decided
    ]
    ends = [*starts[1:], SECONDS * 1_000_000]
    return [(level, start, end) for (_, level), start, end in zip(ran.decided, starts, ends, strict=True)]


def test_by_hand(ran: Ran) -> None:
    """Low, medium and high, each at its second; nothing is on before the first."""
    assert [level for _, level in ran.decided] == [LOW, MEDIUM, HIGH]
    (low_s, _), (medium_s, _), (high_s, _) = ran.decided
    assert 40 <= low_s <= 44
    assert medium_s in (90, 91, 92)
    assert 152 <= high_s <= 162
    assert ran.pins[0][0] >= low_s * 1_000_000


def test_the_pins_follow_a_decision_within_a_second(ran: Ran) -> None:
    """Light and sound both; in fact within the slices of that tick."""
    for level, start_us, _ in levels(ran):
        t_s = next(t_s for t_s, decided in ran.decided if decided == level)
        assert 0 <= start_us - t_s * 1_000_000 < 20_000
        bits = next(bits for us, bits in ran.pins if us == start_us)
        assert bits == WANTED[level].lamp | SOUND


@pytest.mark.parametrize("level", [LOW, MEDIUM, HIGH])
def test_pulses_are_within_the_standards_ranges(ran: Ran, level: int) -> None:
    wanted = WANTED[level]
    _, start_us, end_us = next(shown for shown in levels(ran) if shown[0] == level)
    bursts: list[list[tuple[float, float]]] = []
    for on, off in on_times(ran.pins, SOUND, start_us, end_us):
        if bursts and on - bursts[-1][-1][1] < 2500:
            bursts[-1].append((on, off))
        else:
            bursts.append([(on, off)])
    # The next priority cuts the last one short.
    *whole, last = bursts
    assert len(whole) >= 2
    assert all(len(pulses) == wanted.pulses for pulses in whole)
    assert len(last) <= wanted.pulses
    for pulses in whole:
        gaps = [later[0] - earlier[1] for earlier, later in pairwise(pulses)]
        assert all(wanted.pulse_ms[0] <= off - on <= wanted.pulse_ms[1] for on, off in pulses)
        assert all(wanted.gap_ms[0] <= gap <= wanted.gap_ms[1] for gap in gaps)
        if level == HIGH:
            # 3 and 2 pulses, twice: the gap behind the fifth is that of 0.35 to 1.3 s.
            short = [gap for gap in gaps if gap <= 125]
            assert [place for place, gap in enumerate(gaps) if gap > 125] == [2, 4, 7]
            assert len(short) == 6
            assert 350 <= gaps[4] <= 1300
    for earlier, later in zip(whole, bursts[1:], strict=True):
        assert wanted.between_ms[0] <= later[0][0] - earlier[-1][1] <= wanted.between_ms[1]


@pytest.mark.parametrize("level", [LOW, MEDIUM, HIGH])
def test_lights_are_within_the_standards_ranges(ran: Ran, level: int) -> None:
    wanted = WANTED[level]
    _, start_us, end_us = next(shown for shown in levels(ran) if shown[0] == level)
    flashes = on_times(ran.pins, wanted.lamp, start_us, end_us)
    other = RED + YELLOW - wanted.lamp
    assert not on_times(ran.pins, other, start_us, end_us)
    if wanted.light_ms is None:
        assert flashes == [(start_us / 1000, end_us / 1000)]
        return
    begun = [on for on, _ in flashes]
    assert len(begun) >= 20
    for earlier, later in pairwise(begun):
        assert wanted.light_ms[0] <= later - earlier <= wanted.light_ms[1]
    for (on, off), later in zip(flashes, begun[1:], strict=False):
        assert 0.2 <= (off - on) / (later - on) <= 0.6


def test_bursts_keep_their_beat(ran: Ran) -> None:
    """Each begins a whole number of periods behind the first, to within a few of the board's steps."""
    for level, start_us, end_us in levels(ran):
        period_ms = sum(BURSTS[level])
        on = [on - start_us / 1000 for on, _ in on_times(ran.pins, SOUND, start_us, end_us)]
        begun = [later for earlier, later in zip([-9e9, *on], on, strict=False) if later - earlier > 2500]
        assert begun == pytest.approx([number * period_ms for number in range(len(begun))], abs=5)
