"""The alarm's pins from the rules' decisions on: each edge to the microsecond, the pause, and what ends it."""

from types import ModuleType
from typing import Any

import pytest

from turgor.app.annunciator import Annunciator
from turgor.core.annunciation import BURSTS, PAUSE_S, RED, SOUND, YELLOW
from turgor.core.rules import HIGH, LOW, MEDIUM, PRESSURE_HIGH
from turgor.core.ticks import TICKS_MASK
from turgor.link import lines
from turgor.link.records import unpack
from turgor_host.live import Live

SECOND_US = 1000000
CODES_PER_MMHG = 8000
# `pressure_high` of 35 mmHg is medium at this second and high at that.
MEDIUM_S, HIGH_S = 632, 3632


def steady(mmhg: int) -> Any:
    return lambda index: mmhg * CODES_PER_MMHG


def changes(edges: list[tuple[int, int]], bit: int, from_us: int = 0, until_us: int = 1 << 60) -> list[int]:
    """When a pin went on, off, on and so on."""
    found = []
    was = 0
    for at_us, pins in edges:
        if pins & bit != was and from_us <= at_us < until_us:
            found.append(at_us)
        was = pins & bit
    return found


def burst(level: int, start_us: int) -> list[int]:
    """The edges of one burst's pulses."""
    found = [start_us]
    for ms in BURSTS[level][:-1]:
        found.append(found[-1] + 1000 * ms)
    return found


def sounding(fake: ModuleType, until_s: int, **bridges: Any) -> Any:
    board = fake.Board(bridges or {"calf_l": (steady(35),)})
    board.edges = []
    board.run(until_s * SECOND_US + 500_000)
    return board


def say(board: Any, command: int, *words: int) -> int:
    return int(board.app.tick.execute(9, command, *words, *[0] * (5 - len(words))))


def test_by_hand(fake: ModuleType) -> None:
    """Medium at second 632, in that very microsecond, for no step costs any here; 3 pulses, and again 8 s later."""
    board = sounding(fake, 647)
    start = MEDIUM_S * SECOND_US
    assert changes(board.edges, SOUND) == burst(MEDIUM, start) + burst(MEDIUM, start + 8 * SECOND_US)
    assert changes(board.edges, YELLOW) == [start + n * SECOND_US for n in range(16)]
    assert changes(board.edges, RED) == []


def test_a_higher_level_begins_its_own_pattern_at_once(fake: ModuleType) -> None:
    """Over three wraps of the ticks: an hour after the first alarm, and the edges are where the tables have them."""
    board = sounding(fake, HIGH_S + 20)
    start = HIGH_S * SECOND_US
    assert changes(board.edges, SOUND, start) == [
        *burst(HIGH, start), *burst(HIGH, start + 8 * SECOND_US), *burst(HIGH, start + 16 * SECOND_US),
    ]  # fmt: skip
    assert changes(board.edges, RED, start)[:5] == [start + n * 250_000 for n in range(5)]
    # Of the 375 medium bursts the last but one begins 8 s before, and this one's first pulses are the high alarm's.
    before = changes(board.edges, SOUND, MEDIUM_S * SECOND_US, start)
    assert before == [edge for n in range(375) for edge in burst(MEDIUM, (MEDIUM_S + 8 * n) * SECOND_US)]


def test_a_step_for_each_change_of_a_pin_and_no_other(fake: ModuleType) -> None:
    board = fake.Board({"calf_l": (steady(35),)})
    board.edges = []
    calls: list[int] = []
    alarm = board.app.annunciator._alarm
    board.app.annunciator._alarm = lambda pins: (calls.append(board.us), alarm(pins))
    board.run(3700 * SECOND_US)
    # Without an alarm it looks every 268 s.
    assert [us for us in calls if us < MEDIUM_S * SECOND_US] == [0, 1 << 28, 2 << 28]
    changed = [us for us, _ in board.edges]
    assert [us for us in calls if us >= MEDIUM_S * SECOND_US] == changed


def test_a_pause_of_the_sound_leaves_the_light_and_ends_with_a_whole_burst(fake: ModuleType) -> None:
    board = sounding(fake, 640)
    annunciator = board.app.annunciator
    assert say(board, lines.PAUSE, PAUSE_S) == lines.OK
    left = []
    for second in range(641, 765):
        board.run(second * SECOND_US + 1)
        left.append(annunciator.remaining_s)
    assert left == [*range(120, 0, -1), 0, 0, 0, 0]
    assert changes(board.edges, SOUND, 641 * SECOND_US + 1) == burst(MEDIUM, 761 * SECOND_US)
    assert changes(board.edges, YELLOW, 641 * SECOND_US)[:120] == [second * SECOND_US for second in range(641, 761)]


def test_a_pause_cuts_a_burst_short(fake: ModuleType) -> None:
    """Two seconds into a burst its sixth pulse, 150 ms long, has sounded for 100 ms."""
    board = sounding(fake, HIGH_S + 1)
    say(board, lines.PAUSE, 60)
    board.run((HIGH_S + 69) * SECOND_US)
    cut, back = (HIGH_S + 2) * SECOND_US, (HIGH_S + 62) * SECOND_US
    whole = burst(HIGH, HIGH_S * SECOND_US)
    assert whole[10] < cut < whole[11]
    assert changes(board.edges, SOUND, HIGH_S * SECOND_US, back) == [*whole[:11], cut]
    assert changes(board.edges, SOUND, back) == burst(HIGH, back)


def test_a_higher_alarm_ends_the_pause(fake: ModuleType) -> None:
    board = sounding(fake, HIGH_S - 12)
    say(board, lines.PAUSE, PAUSE_S)
    board.run(HIGH_S * SECOND_US + 5)
    assert board.app.annunciator.remaining_s == 0
    board.run((HIGH_S + 4) * SECOND_US)
    paused = (HIGH_S - 11) * SECOND_US
    assert changes(board.edges, SOUND, paused + 1) == burst(HIGH, HIGH_S * SECOND_US)


def test_another_alarm_as_high_does_not(fake: ModuleType) -> None:
    """The right calf follows by 100 s: its alarm of the same priority comes in the pause."""
    later = (lambda index: (35 if index > 400 else 10) * CODES_PER_MMHG,)
    board = sounding(fake, 680, calf_l=(steady(35),), calf_r=later)
    say(board, lines.PAUSE, PAUSE_S)
    board.run(800 * SECOND_US)
    assert [board.app.tick.judge.alarms.priority(channel, PRESSURE_HIGH) for channel in (0, 1)] == [MEDIUM, MEDIUM]
    assert changes(board.edges, SOUND, 682 * SECOND_US) == []
    board.run(804 * SECOND_US)
    assert changes(board.edges, SOUND, 682 * SECOND_US) == burst(MEDIUM, 801 * SECOND_US)


def test_a_pause_begun_with_nothing_but_acknowledged_alarms_does_not_begin(fake: ModuleType) -> None:
    board = sounding(fake, 640)
    assert say(board, lines.ACKNOWLEDGE, 255, 255) == lines.OK
    board.run(641_500_000)
    assert board.edges[-1][1] == 0
    assert say(board, lines.PAUSE, PAUSE_S) == lines.REFUSED
    assert board.app.tick.refusal == "nothing sounds"
    # To end what is not there is no mistake.
    assert say(board, lines.PAUSE, 0) == lines.OK


@pytest.mark.parametrize("seconds", [-1, PAUSE_S + 1, 2**31 - 1])
def test_a_pause_beyond_two_minutes_is_refused(fake: ModuleType, seconds: int) -> None:
    board = sounding(fake, 640)
    assert say(board, lines.PAUSE, seconds) == lines.REFUSED
    assert board.app.tick.refusal == f"seconds = {seconds} is not within 0 to 120"


def test_a_pause_is_ended_and_begun_anew(fake: ModuleType) -> None:
    board = sounding(fake, 640)
    say(board, lines.PAUSE, PAUSE_S)
    board.run(650_500_000)
    say(board, lines.PAUSE, 30)
    board.run(651_500_000)
    assert board.app.annunciator.remaining_s == 30
    say(board, lines.PAUSE, 0)
    board.run(655 * SECOND_US)
    assert changes(board.edges, SOUND, 642 * SECOND_US) == burst(MEDIUM, 652 * SECOND_US)


def hear(board: Any, live: Live, seen: int) -> int:
    """Feed a host what was logged from number `seen` on, and commit it; the number that comes next."""
    for record in board.logged():
        header, body, tail = unpack(record)
        if header["seq"] >= seen:
            live.feed(header, body, tail)
            seen = header["seq"] + 1
    board.app.log.commit(board.boot, seen - 1)
    return seen


def test_a_new_alarm_as_high_as_one_that_was_acknowledged_meanwhile_ends_it(fake: ModuleType) -> None:
    """The right calf follows by 100 s, when the left one's alarm is acknowledged: it sounds; a host counts along."""
    later = (lambda index: (35 if index > 400 else 10) * CODES_PER_MMHG,)
    board = fake.Board({"calf_l": (steady(35),), "calf_r": later})
    board.edges = []
    live = Live("", False, 1, "")
    seen = 0
    left = []
    for second in range(1, 760):
        board.run(second * SECOND_US + 1)
        seen = hear(board, live, seen)
        left.append(board.app.annunciator.remaining_s)
        assert live.state()["paused_s"] == left[-1], second
        if second == 640:
            assert say(board, lines.PAUSE, PAUSE_S) == lines.OK
        elif second == 650:
            assert say(board, lines.ACKNOWLEDGE, 0, 255) == lines.OK
    raised = next(second for second, pins in board.edges if second > 660 * SECOND_US and pins & SOUND) // SECOND_US
    assert 730 <= raised <= 735
    # Nobody ended it before.
    assert left[640 : raised - 1] == list(range(120, 120 - raised + 641, -1))
    assert left[raised - 1] == 0


def test_a_host_counts_as_the_board_does(fake: ModuleType) -> None:
    """From the log alone: what is left of two pauses, one of which a high alarm ends, at each second."""
    board = fake.Board({"calf_l": (steady(35),)})
    live = Live("", False, 1, "")
    seen = 0
    for second in range(1, HIGH_S + 5):
        board.run(second * SECOND_US + 1)
        seen = hear(board, live, seen)
        assert live.state()["paused_s"] == board.app.annunciator.remaining_s, second
        if second in (640, HIGH_S - 20):
            assert say(board, lines.PAUSE, 100) == lines.OK
    texts = [note["text"] for note in live.state()["events"]]
    assert texts.count("sound paused for 100 s") == 2


class Alone:
    """An annunciator without a board, its pins and when it has to step next."""

    def __init__(self, now: int = 0) -> None:
        self.now = now
        self.pins = -1
        self.annunciator = Annunciator(self.take, self.wake, now)
        self.due = 0

    def take(self, pins: int) -> None:
        self.pins = pins

    def wake(self, job: Annunciator, now: int, behind: int) -> None:
        assert (job, now, behind) == (self.annunciator, self.now, 1)
        self.due = 0

    def step(self) -> int:
        self.due = self.annunciator.step(self.now)
        return self.due


def test_what_it_never_falls_below_is_shown_from_the_first_step_on() -> None:
    alone = Alone()
    alone.annunciator.level = alone.annunciator.least = HIGH
    assert (alone.step(), alone.pins) == (150_000, SOUND | RED)
    alone.annunciator.tick(LOW, alone.now)
    assert alone.annunciator.level == HIGH


@pytest.mark.parametrize(("level", "left"), [(MEDIUM, 10), (HIGH, 0)])
def test_a_level_that_falls_ends_no_pause_but_one_above_it_does(level: int, left: int) -> None:
    alone = Alone()
    for shown in (HIGH, HIGH):
        alone.annunciator.tick(shown, alone.now)
    alone.annunciator.pause(12)
    for shown in (HIGH, MEDIUM, level):
        alone.annunciator.tick(shown, alone.now)
    assert alone.annunciator.remaining_s == left


def test_a_late_step_is_made_up_for() -> None:
    """61 ms late, from a tick before the wrap to one behind it: the next edge is where it would have been."""
    start = TICKS_MASK - 100_000
    alone = Alone(start)
    alone.annunciator.tick(MEDIUM, start)
    assert alone.step() == 200_000
    alone.now = (start + 261_000) & TICKS_MASK
    assert (alone.step(), alone.pins) == (139_000, YELLOW)


@pytest.mark.parametrize("level", [LOW, MEDIUM, HIGH])
def test_days_do_not_move_it(level: int) -> None:
    """Each edge of two days is a whole number of the table's periods behind the first."""
    alone = Alone(TICKS_MASK - 7)
    alone.annunciator.tick(level, alone.now)
    alone.annunciator.pause(0)
    us = 0
    period_us = 1000 * sum(BURSTS[level])
    starts = 0
    was = 0
    while us < 2000 * SECOND_US:
        alone.now = (TICKS_MASK - 7 + us) & TICKS_MASK
        wait = alone.step()
        assert 0 < wait <= 40 * SECOND_US
        if us % period_us == 0:
            starts += 1
            assert alone.pins & SOUND
        was |= alone.pins
        us += wait
    assert starts == 2000 * SECOND_US // period_us
    assert was in (SOUND | YELLOW, SOUND | RED)
