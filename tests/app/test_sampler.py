"""Samplers: blocks, missed conversions, faults and sweeps, and that the readings follow from what is logged."""

import pytest

from turgor.core.channel import HOLD_LIMIT, PressureChannel
from turgor.core.filter_words import restart
from turgor.link.blocks import MISSED_LIMIT, rice_unpack, unpack_missed
from turgor.link.records import RESTARTED, unpack, unpack_readings

PERIOD_US = 12500


def wave(index):
    """A code for every index, jagged enough that no two neighbours are equal."""
    return 160000 + index * 7919 % 4001 - (index % 3) * 1000


def samples(board, channel=0):
    """Every logged sample as (index, code, restarted before it, t_us of its block, missed before it)."""
    found = []
    for record in board.logged():
        header, body, tail = unpack(record)
        if header["kind"] != "samples" or header["channel"] != channel:
            continue
        missed = dict(unpack_missed(tail, body["missed_count"]))
        codes = rice_unpack(tail, 2 * body["missed_count"], body["first_code"], body["count"])
        index = body["first_index"] - 1
        for position, code in enumerate(codes):
            index += 1 + missed.get(position, 0)
            restarted = position == 0 and bool(body["flags"] & RESTARTED)
            found.append((index, code, restarted, header["t_s"] * 1000000 + header["t_us"], missed.get(position, 0)))
    return found


def readings(board, position=0):
    return [
        unpack_readings(tail)[position]
        for header, _, tail in map(unpack, board.logged())
        if header["kind"] == "readings"
    ]


def records(board, kind):
    return [(header, body) for header, body, _ in map(unpack, board.logged()) if header["kind"] == kind]


def test_by_hand(fake):
    """80 samples/s from 6.25 ms on: the first block holds conversions 1 to 40, spans 39 periods, and so on."""
    board = fake.Board({"calf_l": (wave,)}, period_us=PERIOD_US)
    board.run(1_600_000)
    blocks = records(board, "samples")
    assert [(body["first_index"], body["count"], body["span_us"], body["flags"]) for _, body in blocks] == [
        (1, 40, 39 * PERIOD_US, 0),
        (41, 40, 39 * PERIOD_US, 0),
        (81, 40, 39 * PERIOD_US, 0),
    ]
    assert [(header["t_s"], header["t_us"]) for header, _ in blocks] == [(0, 6250), (0, 506250), (1, 6250)]
    assert [(index, code) for index, code, *_ in samples(board)] == [(i, wave(i)) for i in range(1, 121)]


def test_blocks_keep_their_time_over_the_wrap(fake):
    board = fake.Board({"calf_l": (wave,), "calf_r": (wave,)}, period_us=PERIOD_US)
    board.run(12_000_000)
    for channel in (0, 1):
        found = samples(board, channel)
        assert [(index, code) for index, code, *_ in found] == [(i, wave(i)) for i in range(1, len(found) + 1)]
        starts = [found[i][3] for i in range(0, len(found), 40)]
        assert starts == [PERIOD_US // 2 + 1000 * channel + 500_000 * i for i in range(len(starts))]
        assert starts[-1] > 11_000_000


MISSED = {5: 1, 6: 2, 41: 3, 90: HOLD_LIMIT, 200: HOLD_LIMIT + 1, 300: 500, **dict.fromkeys(range(402, 438, 3), 1)}


def test_missed_conversions_keep_every_index_right(fake):
    """Missed within a block, between two, too many of them, and more often than a block has room for."""
    board = fake.Board({"calf_l": (wave, dict(MISSED))}, period_us=PERIOD_US)
    board.run(20_000_000)
    found = samples(board)
    wanted = []
    index = 0
    for number in range(1, len(found) + 1):
        index += 1 + MISSED.get(number, 0)
        wanted.append((index, wave(index), MISSED.get(number, 0) > HOLD_LIMIT))
    assert [row[:3] for row in found] == wanted
    for header, body in records(board, "samples"):
        assert body["missed_count"] <= MISSED_LIMIT
        start = 6250 + PERIOD_US * (body["first_index"] - 1)
        assert header["t_s"] * 1000000 + header["t_us"] == start
    # Between two blocks the index alone says what is missing.
    assert any(row[4] for row in found)
    assert [row[4] for row in found if row[0] == wanted[40][0]] == [0]


def recomputed(board, channel=0):
    """The readings of a channel from its logged samples alone."""
    words = board.config.channels[channel].words[:]
    restart(words)
    follower = PressureChannel(words)
    waiting = samples(board, channel)
    found = []
    for reading in readings(board, channel):
        while waiting and waiting[0][0] <= reading["last_index"]:
            index, code, restarted, *_ = waiting.pop(0)
            missed = index - follower.index - 1
            if restarted:
                follower.restart()
            if missed:
                follower.hold(missed)
            follower.sample(code)
            assert follower.index == index
        if follower.index != reading["last_index"]:
            break
        follower.capture()
        found.append((follower.index, follower.value, follower.flags))
    return found


@pytest.mark.parametrize("missed", [{}, MISSED])
@pytest.mark.parametrize("faults", [{}, {150: 1, 333: 3}])
def test_readings_follow_from_the_logged_samples(fake, missed, faults):
    board = fake.Board({"calf_l": (wave, dict(missed), dict(faults))}, period_us=PERIOD_US)
    board.run(20_000_000)
    got = recomputed(board)
    assert len(got) == 20
    # What a driver's restart clears shows at once, but is logged with the block after it: flags differ there.
    told = [(r["last_index"], r["value_milli"], r["flags"] & ~2) for r in readings(board)][: len(got)]
    differing = [i for i, (a, b) in enumerate(zip(got, told, strict=True)) if a != b]
    assert len(differing) <= len(faults)
    assert all(got[i][:2] == told[i][:2] for i in differing)
    if not faults:
        assert sum(row[2] & 1 for row in told) >= 10


@pytest.mark.parametrize("start_us", [0, 3700])
def test_the_codes_that_a_reading_used_stand_before_it(fake, start_us):
    board = fake.Board({"calf_l": (wave, dict(MISSED)), "calf_r": (wave,)}, period_us=PERIOD_US + start_us)
    board.run(15_000_000)
    newest = {0: 0, 1: 0}
    ticks = 0
    for header, body, tail in map(unpack, board.logged()):
        if header["kind"] == "samples":
            missed = sum(n for _, n in unpack_missed(tail, body["missed_count"]))
            newest[header["channel"]] = body["first_index"] + body["count"] - 1 + missed
        elif header["kind"] == "readings":
            ticks += 1
            assert [entry["last_index"] for entry in unpack_readings(tail)] == [newest[0], newest[1]]
    assert ticks == 15


def test_a_fault_is_logged_when_it_begins_and_when_it_ends(fake):
    board = fake.Board({"calf_l": (wave, {}, {100: 3})}, period_us=PERIOD_US)
    board.run(4_000_000)
    faults = records(board, "fault")
    assert [(body["fault"], body["state"], body["last_index"]) for _, body in faults] == [(3, 1, 99), (3, 0, 99)]
    begins, ends = (header["t_s"] * 1000000 + header["t_us"] for header, _ in faults)
    assert begins == 6250 + 99 * PERIOD_US
    assert ends == begins + 500_000
    # The codes gathered before it are not lost.
    assert [(row[0], row[1]) for row in samples(board)][:99] == [(i, wave(i)) for i in range(1, 100)]
    after = [row for row in samples(board) if row[2]]
    assert after[0][:2] == (100, wave(100))


def test_sweeps_of_two_chips_take_turns(fake):
    """The first chip drives in even seconds, the second in odd ones, over the wrap of the ticks too."""
    board = fake.Board({}, {"calf_z": lambda n: 1000 + n, "thorax_z": lambda n: 2000 + n})
    board.run(12_500_000)
    found = {4: [], 5: []}
    for header, body in records(board, "impedance"):
        found[header["channel"]].append((body["frequency"], header["t_s"], header["t_us"], body["index"]))
        assert body["span_us"] == 100_000
        assert body["sum_i"] == 16 * ((1000 if header["channel"] == 4 else 2000) + body["index"])
    for channel, first_s in ((4, 0), (5, 1)):
        seconds = range(first_s, 12 + 1 - first_s, 2)
        wanted = [(f, s, 100_000 * f, n) for n, s in enumerate(seconds, 1) for f in range(3)]
        assert found[channel][: len(wanted)] == wanted


def test_stop_switches_the_drive_off(fake):
    board = fake.Board({"calf_l": (wave,)}, {"calf_z": lambda n: 1000})
    board.run(1_000_000)
    assert not board.drivers["calf_z"].stopped
    board.app.stop()
    assert board.drivers["calf_z"].stopped
