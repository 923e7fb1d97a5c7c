"""Whatever the wire does, each record comes exactly once, in order and as it was logged, or was declared as a gap.

The long form, 10^6 records over many seeds: TURGOR_FULL=1 pytest -n 0 tests/faults/test_wire_faults.py
"""

import os
from collections.abc import Iterator
from random import Random
from struct import unpack_from
from types import ModuleType

import pytest
from transport import SECOND_US, Faults, Rig, default_board

from turgor.link.records import HEADER

FULL = bool(os.environ.get("TURGOR_FULL"))
RECORDS = 1_000_000 if FULL else 15_000
# What the host may lack of a live stream at any moment.
LIVE_S = 2.0


def run_s(rig: Rig, seconds: float) -> None:
    rig.run(rig.now_s + seconds)


def seconds_of(rig: Rig, boot: int, first: int, last: int) -> int:
    """Board seconds from the first to the last of these records."""
    times = [unpack_from(HEADER, rig.truth[boot, seq])[4] for seq in (first, last)]
    return int(times[1] - times[0])


def test_by_hand(fake: ModuleType) -> None:
    """A clean wire for a minute: 60 readings of six channels arrive, and nothing is missing."""
    rig = Rig(default_board(fake), Faults())
    run_s(rig, 60.5)
    assert rig.checked() == []
    assert sum(record[0] == 7 for record in rig.records) == 60
    assert rig.behind() < 20


def kinds() -> Iterator[tuple[str, Faults]]:
    for seed in range(100):
        random = Random(seed)
        yield "1e-5", Faults(bit_errors=1e-5)
        yield "1e-4", Faults(bit_errors=1e-4)
        yield "bytes", Faults(dropped=10 ** random.uniform(-5, -3), doubled=10 ** random.uniform(-5, -3))
        yield "latency", Faults(bit_errors=1e-5, latency_us=(1000, 200_000))
        cuts, at = [], 5.0
        while at < 1000:
            length = 10 ** random.uniform(-3, 1.47)
            cuts.append((at, at + length))
            # Time to catch up between them.
            at += length + random.uniform(15, 60)
        yield "cuts", Faults(bit_errors=1e-5, cuts=cuts)


def test_no_gap_up_to_one_wrong_bit_in_10000_and_cuts_of_30_s(fake: ModuleType) -> None:
    """Many seeds: nothing is declared missing, and without cuts the host is never behind."""
    records = 0
    for seed, (name, faults) in enumerate(kinds()):
        rig = Rig(default_board(fake), faults, seed)
        for _ in range(10):
            run_s(rig, 20 if not FULL else 100)
            if not faults.cuts:
                behind_s = rig.now_s - unpack_from(HEADER, rig.records[-1])[4] if rig.records else rig.now_s
                assert behind_s < 1 + LIVE_S, f"{name}, seed {seed}: {behind_s} s behind"
        assert rig.checked() == [], f"{name}, seed {seed}"
        assert rig.board.app.log.dropped == 0
        records += len(rig.records)
        if records > RECORDS:
            return
    pytest.fail(f"only {records} records")


def test_long_cuts_lose_no_more_than_the_ring_could_not_hold(fake: ModuleType) -> None:
    random = Random(5)
    for seed in range(100 if FULL else 4):
        length = random.choice([60, 100, 200, 600, 3600 if FULL else 900])
        faults = Faults(bit_errors=random.choice([0, 1e-4, 3e-4]), cuts=[(30, 30 + length)])
        rig = Rig(default_board(fake), faults, seed)
        rig.run(30 + length)
        if faults.bit_errors > 1e-4:
            # Here a greeting may be spoiled, and the next: the cut lasts until one gets through.
            while not rig.replica.greeted:
                run_s(rig, 0.01)
            length = rig.now_s - 30
        log = rig.board.app.log
        held = bytearray(256)
        log.fetch(log.first_seq, held)
        ring_s = rig.now_s - unpack_from(HEADER, held)[4]
        run_s(rig, 120)
        gaps = rig.checked()
        # A record may stand between two of them: one behind a spoiled one, just before the cut or behind it.
        missing_s = sum(seconds_of(rig, *gap) for gap in gaps)
        assert missing_s <= length - ring_s + 2, f"seed {seed}: {gaps} in a cut of {length} s"
        # What could be held is never declared missing.
        assert gaps or length <= ring_s


def goodput(fake: ModuleType, bit_errors: float, seed: int) -> float:
    """Bytes of records a second, out of a full log."""
    board = default_board(fake)
    board.run(75 * SECOND_US)
    rig = Rig(board, Faults(bit_errors=bit_errors), seed, begun_us=0)
    begin_s, last = rig.now_s, board.app.log.next_seq
    while rig.replica.position[1] < last:
        run_s(rig, 0.05)
        assert rig.now_s < begin_s + 300
    rig.checked()
    return sum(map(len, rig.records)) / (rig.now_s - begin_s)


@pytest.mark.parametrize("seed", range(3 if not FULL else 20))
def test_one_wrong_bit_in_1000_leaves_a_tenth_of_the_goodput(fake: ModuleType, seed: int) -> None:
    clean = goodput(fake, 0, seed)
    assert clean > 6000
    assert goodput(fake, 1e-3, seed) >= 0.1 * clean
    # The default configuration writes 835 a second.
    assert goodput(fake, 1e-4, seed) >= 0.5 * clean


def test_at_one_wrong_bit_in_1000_all_arrives(fake: ModuleType) -> None:
    rig = Rig(default_board(fake), Faults(bit_errors=1e-3, dropped=1e-4, doubled=1e-4), 3)
    run_s(rig, 300)
    assert rig.checked() == []
    assert rig.replica.decoder.bad_frames > 500


def test_a_host_that_stops_reading_for_an_hour(fake: ModuleType) -> None:
    """At most the granted 2 KB wait for it, and it gets what the log holds; alarms and samples go on."""
    rig = Rig(default_board(fake), Faults())
    run_s(rig, 30)
    rig.reads = False
    written = rig.board.serial.written
    run_s(rig, 3600 if FULL else 600)
    assert rig.board.serial.written - written <= 2048
    rig.reads = True
    run_s(rig, 60)
    gaps = rig.checked()
    assert len(gaps) == 1
    assert rig.behind() < 20
    ticks = [unpack_from(HEADER, record)[4] for record in rig.truth.values() if record[0] == 7]
    assert sorted(ticks) == list(range(1, ticks[-1] + 1))
