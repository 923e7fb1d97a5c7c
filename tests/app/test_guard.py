"""A held bus, buttons, and what feeds the watchdog, on the virtual board's chips or the fake board."""

from itertools import pairwise
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from turgor.app.app import App
from turgor.app.assemble import make_samplers
from turgor.app.buttons import Buttons
from turgor.app.config import Config, arterial_channel, default_channels
from turgor.app.guard import Guard
from turgor.app.tick import Maintenance
from turgor.core.ticks import ticks_diff
from turgor.drivers import ABSENT, BUS_LOW, FAULT_NAMES
from turgor.link import lines
from turgor.link.records import unpack
from turgor_host.sim.board import Ports
from turgor_host.sim.clock import Clock
from turgor_host.sim.scenario import compile_scenario, read_scenario


class Board:
    """What a guard takes of the ports."""

    def __init__(self, cause: int, recalled: int) -> None:
        self.reset_cause, self.recalled = cause, recalled
        self.fed = 0
        self.word = -1

    def arm(self) -> None:
        self.fed = 0

    def feed(self) -> None:
        self.fed += 1

    def remember(self, word: int) -> None:
        self.word = word


@pytest.mark.parametrize(
    ("lived", "off"),
    [((100, 100), True), ((290, 290), True), ((291, 291), False), ((570, 10), True), ((10, 580), False)],
)
def test_three_resets_within_ten_minutes(lived: tuple[int, int], off: bool) -> None:
    """Each reset counts for 10 s more than the run before it: 290 + 10 + 290 + 10 are the 600 s."""
    board = Board(1, -1)
    Guard(board)._keep(3000)
    for run_s in lived:
        board = Board(3, board.word)
        guard = Guard(board)
        assert not guard.off_s, "the first and the second leave the sensors on"
        guard._keep(run_s)
    assert bool(Guard(Board(3, board.word)).off_s) == off
    assert not Guard(Board(2, board.word)).off_s, "another cause ends the count"


def test_fed_when_every_channel_has_ended_an_attempt() -> None:
    board = Board(1, -1)
    guard = Guard(board)
    samplers = [SimpleNamespace(channel=SimpleNamespace(index=0), failures=0) for _ in range(2)]
    guard.attach(samplers, None, None, SimpleNamespace(s=1), 0)
    for index, failures, fed in [(1, 0, 1), (2, 0, 1), (3, 0, 1), (3, 1, 2), (4, 1, 2), (4, 2, 3)]:
        samplers[0].channel.index = index
        samplers[1].failures = failures
        guard.step(0)
        assert board.fed == fed, (index, failures)


class Pressed:
    """Buttons whose levels a test tells, one a reading; the commands that they give."""

    def __init__(self, remaining_s: int = 0) -> None:
        self.done: list[tuple[int, ...]] = []
        self.tick = SimpleNamespace(
            busy=False, execute=self.execute, annunciator=SimpleNamespace(remaining_s=remaining_s)
        )
        self.level = 0
        self.buttons = Buttons(lambda: self.level, self.tick, SimpleNamespace(us=77), 0)

    def execute(self, id: int, command: int, a: int, *rest: int) -> None:
        assert id == 0
        self.done.append((command, a))

    def read(self, *levels: int) -> list[tuple[int, ...]]:
        self.done.clear()
        for self.level in levels:
            assert self.buttons.step(0) in ((20000,) if self.level else (20000, 40000))
        return list(self.done)


PAUSE, ACKNOWLEDGE, MARK = (lines.PAUSE, 120), (lines.ACKNOWLEDGE, 255), (lines.MARK, 77)


def test_a_button_has_to_be_steady_and_acts_between_ticks() -> None:
    pressed = Pressed()
    read = pressed.read
    assert read(3, 3, 3, 3, 0, 0, 0, 0) == [], "down since before the start"
    assert read(1, 0, 1, 1, 0, 1) == []
    assert read(1, 1, 0, 1, 0, 1, 1, 1) == [], "still the same press"
    assert read(0, 0, 0) == [PAUSE], "when it is let go"
    assert read(2, 2, 2, 2, 0, 0, 0, 0) == [MARK], "when it is pressed"
    pressed.tick.busy = True
    assert read(3, 3, 3, 3, 0, 0, 0) == []
    pressed.tick.busy = False
    assert read(0) == [MARK, PAUSE]


def test_buttons_are_read_less_often_while_none_is_pressed() -> None:
    pressed = Pressed()
    waits = []
    for pressed.level in (3, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0):
        waits.append(pressed.buttons.step(0) // 1000)
    assert waits == [20, 20, 20, 20, 40, 40, 20, 20, 20, 20, 20, 20, 40]


def test_a_press_of_two_seconds_acknowledges_and_pauses_nothing() -> None:
    pressed = Pressed()
    read = pressed.read
    # Three readings until it counts as pressed, the hundredth behind that is 2 s later.
    assert read(0, 0, 0, *[1] * 102) == []
    assert read(1) == [ACKNOWLEDGE]
    assert read(*[1] * 300, 0, 0, 0, 0) == []
    assert read(*[1] * 100, 0, 0, 0, 0) == [PAUSE], "let go before"
    assert read(*[3] * 300, 0, 0, 0) == [MARK, ACKNOWLEDGE]


def test_the_next_press_ends_the_pause() -> None:
    assert Pressed(remaining_s=1).read(0, 0, 0, 1, 1, 1, 0, 0, 0) == [(lines.PAUSE, 0)]


def test_the_commands_of_the_board(fake: ModuleType) -> None:
    """A mark is logged and nothing else; MAINTAIN is logged, answered and ends the app at the next tick."""
    board = fake.Board({"calf_l": (lambda index: 0,)})
    board.run(1_500_000)
    board.say(lines.command_line(2, lines.HELLO, -1, 0))
    board.say(lines.command_line(3, lines.MARK, 5))
    board.run(2_500_000)
    board.say(lines.command_line(4, lines.MAINTAIN))
    with pytest.raises(Maintenance):
        board.run(4_000_000)
    assert board.us < 3_100_000
    found = [unpack(record) for record in board.logged()]
    commands = [
        (header["t_s"], body["id"], body["command"]) for header, body, _ in found if header["kind"] == "command"
    ]
    assert commands == [(1, 3, lines.MARK), (2, 4, lines.MAINTAIN)]


class Silent:
    def read_into(self, buffer: bytearray) -> int:
        return 0

    def write(self, buffer: bytearray, at: int, n: int) -> int:
        return n


class Steady:
    """The default configuration on the virtual board's chips, where nothing changes; `feeds_us` of its guard."""

    def __init__(self, folder: Path) -> None:
        source = folder / "steady.csv"
        source.write_text(
            "t_s,calf_l_mmhg,calf_r_mmhg,forearm_l_mmhg,forearm_r_mmhg,calf_z_r0_ohm,thorax_z_r0_ohm\n"
            "0,20,21,22,23,56,51\n"
        )
        self.clock = clock = Clock()
        self.feeds_us: list[int] = []
        self.ports = ports = Ports(compile_scenario(read_scenario(source), 1), clock, Silent(), None)
        ports.recalled = -1
        ports.arm = ports.remember = lambda *_: None
        ports.feed = lambda: self.feeds_us.append(clock.us)
        config = Config(default_channels())
        guard = Guard(ports)
        self.app = App(ports, config, make_samplers(config, ports), None, clock.ticks(), guard)

    def run(self, until_us: int) -> None:
        while self.clock.us < until_us:
            due = self.app.poll(self.clock.ticks())
            self.clock.us += max(0, ticks_diff(due, self.clock.ticks()))

    def sampler(self, number: int) -> Any:
        return next(job for job in self.app.jobs if getattr(job, "number", -1) == number)

    def faults(self) -> list[tuple[int, int, int]]:
        """Channel, fault and state of each that was logged."""
        buffer = bytearray(256)
        found = []
        for seq in range(self.app.log.first_seq, self.app.log.next_seq):
            header, body, _ = unpack(buffer[: self.app.log.fetch(seq, buffer)])
            if header["kind"] == "fault":
                found.append((header["channel"], body["fault"], body["state"]))
        return found


@pytest.mark.parametrize("at_us", [6_100_000, 6_900_000], ids=["in a sweep", "idle"])
@pytest.mark.parametrize("held", [False, True], ids=["unplugged", "bus held"])
def test_a_dead_impedance_chip_never_resets_the_board(tmp_path: Path, at_us: int, held: bool) -> None:
    """15 s without the calf's chip, or with its bus held low: nothing takes the drive off, and the watchdog is fed."""
    board = Steady(tmp_path)
    board.run(at_us)
    sampler = board.sampler(4)
    assert sampler.driver.idle == (at_us == 6_900_000)
    if held:
        board.ports.buses[0].hold()
    else:
        board.ports.chips["calf_z"].dead = True
    board.run(at_us + 15_000_000)
    fed = [us for us in board.feeds_us if us > at_us]
    assert len(fed) >= 5
    assert max(after - before for before, after in pairwise([at_us, *fed])) < 4_000_000
    fault = BUS_LOW if held else ABSENT
    assert [row for row in board.faults() if row[0] == 4] == [(4, fault, 1)]
    if held:
        board.ports.buses[0].release()
    else:
        board.ports.chips["calf_z"].dead = False
    swept = sampler.channel.index
    board.run(at_us + 20_000_000)
    assert [row for row in board.faults() if row[0] == 4] == [(4, fault, 1), (4, fault, 0)]
    assert sampler.channel.index > swept


def test_a_held_bus_is_told_and_freed(tmp_path: Any) -> None:
    """From 6 to 9 s a line of the first bus is held low: its six channels say so, `art` on the second goes on."""
    source = tmp_path / "steady.csv"
    source.write_text(
        "t_s,calf_l_mmhg,calf_r_mmhg,forearm_l_mmhg,forearm_r_mmhg,art_mmhg,calf_z_r0_ohm,thorax_z_r0_ohm\n"
        "0,20,21,22,23,90,56,51\n"
    )
    clock = Clock()
    ports = Ports(compile_scenario(read_scenario(source), 1), clock, Silent(), None)
    config = Config([*default_channels(), arterial_channel()])
    app = App(ports, config, make_samplers(config, ports), None, clock.ticks())
    freed = []
    free = ports.buses[0].free
    ports.buses[0].free = lambda: freed.append(clock.us) or free()
    longest = 0

    def run(until_us: int) -> None:
        nonlocal longest
        while clock.us < until_us:
            before = clock.us
            due = app.poll(clock.ticks())
            longest = max(longest, clock.us - before)
            clock.us += max(0, ticks_diff(due, clock.ticks()))

    run(6_000_000)
    ports.buses[0].hold()
    run(9_000_000)
    ports.buses[0].release()
    art = next(sampler for sampler in app.jobs if getattr(sampler, "number", -1) == 6)
    assert art.failures == 0
    run(15_000_000)
    buffer = bytearray(256)
    faults = []
    for seq in range(app.log.first_seq, app.log.next_seq):
        n = app.log.fetch(seq, buffer)
        header, body, _ = unpack(buffer[:n])
        if header["kind"] == "fault":
            t_s = header["t_s"] + body["t_us"] / 1e6
            faults.append((header["channel"], FAULT_NAMES[body["fault"]], body["state"], t_s))
    assert {(channel, name) for channel, name, _, _ in faults} == {
        (channel, FAULT_NAMES[BUS_LOW]) for channel in range(6)
    }
    begun = {channel: t_s for channel, _, state, t_s in faults if state}
    ended = {channel: t_s for channel, _, state, t_s in faults if not state}
    assert len(faults) == 12
    assert all(6 <= t_s <= 8 for t_s in begun.values()), begun
    assert all(9 <= t_s <= 12.5 for t_s in ended.values()), ended
    # One try to free it for each failed attempt, half a second apart.
    assert 6 * 2 <= len(freed) <= 6 * 7
    assert art.failures == 0
    assert longest <= 2 * 1500, "a transfer that times out, or a recovery, and never both"
