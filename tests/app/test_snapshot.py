"""Snapshots in the log: where they stand, what they say, what they cost."""

from array import array

import pytest

from turgor.app.config import LOWPASS_20_HZ_AT_320, NAU7802, NOMINAL_PRESSURE, default_channels
from turgor.app.journal import PARTS
from turgor.app.keep import STATE_AT
from turgor.app.ring import CONTENT
from turgor.app.snapshot import BUFFER, Snapshots
from turgor.core.alarms import ALARM_WORDS
from turgor.core.arterial import ArterialChannel
from turgor.core.channel import PressureChannel
from turgor.core.channels import channel_id
from turgor.core.filter_words import filter_state
from turgor.core.judge import Judge
from turgor.core.judge_state import pack_judge, part_size, unpack_judge
from turgor.core.packed import WORD_SIZE
from turgor.core.rules import DEFAULT_LIMITS, DP_LOW, HIGH, HOW, MEDIUM, PRESSURE_HIGH, RULES, STAGES
from turgor.link import lines
from turgor.link.records import HEADER_SIZE, RECORD_LIMIT, unpack

CALF_L, CALF_Z = channel_id("calf_l"), channel_id("calf_z")
SECOND_US = 1_000_000
STATES = ("rule_state", "filter_state")
RULE_PARTS = 3
# Bytes of log for the default channels' states without any alarm, and with all of them.
QUIET, LOUD = 1977, 3387


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
    return RULE_PARTS * [(second, "rule_state", 255)] + [(second, "filter_state", channel) for channel in (0, 1, 4)]


def test_by_hand(board):
    """The rules at the start, behind the set-up; then all states once a minute, the rules first."""
    records = board.drained(130 * SECOND_US)
    assert said(records) == [*RULE_PARTS * [(0, "rule_state", 255)], *each(60), *each(120)]
    limits = len(DEFAULT_LIMITS)
    setup = [unpack(record)[0]["kind"] for record in records[: 4 + limits]]
    assert setup == ["boot", *2 * ["pressure_channel"], "impedance_channel", *limits * ["limit"]]
    # No alarm: the sum of the limits, the layout and nine words; of each channel ten bytes, and three for each word it
    # keeps; of none three.
    parts = [unpack(record) for record in records[4 + limits :][:RULE_PARTS]]
    assert [body for _, body, _ in parts] == [{"part": i, "parts": RULE_PARTS} for i in range(RULE_PARTS)]
    assert sum(len(tail) for *_, tail in parts) == 4 + 1 + 36 + 2 * (10 + 3 * (16 + 16 + 32)) + 10 + 3 * 45 + 3


def test_they_are_asked_for_and_come_at_the_end_of_the_next_tick(board):
    board.run(10 * SECOND_US + 300_000)
    board.app.tick.snapshots.request()
    board.run(15 * SECOND_US)
    board.say(lines.command_line(1, lines.CALIBRATE, CALF_L + (NAU7802 << 8), 100, 4096, 0, 5))
    board.run(20 * SECOND_US)
    assert said(board.logged()) == [*RULE_PARTS * [(0, "rule_state", 255)], *each(11), *each(16)]


def test_the_largest_states_have_room():
    """A line at 400 samples a second with both sections of a filter, and of the rules what one channel keeps, or all of
    its alarms, behind what no record has taken yet."""
    sections = LOWPASS_20_HZ_AT_320 * 2
    line = ArterialChannel(filter_state(5, sections, NOMINAL_PRESSURE, 30000, 28000, 160), 400)
    assert line.pack_state(bytearray(2000), 0) <= BUFFER
    judge = Judge(list(range(10)), DEFAULT_LIMITS)
    judge.alarms.words[:] = array("i", [1] * len(judge.alarms.words))
    alarms = [judge.alarms.packed_size(position) for position in range(11)]
    kept = [part_size(judge, position) - size for position, size in enumerate(alarms)]
    assert max(alarms) == 12 * 22
    most = max(*alarms, *kept)
    assert RECORD_LIMIT - HEADER_SIZE - 3 + most <= BUFFER


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
    assert said(board.logged()) == [*RULE_PARTS * [(0, "rule_state", 255)], *each(11), *each(12)]


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
    # Begin, take twice, hear, three medians of which one may set a baseline, the codes, the readings, inputs and
    # decisions of three channels and of none, the alarm, the rules' state measured and packed in parts, the states.
    packing, states = 4 + 1 + 2 * 4, RULE_PARTS + 3
    assert len(seen) == 4 + 3 + 2 + 2 * 4 + 1 + packing + states
    counts = [n for n, _ in seen[-packing - states :]]
    assert max(counts) == 1
    assert sum(counts) == states
    assert [busy for _, busy in seen] == [True] * (len(seen) - 1) + [False]
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
    found = [unpack(record) for record in board.logged()]
    tail = b"".join(tail for header, _, tail in found if header["kind"] == "rule_state" and header["t_s"] == 60)
    judge = Judge([CALF_L, CALF_Z], limits)
    assert unpack_judge(judge, tail, WORD_SIZE, len(tail))
    assert judge.alarms.words == board.app.tick.judge.alarms.words
    assert judge.alarms.priority(CALF_L, DP_LOW) == MEDIUM
    judge.choose()
    assert (judge.dbp_milli_mmhg, judge.dbp_age_s) == (60000, 60 - 36)
    assert judge.alarms.limits_sum == int.from_bytes(tail[:WORD_SIZE], "little")


def fill(judge, limits=DEFAULT_LIMITS):
    """All alarms stand, acknowledged, with every run that a stage's limits allow and one towards their end."""
    alarms = judge.alarms
    stages = {}
    for rule, stage, *_ in limits:
        stages.setdefault(rule, []).append(stage)
    for alarm in range(alarms.count):
        rule = alarms.ids[2 * alarm + 1]
        if rule not in stages:
            continue
        words = [0x7FFFFF if stage in stages[rule] else -1 for stage in range(STAGES)]
        for i, word in enumerate((*words, 0x7FFFFF, HIGH, 0x7FFFFF, 0x7FFFFF)):
            alarms.words[alarm * ALARM_WORDS + i] = word


def test_what_they_cost(fake):
    """The default channels, no alarm and all of them."""
    wave = (steady(20),)
    board = fake.Board(
        {name: wave for name in ("calf_l", "calf_r", "forearm_l", "forearm_r")},
        {name: lambda n: 1000 for name in ("calf_z", "thorax_z")},
    )
    names = [channel.name for channel in default_channels()]
    assert [channel.name for channel in board.config.channels] == names
    log = board.app.log
    snapshots = board.app.tick.snapshots

    def cost():
        before = log.used, log.next_seq
        snapshots.begin(60, None)
        while snapshots.step():
            pass
        sizes = [len(record) for record in board.logged()[before[1] - log.next_seq :]]
        assert max(sizes) <= RECORD_LIMIT
        # Each of the default channels' filters is one record.
        assert sizes[-6:] == [*4 * [18 + 109], *2 * [18 + 105]]
        return log.used - before[0]

    quiet = cost()
    fill(board.app.tick.judge)
    loud = cost()

    assert (quiet, loud) == (QUIET, LOUD)


class Pieces:
    """Takes what a log or a keep is given of the rules' state."""

    def __init__(self):
        self.record = bytearray(RECORD_LIMIT)
        self.pieces = []
        self.saved = 0

    def append(self, size, kind, channel, second):
        self.pieces.append(bytes(self.record[HEADER_SIZE + 2 : size]))

    def take_state(self, buffer, at, n):
        self.pieces.append(bytes(buffer[at : at + n]))

    def save_state(self):
        self.saved += 1


def test_the_largest_state_fits_wherever_it_goes():
    """Ten channels, each rule with all the stages it knows, every alarm with all that it may have: records of the log
    and a journal's entry hold them, piece by piece what the state is as a whole, and they come back as they were."""
    limits = [
        (rule, stage, HIGH, 0, 0, 0, 0, 0)
        for rule in range(len(RULES))
        for stage in range(STAGES)
        if HOW[(rule * STAGES + stage) * 4]
    ]
    judge = Judge(list(range(10)), limits)
    fill(judge, limits)
    buffer = bytearray(4000)
    size = pack_judge(judge, buffer, 0)
    assert STATE_AT + size <= PARTS * CONTENT
    logged, kept = Pieces(), Pieces()
    snapshots = Snapshots(judge, [], logged)
    snapshots.request()
    assert snapshots.begin(60, kept)
    while snapshots.step():
        assert snapshots._size <= len(snapshots._buffer)
    assert b"".join(logged.pieces)[WORD_SIZE:] == b"".join(kept.pieces) == buffer[:size]
    assert kept.saved == 1
    again = Judge(list(range(10)), limits)
    assert unpack_judge(again, buffer, 0, size)
    assert again.alarms.words == judge.alarms.words


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
