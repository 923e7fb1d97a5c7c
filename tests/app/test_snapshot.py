"""Snapshots in the log: where they stand, what they say, what they cost."""

import pytest

from turgor.app.config import NAU7802, default_channels
from turgor.core.channel import PressureChannel
from turgor.core.channels import channel_id
from turgor.core.filter_words import filter_state
from turgor.core.judge import Judge
from turgor.core.packed import WORD_SIZE
from turgor.core.rules import DEFAULT_LIMITS, DP_LOW, MEDIUM, PRESSURE_HIGH, RULES
from turgor.link import lines
from turgor.link.records import RECORD_LIMIT, unpack

CALF_L, CALF_Z = channel_id("calf_l"), channel_id("calf_z")
SECOND_US = 1_000_000
STATES = ("rule_state", "filter_state")


def steady(mmhg):
    return lambda index: mmhg * 8000 + index % 7


@pytest.fixture
def board(fake):
    return fake.Board({"calf_l": (steady(20),), "calf_r": (steady(25),)}, {"calf_z": lambda n: 1000 + n % 3})


def said(records):
    """(second, kind, channel) of each snapshot's record."""
    found = [unpack(record)[0] for record in records]
    return [(header["t_s"], header["kind"], header["channel"]) for header in found if header["kind"] in STATES]


def each(second):
    return [(second, "rule_state", 255)] + [(second, "filter_state", channel) for channel in (0, 1, 4)]


def test_by_hand(board):
    """The rules at the start, behind the set-up; then all states once a minute, the rules first."""
    records = board.drained(130 * SECOND_US)
    assert said(records) == [(0, "rule_state", 255), *each(60), *each(120)]
    kinds = [unpack(record)[0]["kind"] for record in records[:18]]
    assert kinds[:18] == ["boot", *2 * ["pressure_channel"], "impedance_channel", *13 * ["limit"], "rule_state"]
    # No alarm, no DBP, no baseline: the sum of the limits, the layout and three parts.
    _, body, tail = unpack(records[17])
    assert (body, len(tail)) == ({"part": 0, "parts": 1}, 4 + 26)


def test_they_are_asked_for_and_come_at_the_end_of_the_next_tick(board):
    board.run(10 * SECOND_US + 300_000)
    board.app.tick.snapshots.request()
    board.run(15 * SECOND_US)
    board.say(lines.command_line(1, lines.CALIBRATE, CALF_L + (NAU7802 << 8), 100, 4096, 0, 5))
    board.run(20 * SECOND_US)
    assert said(board.logged()) == [(0, "rule_state", 255), *each(11), *each(16)]


def test_asked_for_in_their_midst_they_come_once_more(board):
    tick = board.app.tick
    board.run(10 * SECOND_US + 300_000)
    tick.snapshots.request()
    board.run(10 * SECOND_US + 999_999)
    while said(board.logged())[-1][0] != 11:
        board.us += board.us < 11 * SECOND_US
        board.app.poll(board.ticks())
    tick.snapshots.request()
    board.run(14 * SECOND_US)
    assert said(board.logged()) == [(0, "rule_state", 255), *each(11), *each(12)]


def test_one_record_a_step_and_no_command_in_between(board):
    """Each slice of the tick logs one state; from its first slice to its last the wire takes nothing."""
    tick, log = board.app.tick, board.app.log
    board.run(59 * SECOND_US + 999_000)
    board.say(lines.command_line(1, lines.DBP, 60000))
    seen = []
    step = tick.step

    def watched(now):
        before = log.next_seq
        wait = step(now)
        seen.append((log.next_seq - before, tick.busy))
        return wait

    tick.step = watched
    board.run(60 * SECOND_US + 500_000)
    # Begin, three medians of which one may set a baseline, the readings, three decisions on limbs and three on sensors,
    # the alarm, four states.
    assert len(seen) == 1 + 3 + 1 + 3 + 3 + 1 + 4
    assert [n for n, _ in seen[-4:]] == [1] * 4
    assert [busy for _, busy in seen] == [True] * 15 + [False]
    records = [unpack(record) for record in board.logged()]
    readings = next(i for i, (h, *_) in enumerate(records) if h["kind"] == "readings" and h["t_s"] == 60)
    last = max(i for i, (h, *_) in enumerate(records) if h["kind"] == "filter_state")
    assert {h["kind"] for h, *_ in records[readings + 1 : last]} <= {"samples", "impedance", "event", *STATES}


def test_the_filter_goes_on_from_its_snapshot(board):
    """A channel elsewhere, with the state of second 60 and the codes behind its index, comes to the same state."""
    records = [unpack(record) for record in board.drained(80 * SECOND_US)]
    _, body, tail = next(r for r in records if r[0]["kind"] == "filter_state" and r[0]["channel"] == CALF_L)
    copy = PressureChannel(filter_state(3, ((190446313, 213886529, 2, 3),), (0, 4096, 0, 5), 30000, 28000, 8), 4)
    assert copy.unpack_state(tail, 0, len(tail))
    assert copy.index == body["index"] == 240
    while copy.index < 4 * 80:
        copy.sample(board.code_of("calf_l")(copy.index + 1))
    states = []
    for channel in (copy, board.app.tick._samplers[0].channel):
        channel.capture()
        state = bytearray(200)
        states.append(state[: channel.pack_state(state, 0)])
    assert states[0] == states[1]


def test_the_rules_go_on_from_their_snapshot(fake):
    limits = ((DP_LOW, 0, MEDIUM, 45000, 10, 46000, 5, 0), (PRESSURE_HIGH, 0, MEDIUM, 15000, 40, 10000, 5, 40000))
    board = fake.Board({"calf_l": (steady(20),)}, {"calf_z": lambda n: 1000}, limits=limits)
    board.run(35 * SECOND_US + 300_000)
    board.say(lines.command_line(1, lines.DBP, 60000))
    board.run(60 * SECOND_US + 500_000)
    _, body, tail = unpack(next(r for r in reversed(board.logged()) if unpack(r)[0]["kind"] == "rule_state"))
    assert body == {"part": 0, "parts": 1}
    judge = Judge([CALF_L, CALF_Z], limits)
    assert judge.unpack_state(tail, WORD_SIZE, len(tail), 60)
    assert judge.rules.words == board.app.tick.judge.rules.words
    assert judge.rules.priority(CALF_L, DP_LOW) == MEDIUM
    assert (judge.dbp_milli_mmhg, judge.dbp_age_s) == (60000, 60 - 36)
    assert judge.rules.limits_sum == int.from_bytes(tail[:WORD_SIZE], "little")


def test_what_they_cost(fake):
    """The default channels, all alarms of limbs and their runs at their longest: under 16 bytes of log a second."""
    wave = (steady(20),)
    board = fake.Board(
        {name: wave for name in ("calf_l", "calf_r", "forearm_l", "forearm_r")},
        {name: lambda n: 1000 for name in ("calf_z", "thorax_z")},
    )
    names = [channel.name for channel in default_channels()]
    assert [channel.name for channel in board.config.channels] == names
    judge = board.app.tick.judge
    for channel in range(5):
        for rule in (2,) if channel == CALF_Z else (0, 1):
            for i, word in enumerate((70000, 70000, 70000, 70000, 3, 1)):
                judge.rules.words[(channel * len(RULES) + rule) * 6 + i] = word
    judge.baselines[4] = judge.baselines[5] = 25_000_000
    log = board.app.log
    before = log.used
    snapshots = board.app.tick.snapshots
    snapshots.begin(60)
    while snapshots.step():
        pass
    assert log.used - before == 950
    assert 950 / 60 < 16
    sizes = [len(record) for record in board.logged()[-7:]]
    assert sizes == [14 + 175, *4 * [18 + 109], *2 * [18 + 105]]
    assert max(sizes) <= RECORD_LIMIT
    assert len(DEFAULT_LIMITS) == 13


def test_a_large_state_goes_in_parts(fake):
    """An arterial line's: each part but the last fills its record, and all are of one moment."""
    board = fake.Board({"art": (steady(80),)}, period_us=10000)
    records = [unpack(record) for record in board.drained(61 * SECOND_US)]
    parts = [(h, b, tail) for h, b, tail in records if h["kind"] == "filter_state"]
    assert [b["part"] for _, b, _ in parts] == list(range(len(parts)))
    assert {b["parts"] for _, b, _ in parts} == {len(parts)}
    assert {b["index"] for _, b, _ in parts} == {parts[0][1]["index"]}
    assert [len(tail) for _, _, tail in parts[:-1]] == [RECORD_LIMIT - 18] * (len(parts) - 1)
    assert len(parts) >= 2
