"""Samplers and blocks: every sample with its index, missed conversions, faults, sweeps; readings follow from them."""

from itertools import pairwise
from random import Random

import pytest

from turgor.core.channel import HOLD_LIMIT, PressureChannel
from turgor.core.channels import NO_CHANNEL
from turgor.core.filter_words import restart
from turgor.link.blocks import BEGINS, FULL_EVERY, INDEX_LOW, INDEX_LOW_BITS, REGULAR, RESTART, unpack_chunks
from turgor.link.records import unpack, unpack_readings

PERIOD_US = 12500
QUARTER_US = 250_000


def wave(index):
    """A code for every index, jagged enough that no two neighbours are equal."""
    return 160000 + index * 7919 % 4001 - (index % 3) * 1000


def chunks(board, channel=0):
    """Every logged chunk as (how, index, t_us, period, codes); of one that is not full, t_us and period are None."""
    found = []
    index = 0
    for header, _, tail in map(unpack, board.logged()):
        if header["kind"] != "samples":
            continue
        assert header["channel"] == NO_CHANNEL
        for number, how, low, rest, tick, period, codes in unpack_chunks(tail):
            if number != channel:
                continue
            if how >= 0:
                index = rest << INDEX_LOW_BITS | low
                found.append((how, index, header["t_s"] * 1_000_000 + tick, period, codes))
            else:
                assert low == index & INDEX_LOW
                found.append((how, index, None, None, codes))
            index += len(codes)
    return found


def samples(board, channel=0):
    """Every logged sample as (index, code, whether the filter was restarted before it)."""
    return [
        (index + i, code, how == RESTART and i == 0)
        for how, index, _, _, codes in chunks(board, channel)
        for i, code in enumerate(codes)
    ]


def readings(board, position=0):
    return [
        unpack_readings(tail)[position]
        for header, _, tail in map(unpack, board.logged())
        if header["kind"] == "readings"
    ]


def records(board, kind):
    return [(header, body) for header, body, _ in map(unpack, board.logged()) if header["kind"] == kind]


def test_by_hand(fake):
    """80 samples/s from 6.25 ms on: each quarter of a second is a chunk of 20, the first one says where it stands."""
    board = fake.Board({"calf_l": (wave,)}, period_us=PERIOD_US, noise=False)
    board.run(1_600_000)
    blocks = [(how, index, t_us, period, len(codes)) for how, index, t_us, period, codes in chunks(board)]
    assert blocks[0] == (BEGINS, 1, 6250, PERIOD_US, 20)
    assert blocks[1:] == [(-1, 1 + 20 * i, None, None, 20) for i in range(1, 6)]
    assert [header["t_s"] for header, _ in records(board, "samples")] == [0, 0, 0, 1, 1, 1]
    assert samples(board) == [(i, wave(i), False) for i in range(1, 121)]


def test_blocks_keep_their_time_over_the_wrap(fake):
    board = fake.Board({"calf_l": (wave,), "calf_r": (wave,)}, period_us=PERIOD_US, noise=False)
    board.run(12_000_000)
    for channel in (0, 1):
        assert samples(board, channel) == [(i, wave(i), False) for i in range(1, 961)]
        full = [(how, index, t_us, period) for how, index, t_us, period, _ in chunks(board, channel) if how >= 0]
        first_us = PERIOD_US // 2 + 1000 * channel
        assert full == [
            (REGULAR if index > 1 else BEGINS, index, first_us + (index - 1) * PERIOD_US, PERIOD_US)
            for index in range(1, 961, 180)
        ]


def test_no_more_than_a_quarter_of_a_second_waits_for_its_block(fake):
    """Looked at after each step of 35 ms, over the wrap: what is older than 250 ms stands in the log."""
    board = fake.Board({name: (wave,) for name in ("calf_l", "calf_r", "forearm_l")}, period_us=PERIOD_US, noise=False)
    oldest = 0
    for now in range(10_000, 7_000_000, 35_000):
        board.run(now)
        for channel in range(3):
            *_, (_, index, _, _, codes) = chunks(board, channel) or [(0, 1, 0, 0, [])]
            waiting_since = PERIOD_US // 2 + 1000 * channel + (index + len(codes) - 1) * PERIOD_US
            oldest = max(oldest, now - waiting_since)
    assert QUARTER_US - 2 * PERIOD_US < oldest <= QUARTER_US


@pytest.mark.parametrize("spread", [1, 90, 4000, 1 << 20, 1 << 23])
def test_every_code_of_every_channel_is_in_the_log(fake, spread):
    """Four channels with codes up to both ends, where escapes fill a record several times in a quarter."""
    random = Random(spread)
    names = [f"{site}_{side}" for site in ("calf", "forearm") for side in "lr"]
    limit = 1 << 23
    waves = [
        [max(-limit, min(limit - 1, random.randint(-spread, spread))) for _ in range(1000)] for _ in range(len(names))
    ]
    bridges = {name: (lambda index, codes=codes: codes[index],) for name, codes in zip(names, waves, strict=True)}
    board = fake.Board(bridges, period_us=3125, noise=False)
    board.run(2_000_000)
    for channel, codes in enumerate(waves):
        assert samples(board, channel)[:639] == [(i, codes[i], False) for i in range(1, 640)]
        # Between two that say where they stand the low bits of the index are enough.
        full = [index for how, index, *_ in chunks(board, channel) if how >= 0]
        assert all(b - a <= FULL_EVERY + 48 <= INDEX_LOW for a, b in pairwise(full))


MISSED = {5: 1, 6: 2, 41: 3, 90: HOLD_LIMIT, 200: HOLD_LIMIT + 1, 300: 500, **dict.fromkeys(range(402, 438, 3), 1)}


def test_missed_conversions_keep_every_index_right(fake):
    """One, several, too many of them for the filter, and again and again."""
    board = fake.Board({"calf_l": (wave, dict(MISSED))}, period_us=PERIOD_US, noise=False)
    board.run(20_000_000)
    found = samples(board)
    wanted = []
    index = 0
    for number in range(1, len(found) + 1):
        index += 1 + MISSED.get(number, 0)
        wanted.append((index, wave(index), MISSED.get(number, 0) > HOLD_LIMIT))
    assert found == wanted
    assert len(found) > 437
    end = 1
    for how, index, t_us, period, codes in chunks(board):
        # Conversions that passed unread end a chunk, and the next one says where it stands.
        assert index == end or how in (BEGINS, RESTART)
        end = index + len(codes)
        if how >= 0:
            assert t_us == 6250 + PERIOD_US * (index - 1)
            assert period == (PERIOD_US if len(codes) > 1 else 0)


def recomputed(board, channel=0):
    """The readings of a channel from its logged samples alone."""
    words = board.config.channels[channel].words[:]
    restart(words)
    follower = PressureChannel(words)
    waiting = samples(board, channel)
    found = []
    for reading in readings(board, channel):
        while waiting and waiting[0][0] <= reading["last_index"]:
            index, code, restarted = waiting.pop(0)
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
    board = fake.Board({"calf_l": (wave, dict(missed), dict(faults))}, period_us=PERIOD_US, noise=False)
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
    board = fake.Board({"calf_l": (wave, dict(MISSED)), "calf_r": (wave,)}, period_us=PERIOD_US + start_us, noise=False)
    board.run(15_000_000)
    newest = {0: 0, 1: 0}
    ticks = 0
    for header, _, tail in map(unpack, board.logged()):
        if header["kind"] == "samples":
            for number, how, low, rest, _, _, codes in unpack_chunks(tail):
                if how >= 0:
                    newest[number] = (rest << INDEX_LOW_BITS | low) - 1
                newest[number] += len(codes)
        elif header["kind"] == "readings":
            ticks += 1
            assert [entry["last_index"] for entry in unpack_readings(tail)] == [newest[0], newest[1]]
    assert ticks == 15


def test_a_fault_is_logged_when_it_begins_and_when_it_ends(fake):
    board = fake.Board({"calf_l": (wave, {}, {100: 3})}, period_us=PERIOD_US, noise=False)
    board.run(4_000_000)
    faults = records(board, "fault")
    assert [(body["fault"], body["state"], body["last_index"]) for _, body in faults] == [(3, 1, 99), (3, 0, 99)]
    begins, ends = (header["t_s"] * 1_000_000 + body["t_us"] for header, body in faults)
    assert begins == 6250 + 99 * PERIOD_US
    assert ends == begins + 500_000
    # The codes gathered before it are not lost.
    assert samples(board)[:99] == [(i, wave(i), False) for i in range(1, 100)]
    after = [row for row in samples(board) if row[2]]
    assert after[0][:2] == (100, wave(100))


def test_sweeps_of_two_chips_take_turns(fake):
    """The first chip drives in even seconds, the second in odd ones, over the wrap of the ticks too."""
    board = fake.Board({}, {"calf_z": lambda n: 1000 + n, "thorax_z": lambda n: 2000 + n})
    board.run(12_500_000)
    found = {4: [], 5: []}
    for header, body in records(board, "impedance"):
        found[header["channel"]].append((body["frequency"], header["t_s"], body["t_us"], body["index"]))
        assert body["span_us"] == 100_000
        assert body["sum_i"] == 16 * ((1000 if header["channel"] == 4 else 2000) + body["index"])
    for channel, first_s in ((4, 0), (5, 1)):
        seconds = range(first_s, 12 + 1 - first_s, 2)
        wanted = [(f, s, 100_000 * f, n) for n, s in enumerate(seconds, 1) for f in range(3)]
        assert found[channel][: len(wanted)] == wanted


def test_four_chips_take_turns_and_every_second_has_their_readings(fake):
    """Each in every fourth second, and a reading is good for five."""
    names = ("calf_z", "thorax_z", "calf_r_z", "forearm_z")
    board = fake.Board({}, {name: lambda n: 1000 + n for name in names})
    board.run(20_500_000)
    found = {4: [], 5: [], 10: [], 11: []}
    for header, body in records(board, "impedance"):
        if not body["frequency"]:
            found[header["channel"]].append(header["t_s"])
    assert list(found.values()) == [list(range(turn, 21, 4)) for turn in range(4)]
    for position, turn in enumerate(found):
        rows = readings(board, position)
        assert {row["channel"] for row in rows} == {turn}
        assert [row["flags"] & 1 for row in rows] == [0] * position + [1] * (20 - position)


def test_stop_switches_the_drive_off(fake):
    board = fake.Board({"calf_l": (wave,)}, {"calf_z": lambda n: 1000})
    board.run(1_000_000)
    assert not board.drivers["calf_z"].stopped
    board.app.stop()
    assert board.drivers["calf_z"].stopped
