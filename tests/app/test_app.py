"""A whole board on fake drivers, from 5 s before the wrap of its ticks: readings, commands, alarms."""

import re

import pytest
from cobs import cobs

from turgor.app.config import ADS1220, MAX30009, NAU7802, Config, pressure_channel
from turgor.app.setup import Setup
from turgor.core.channels import channel_id
from turgor.core.filter_words import E_HIGH, GAIN_SHIFT, MEDIAN, OFFSET, RELEASE, Z
from turgor.core.impedance import STATE_WORDS
from turgor.core.rules import (
    BASELINE_UNKNOWN,
    DBP_STALE,
    DEFAULT_LIMITS,
    DP_LOW,
    ESCALATED,
    FLUID_GAIN,
    HIGH,
    LOW,
    MEDIUM,
    PRESSURE_HIGH,
    RAISED,
    STEP_ARTEFACT,
)
from turgor.core.ticks import TICKS_MASK, ticks_diff
from turgor.link import lines
from turgor.link.records import MEDIAN_VALID, NO_AGE, NO_DBP, VALID, unpack, unpack_readings

CALF_L = channel_id("calf_l")
SECOND_US = 1_000_000
# What a calibration begins with, beside the number of a pressure channel; of calf_z.
BRIDGE = NAU7802 << 8
SWEEPS = channel_id("calf_z") + (MAX30009 << 8)


def steady(mmhg):
    return lambda index: mmhg * 8000


def of_kind(records, kind):
    """(header, body, tail) of the records of a kind."""
    return [found for found in map(unpack, records) if found[0]["kind"] == kind]


def logged(board, kind):
    return of_kind(board.logged(), kind)


def events(records):
    """(second, channel, rule, state, priority) of each event."""
    return [
        (header["t_s"], header["channel"], body["rule"], body["state"], body["priority"])
        for header, body, _ in of_kind(records, "event")
    ]


def test_by_hand(fake):
    """20 mmHg at 4 samples/s: the 9th sample settles it: readings are valid from second 3, medians from second 32."""
    board = fake.Board({"calf_l": (steady(20),)})
    board.run(40 * SECOND_US)
    ticks = logged(board, "readings")
    assert [header["t_s"] for header, _, _ in ticks] == list(range(1, 41))
    readings = [unpack_readings(tail)[0] for _, _, tail in ticks]
    assert [r["last_index"] for r in readings] == [4 * s for s in range(1, 41)]
    assert {r["value_milli"] for r in readings} == {20000}
    assert [bool(r["flags"] & VALID) for r in readings] == [False] * 2 + [True] * 38
    assert [bool(r["flags"] & MEDIAN_VALID) for r in readings] == [False] * 31 + [True] * 9
    assert readings[31]["median_milli"] == 20000


def test_begins_with_who_it_is_its_channels_and_its_limits(fake):
    board = fake.Board({"calf_r": (steady(20),), "calf_l": (steady(20),)}, {"calf_z": lambda n: 1000})
    kinds = [unpack(record)[0]["kind"] for record in board.logged()]
    assert kinds[:4] == ["boot", "pressure_channel", "pressure_channel", "impedance_channel"]
    assert kinds[4:] == [*len(DEFAULT_LIMITS) * ["limit"], *3 * ["rule_state"]]
    (_, boot, identity), *channels = [unpack(record) for record in board.logged()][:4]
    assert boot == {
        "wire_version": 2,
        "reset_cause": 1,
        "channels": 3,
        "reserved": 0,
        "board_id": 0x0123456789ABCDEF,
    }
    assert identity == board.identity
    assert [(header["channel"], tail) for header, _, tail in channels] == [
        (0, b"calf_l"),
        (1, b"calf_r"),
        (4, b"calf_z"),
    ]
    assert channels[0][1]["rate_millihz"] == 4000
    assert channels[0][1]["threshold_milli_mmhg"] == 30000
    limits = [tuple(body.values()) for _, body, _ in logged(board, "limit")]
    assert limits == list(board.config.limits)


def test_tells_its_impedance_correction_word_by_word(fake):
    board = fake.Board({}, {"calf_z": lambda n: 1000})
    for i in range(STATE_WORDS):
        board.config.channels[0].words[i] = i
    setup = Setup(board, board.config, board.app.log, board.app.time)
    while setup.pending:
        setup.log_next()
    _, body, name = logged(board, "impedance_channel")[-1]
    assert name == b"calf_z"
    assert list(body.values())[4:] == list(board.config.channels[0].words)
    assert [body[key] for key in ("i_re_0", "offset_q_0", "q_im_1", "offset_i_2", "shift")] == [0, 5, 9, 16, 18]


@pytest.mark.parametrize("wraps", [0, 1, 3])
def test_readings_come_once_a_second_over_the_wraps(fake, wraps):
    """Slow enough to pass several wraps of 1074 s."""
    board = fake.Board({"calf_l": (steady(20),)}, period_us=2 * SECOND_US)
    end_s = 12 + wraps * 1074
    found = of_kind(board.drained(end_s * SECOND_US), "readings")
    assert [header["t_s"] for header, _, _ in found] == list(range(1, end_s + 1))
    assert (board.app.time.s, board.app.time.us) == (end_s, 0)


def test_poll_does_nothing_before_it_is_due_and_says_when_it_is(fake):
    board = fake.Board({"calf_l": (steady(20),)})
    app = board.app
    board.run(SECOND_US // 2)
    due = app.poll(board.ticks())
    before = app.log.next_seq, app.time.us, [job.due for job in app.jobs]
    for early in (1, 1000, ticks_diff(due, board.ticks())):
        assert app.poll((due - early) & TICKS_MASK) == due
    assert (app.log.next_seq, app.time.us, [job.due for job in app.jobs]) == before
    app.poll(due)
    assert [job.due for job in app.jobs] != before[2]


def test_of_what_is_due_together_that_goes_first_which_has_the_least_time(fake):
    """All are, after a stall: each conversion ends soon, and what else waits can wait."""
    bridges = {name: (steady(20),) for name in ("calf_l", "calf_r", "art")}
    board = fake.Board(bridges, {"calf_z": lambda n: 9}, periods_us={"art": 100000})
    app = board.app
    ran = []

    def told(job):
        step = job.step

        def noted(now):
            ran.append(job)
            return step(now)

        job.step = noted

    for job in app.jobs:
        told(job)
    for stall_us in range(2 * SECOND_US, 4 * SECOND_US, 333333):
        board.run(stall_us)
        board.us += 300000
        due = [job for job in app.jobs if ticks_diff(job.due, board.ticks()) <= 0]
        ran.clear()
        while ticks_diff(app.poll(board.ticks()), board.ticks()) <= 0:
            pass
        calf_l, calf_r, _, art = app.jobs[:4]
        assert ran[0] is art
        first = [job for job in dict.fromkeys(ran) if job in due]
        assert first[:3] in ([art, calf_l, calf_r], [art, calf_r, calf_l])
        assert len(due) > 3


def test_jobs_stay_in_the_order_in_which_they_are_due(fake):
    board = fake.Board({name: (steady(20),) for name in ("calf_l", "calf_r", "forearm_l")}, {"calf_z": lambda n: 9})
    while board.us < 8 * SECOND_US:
        wait = ticks_diff(board.app.poll(board.ticks()), board.ticks())
        dues = [ticks_diff(job.due, board.ticks()) for job in map(board.app.jobs.__getitem__, board.app.order[:-1])]
        assert dues == sorted(dues)
        board.us += max(0, wait)


def test_a_stall_is_made_up_for_second_by_second(fake):
    """The loop stands still for 5.3 s across the wrap: five readings follow at once, each of its own second."""
    board = fake.Board({"calf_l": (steady(20),)})
    board.run(3_500_000)
    board.us += 5_300_000
    board.run(12 * SECOND_US)
    assert [header["t_s"] for header, _, _ in logged(board, "readings")] == list(range(1, 13))


def test_an_alarm_is_raised_at_its_second_with_no_host(fake):
    """35 mmHg: the first median is at second 32; `pressure_high` is medium 10 min later, high after an hour."""
    board = fake.Board({"calf_l": (steady(35),)})
    board.run(3700 * SECOND_US)
    assert board.alarms == [(632 * SECOND_US, MEDIUM), (3632 * SECOND_US, HIGH)]
    assert not board.app.wire.greeted
    assert board.serial.written == 0


def test_a_spike_raises_nothing(fake):
    board = fake.Board({"calf_l": (lambda index: 8_000_000 if index % 40 == 0 else 160_000,)})
    records = board.drained(800 * SECOND_US)
    assert len(of_kind(records, "readings")) == 800
    assert board.alarms == []
    assert events(records) == []


def typed(board, id, command, *words):
    """A command from the host, and the app's time to take it; returns the statuses of its answers."""
    before = len(board.serial.outbox)
    board.say(lines.command_line(id, command, *words))
    board.run(board.us + 100_000)
    return len(board.serial.outbox) - before


def frames(data):
    """The records in the bytes of a wire."""
    return [cobs.decode(frame)[:-4] for frame in data.split(b"\0") if frame]


def commands(board):
    return [(header["t_s"], *list(body.values())[:3], body["a"]) for header, body, _ in logged(board, "command")]


def test_a_typed_dbp_acts_from_the_next_tick_on(fake):
    """An ICP of 20 and a DBP of 40 typed at 99.5 s: dP 20 from second 100 on, `dp_low` at second 1000; the DBP is older
    than 15 min at 1001."""
    board = fake.Board({"calf_l": (steady(20),)})
    board.run(99 * SECOND_US + 500_000)
    typed(board, 5, lines.DBP, 40000)
    board.run(110 * SECOND_US)
    assert commands(board) == [(99, 5, lines.DBP, lines.OK, 40000)]
    dbps = [(h["t_s"], b["dbp_milli_mmhg"], b["dbp_age_s"]) for h, b, _ in logged(board, "readings") if h["t_s"] > 97]
    assert dbps[:5] == [(98, NO_DBP, NO_AGE), (99, NO_DBP, NO_AGE), (100, 40000, 0), (101, 40000, 1), (102, 40000, 2)]
    assert events(board.drained(1010 * SECOND_US)) == [
        (1000, CALF_L, DP_LOW, RAISED, MEDIUM),
        (1001, 255, DBP_STALE, RAISED, LOW),
    ]
    assert board.alarms == [(1000 * SECOND_US, MEDIUM)]


def test_a_fresh_good_dp_softens_the_alarm(fake):
    board = fake.Board({"calf_l": (steady(35),)})
    board.run(60 * SECOND_US + 1)
    typed(board, 5, lines.DBP, 80000)
    board.run(640 * SECOND_US)
    assert board.alarms == [(632 * SECOND_US, LOW)]


def test_a_command_is_executed_once_though_it_comes_twice(fake):
    board = fake.Board({"calf_l": (steady(20),)})
    board.run(10_500_000)
    for id, dbp in ((5, 60000), (5, 60000), (6, 61000), (6, 61000)):
        assert typed(board, id, lines.DBP, dbp) > 0
    assert [row[1:] for row in commands(board)] == [(5, lines.DBP, lines.OK, 60000), (6, lines.DBP, lines.OK, 61000)]


@pytest.mark.parametrize(
    ("command", "words", "refusal"),
    [
        (lines.DBP, (10000,), ""),
        (lines.DBP, (200000,), ""),
        (lines.DBP, (9999,), "dbp_milli_mmhg = 9999 is not within 10000 to 200000"),
        (lines.DBP, (200001,), "dbp_milli_mmhg = 200001"),
        (lines.DBP, (-(2**31),), "dbp_milli_mmhg"),
        (lines.DBP, (2**31 - 1,), "dbp_milli_mmhg"),
        (lines.ACKNOWLEDGE, (255, 255), "no such alarm stands"),
        (lines.CALIBRATE, (BRIDGE, 2097152, -8192, 0, 1), ""),
        (lines.CALIBRATE, (BRIDGE, -2097152, 8191, 32767, 13), ""),
        (lines.CALIBRATE, (BRIDGE, 2097153, 4096, 0, 5), "offset_code = 2097153 is not within -2097152 to 2097152"),
        (lines.CALIBRATE, (BRIDGE, -2097153, 4096, 0, 5), "offset_code"),
        (lines.CALIBRATE, (BRIDGE, 0, 8192, 0, 5), "gain_high"),
        (lines.CALIBRATE, (BRIDGE, 0, -8193, 0, 5), "gain_high"),
        (lines.CALIBRATE, (BRIDGE, 0, 4096, -1, 5), "gain_low"),
        (lines.CALIBRATE, (BRIDGE, 0, 4096, 32768, 5), "gain_low"),
        (lines.CALIBRATE, (BRIDGE, 0, 4096, 0, 0), "gain_shift"),
        (lines.CALIBRATE, (BRIDGE, 0, 4096, 0, 14), "gain_shift"),
        (lines.CALIBRATE, (BRIDGE + 1, 0, 4096, 0, 5), "channel 1 has nothing to calibrate here"),
        (lines.CALIBRATE, (BRIDGE + 255, 0, 4096, 0, 5), "channel 255"),
        (lines.CALIBRATE, (-1, 0, 4096, 0, 5), "channel 255"),
        (lines.CALIBRATE, (0, 0, 4096, 0, 5), "driver = 0 is not within 1 to 1"),
        (lines.CALIBRATE, ((ADS1220 << 8), 0, 4096, 0, 5), "driver = 9 is not within 1 to 1"),
        (lines.CALIBRATE, (BRIDGE + 4, 0, 4096, 0, 5), "driver = 1 is not within 2 to 2"),
        (lines.CALIBRATE, (BRIDGE + (4 << 16), 0, 4096, 0, 5), "at = 4 does not go on from the command before"),
        (lines.CALIBRATE, (BRIDGE - (4 << 16), 0, 4096, 0, 5), "at = -4 does not go on"),
        (lines.CALIBRATE, (SWEEPS, 1 << 29, 0, 0, 0), "i_re_0 = 536870912 is not within -268435456 to 268435456"),
        (99, (), "no command has the number 99"),
    ],
)
def test_what_a_board_cannot_run_is_refused_by_its_field_and_the_old_is_kept(fake, command, words, refusal):
    board = fake.Board({"calf_l": (steady(20),)}, {"calf_z": lambda n: 1000})
    board.run(10_500_000)
    before = list(board.config.channels[0].words[OFFSET : GAIN_SHIFT + 1])
    assert typed(board, 5, command, *words) > 0
    header, body, text = [unpack(record) for record in frames(board.serial.outbox)][-1]
    assert (header["kind"], body["id"], body["status"]) == ("answer", 5, 1 if refusal else 0)
    assert refusal in text.decode()
    assert bool(text) == bool(refusal)
    board.run(12 * SECOND_US)
    assert len(commands(board)) == (not refusal)
    assert (list(board.config.channels[0].words[OFFSET : GAIN_SHIFT + 1]) != before) == (
        not refusal and command == lines.CALIBRATE
    )


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        (MEDIAN, 4, "calf_l: median = 4 is not 1, 3 or 5"),
        (MEDIAN, 7, "calf_l: median = 7 is not within 1 to 5"),
        (E_HIGH, 1 << 16, "calf_l: e_1 = "),
        (Z, 17, "calf_l: z_1 = 17 is not within 0 to 16"),
        (RELEASE, (30001) + (1 << 29), "calf_l: release_milli_mmhg = 30001 is above the threshold"),
    ],
)
def test_a_configuration_that_cannot_run_is_none(field, value, said):
    channel = pressure_channel("calf_l", 0, 0)
    channel.words[field] = value
    with pytest.raises(ValueError, match=re.escape(said)):
        Config([channel])


def test_a_calibration_acts_between_two_readings(fake):
    """Twice the gain, from the samples after the next tick on."""
    board = fake.Board({"calf_l": (steady(20),)})
    board.run(10_500_000)
    typed(board, 5, lines.CALIBRATE, CALF_L + BRIDGE, 0, 4096, 0, 4)
    board.run(13 * SECOND_US)
    values = [unpack_readings(tail)[0]["value_milli"] for _, _, tail in logged(board, "readings")]
    assert values[9:] == [20000, 20000, 40000, 40000]


def impedance_parts(words):
    padded = (*words, 0)
    return [(SWEEPS + (at << 16), *padded[at : at + 4]) for at in range(0, 20, 4)]


TWICE = 3 * (1 << 28, 0, 0, 1 << 28, 0, 0) + (3,)


def test_an_impedance_is_calibrated_in_five_parts_as_a_whole(fake):
    """Sweeps read 8 ohm, and 16 ohm with twice the gain: from the tick after the last part on, never half."""
    board = fake.Board({"calf_l": (steady(20),)}, {"calf_z": lambda n: 1000})
    board.run(10_500_000)
    before = list(board.config.channels[1].words)
    for number, part in enumerate(impedance_parts(TWICE)):
        # Four of them at once, the last a second later.
        if number == 4:
            board.run(12_500_000)
            assert list(board.config.channels[1].words) == before
        typed(board, 20 + number, lines.CALIBRATE, *part)
    board.run(20 * SECOND_US)
    assert tuple(board.config.channels[1].words) == TWICE
    values = [unpack_readings(tail)[1]["value_milli"] for _, _, tail in logged(board, "readings")]
    assert values[9:13] == [8000] * 4
    assert values[16:] == [16000] * 4
    assert len(commands(board)) == 5
    (states,) = {header["t_s"] for header, _, _ in logged(board, "filter_state")}
    assert states == 13


def test_parts_out_of_turn_change_nothing(fake):
    """A part that was lost, another calibration in between: only what is whole and in order acts."""
    board = fake.Board({"calf_l": (steady(20),)}, {"calf_z": lambda n: 1000})
    board.run(10_500_000)
    before = list(board.config.channels[1].words)
    execute = board.app.tick.execute
    parts = impedance_parts(TWICE)
    taken = (*parts[:2], (BRIDGE, 100, 4096, 0, 5), parts[2], *parts[:2], parts[3], parts[2], parts[3])
    statuses = [execute(id, lines.CALIBRATE, *part) for id, part in enumerate(taken)]
    assert statuses == [0, 0, 0, 1, 0, 0, 1, 0, 0]
    board.run(12 * SECOND_US)
    assert list(board.config.channels[1].words) == before
    assert execute(20, lines.CALIBRATE, *parts[4]) == lines.OK
    # The last one of a channel in one second is what acts.
    for number, word in enumerate((200, 300)):
        assert execute(30 + number, lines.CALIBRATE, BRIDGE, word, 4096, 0, 5) == lines.OK
    board.run(14 * SECOND_US)
    assert tuple(board.config.channels[1].words) == TWICE
    assert board.config.channels[0].words[OFFSET] - (1 << 29) == 300 << 5


def test_more_commands_than_a_second_holds_are_refused(fake):
    board = fake.Board({"calf_l": (steady(20),)})
    board.run(10_010_000)
    tick = board.app.tick
    statuses = [tick.execute(id, lines.DBP, 60000 + id, 0, 0, 0, 0) for id in range(10)]
    assert statuses == [lines.OK] * 8 + [lines.REFUSED] * 2
    board.run(11_010_000)
    assert tick.judge.dbp_milli_mmhg == 60007
    assert tick.execute(20, lines.DBP, 70000, 0, 0, 0, 0) == lines.OK


def test_an_acknowledgement_silences_until_something_worse_comes(fake):
    """Of a lower priority, though it is new: that the DBP is missing, low after 15 min and medium after 30."""
    board = fake.Board({"calf_l": (steady(35),)})
    board.run(640 * SECOND_US + 500_000)
    typed(board, 5, lines.ACKNOWLEDGE, CALF_L, DP_LOW)
    assert commands(board) == []
    typed(board, 6, lines.ACKNOWLEDGE, CALF_L, PRESSURE_HIGH)
    board.run(3640 * SECOND_US)
    assert board.alarms == [
        (632 * SECOND_US, MEDIUM),
        (641 * SECOND_US, 0),
        (901 * SECOND_US, LOW),
        (1801 * SECOND_US, MEDIUM),
        (3632 * SECOND_US, HIGH),
    ]


def test_fluid_gain_from_a_baseline_of_its_own(fake):
    """A sweep every 2 s keeps every second valid; the resistance falls by 12 % in 2 min from the 51st sweep on."""
    board = fake.Board({"calf_l": (steady(10),)}, {"calf_z": lambda sweep: 5000 - min(max(0, sweep - 50) * 10, 600)})
    records = board.drained(900 * SECOND_US)
    ((header, baseline, _),) = of_kind(records, "baseline")
    assert (header["channel"], baseline["value_milliohm"]) == (4, 40000)
    # The first sweep is in second 1, as the chip's turn is the odd ones: readings from second 2, 60 of them by 61.
    assert header["t_s"] == 61
    found = events(records)
    # 5 % are there after 150 s, 10 % after 200, the median half a minute later, and then it takes 10 min.
    assert [row[1:] for row in found] == [(4, FLUID_GAIN, RAISED, LOW), (4, FLUID_GAIN, ESCALATED, MEDIUM)]
    assert 770 < found[0][0] < 790
    assert 820 < found[1][0] < 840


def test_a_sudden_fall_is_an_electrodes(fake):
    """The same 12 % from one sweep to the next are marked, never counted as fluid; so large, the baseline is lost."""
    board = fake.Board({"calf_l": (steady(10),)}, {"calf_z": lambda sweep: 5000 if sweep <= 50 else 4400})
    found = events(board.drained(900 * SECOND_US))
    assert [row[1:] for row in found] == [(4, STEP_ARTEFACT, RAISED, LOW), (4, BASELINE_UNKNOWN, RAISED, LOW)]
    # The newest three readings, one in 2 s, hold still 4 s after the step.
    assert {row[0] for row in found} == {106}
