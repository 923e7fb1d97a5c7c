"""Many sample records at once: the same codes as one by one, their indices and times, across lost records too."""

from array import array
from random import Random
from time import process_time

import numpy as np
import pytest

from turgor.app.blocks import Blocks as Gatherer
from turgor.app.log import Log
from turgor.core.ticks import BoardTime
from turgor.link.blocks import BEGINS, CHUNK_SAMPLES, CODE_BIAS, FULL_EVERY, REGULAR, RESTART, unpack_chunks
from turgor.link.records import RESTARTED
from turgor_host.recording.samples import decode_samples

Record = tuple[int, bytes]


class Channel:
    """A converter of its own period, seen four times a second; every 5th quarter something may happen to it."""

    def __init__(self, number: int, period_us: int, random: Random, *, steady: bool) -> None:
        self.number = number
        self.period_us = period_us
        self.random = random
        self.steady = steady
        self.next_us = random.randrange(period_us)
        self.index = 1
        self.how, self.full, self.since = BEGINS, True, 0
        self.truth: list[tuple[int, int, int, bool]] = []

    def until(self, us: int, gatherer: Gatherer) -> None:
        codes: list[int] = []
        first = (0, 0)
        while self.next_us < us:
            if not self.steady and self.random.random() < 0.01:
                self._add(gatherer, codes, first)
                codes = []
                self.full = True
                passed = self.random.choice((1, 3, 60))
                self.how = RESTART if passed == 60 else BEGINS
                self.index += passed
                self.next_us += passed * self.period_us
                continue
            if not codes:
                first = (self.index, self.next_us)
            code = 214748 + round(self.random.gauss(0, 90))
            codes.append(code)
            restarted = self.how == RESTART and len(codes) == 1
            self.truth.append((self.index, code, self.next_us, restarted))
            self.index += 1
            self.next_us += self.period_us
            if len(codes) == CHUNK_SAMPLES:
                self._add(gatherer, codes, first)
                codes = []
        self._add(gatherer, codes, first)

    def _add(self, gatherer: Gatherer, codes: list[int], first: tuple[int, int]) -> None:
        if not codes:
            return
        last_us = first[1] + (len(codes) - 1) * self.period_us
        biased = array("i", [code + CODE_BIAS for code in codes])
        gatherer.add(self.number, self.full, self.how, first[0], first[1], last_us, biased, len(codes))
        self.since = len(codes) if self.full else self.since + len(codes)
        self.full = self.since > FULL_EVERY
        self.how = REGULAR


def made(seconds: int, *, steady: bool, seed: int = 1) -> tuple[list[Channel], list[Record]]:
    """Channels at 80 and 320 samples/s, and the records of so many seconds."""
    random = Random(seed)
    log = Log(1 << 24, 1)
    time = BoardTime(0)
    gatherer = Gatherer(log, time)
    channels = [Channel(0, 12762, random, steady=steady), Channel(3, 12101, random, steady=steady)]
    channels.append(Channel(6, 3166, random, steady=steady))
    for quarter in range(1, 4 * seconds + 1):
        # Ticks are 32 us late, as a step is.
        time.advance(250_000 * quarter + 32)
        for channel in channels:
            channel.until(250_000 * quarter, gatherer)
        gatherer.append()
    records = []
    target = bytearray(256)
    for seq in range(log.next_seq):
        n = log.fetch(seq, target)
        records.append((int.from_bytes(target[8:12], "little"), bytes(target[12:n])))
    return channels, records


def decoded(records: list[Record]) -> tuple[dict, list[int]]:
    return decode_samples([t_s for t_s, _ in records], [body for _, body in records])


def test_by_hand() -> None:
    """Two seconds of one converter at 80 samples/s: 160 codes, the last at the end of the second second."""
    channels, records = made(2, steady=True)
    found, bad = decoded(records)
    assert not bad
    blocks = found[0]
    assert blocks.index.tolist() == list(range(1, len(channels[0].truth) + 1))
    assert blocks.codes.tolist() == [code for _, code, _, _ in channels[0].truth]
    assert blocks.time[0] == pytest.approx(channels[0].truth[0][2] / 1e6, abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_equals_one_by_one_and_the_truth(seed: int) -> None:
    channels, records = made(60, steady=False, seed=seed)
    found, bad = decoded(records)
    assert not bad
    for channel in channels:
        blocks = found[channel.number]
        one_by_one = [
            code for _, body in records for c in unpack_chunks(body) if c[0] == channel.number for code in c[6]
        ]
        index, codes, us, restarted = (np.array(column) for column in zip(*channel.truth, strict=True))
        assert blocks.codes.tolist() == one_by_one == codes.tolist()
        assert blocks.index.tolist() == index.tolist()
        assert blocks.time == pytest.approx(us / 1e6, abs=20e-6)
        starts = np.zeros(len(codes), dtype=bool)
        starts[blocks.starts[:-1]] = blocks.flags & RESTARTED != 0
        assert starts.tolist() == restarted.tolist()
        assert blocks.last.tolist() == blocks.index[blocks.starts[1:] - 1].tolist()


@pytest.mark.parametrize("lost_s", [1, 3, 20, 600])
def test_indices_and_times_are_right_across_lost_records(lost_s: int) -> None:
    """Whatever is missing in the middle, and at the start."""
    channels, records = made(lost_s + 30, steady=True)
    for first, last in ((40, 40 + 4 * lost_s), (43, 43 + 4 * lost_s), (0, 4 * lost_s + 2)):
        kept = records[:first] + records[last:]
        found, bad = decoded(kept)
        assert not bad
        for channel in channels:
            truth = {index: (code, us) for index, code, us, _ in channel.truth}
            blocks = found[channel.number]
            pairs = list(zip(blocks.index.tolist(), blocks.codes.tolist(), blocks.time.tolist(), strict=True))
            assert [truth[index][0] for index, _, _ in pairs] == [code for _, code, _ in pairs]
            assert max(abs(truth[index][1] / 1e6 - time) for index, _, time in pairs) < 50e-6


def compared(channels: list[Channel], kept: list[Record]) -> tuple[int, int, float]:
    """How many samples were told, how many of them with another code than that of their index, the worst time."""
    found, bad = decoded(kept)
    assert not bad
    told = wrong = 0
    worst = 0.0
    for channel in channels:
        truth = {index: (code, us) for index, code, us, _ in channel.truth}
        blocks = found.get(channel.number)
        if blocks is None:
            continue
        for index, code, time in zip(blocks.index.tolist(), blocks.codes.tolist(), blocks.time.tolist(), strict=True):
            right, us = truth.get(index, (None, 0))
            told += 1
            if right != code:
                wrong += 1
            else:
                worst = max(worst, abs(us / 1e6 - time))
    return told, wrong, worst


@pytest.mark.parametrize("left", [0, 1, 2, 7])
def test_a_loss_of_any_length_and_few_records_behind_it(left: int) -> None:
    """Also of a multiple of what the low bits count to, and where no full chunk follows."""
    channels, records = made(70, steady=True)
    for first in (40, 43):
        for lost in range(2, 200, 9):
            behind = records[first + lost : first + lost + left] if left else records[first + lost :]
            told, wrong, worst = compared(channels, records[:first] + behind)
            assert told
            assert not wrong, lost
            assert worst < 2e-3


@pytest.mark.parametrize("steady", [True, False])
@pytest.mark.parametrize("share", [0.5, 0.1])
def test_of_scattered_records_each_sample_keeps_its_index(share: float, steady: bool) -> None:
    """As over a line that lets few through, while the log drops what waits too long."""
    channels, records = made(300, steady=steady)
    random = Random(5)
    told, wrong, worst = compared(channels, [record for record in records if random.random() < share])
    assert told > 1000
    assert not wrong
    assert worst < 0.1


def test_a_spoiled_record_is_named_and_left_out() -> None:
    _, records = made(10, steady=True)
    t_s, body = records[7]
    whole, _ = decoded(records[:7] + records[8:])
    found, bad = decoded([*records[:7], (t_s, body[:-3]), *records[8:]])
    assert bad == [7]
    assert found[0].codes.tolist() == whole[0].codes.tolist()
    assert decoded([(0, b"")]) == ({}, [])


def test_a_code_beyond_24_bits_is_none() -> None:
    """One code, base 2^24 - 2, and 2 more."""
    body = int("0" * 26 + "1" * 23 + "11110" + "00", 2).to_bytes(7, "big")
    with pytest.raises(ValueError, match="beyond 24 bits"):
        unpack_chunks(body)
    assert decoded([(0, body)]) == ({}, [0])
    # 1 more is the highest that there is.
    assert decoded([(0, int("0" * 26 + "1" * 23 + "110" + "0000", 2).to_bytes(7, "big"))]) == ({}, [])


def test_any_bytes_get_the_verdict_of_the_firmwares_own_module() -> None:
    random = Random(4)
    _, records = made(20, steady=False)
    bodies = []
    for _, body in records:
        spoiled = bytearray(body)
        for _ in range(random.choice((0, 1, 5))):
            spoiled[random.randrange(len(spoiled))] ^= 1 << random.randrange(8)
        bodies.append(bytes(spoiled[: random.choice((len(spoiled), random.randrange(1, len(spoiled) + 1)))]))
    _, bad = decoded([(0, body) for body in bodies])
    for number, body in enumerate(bodies):
        try:
            unpack_chunks(body)
        except ValueError:
            assert number in bad
        else:
            assert number not in bad


def test_an_hour_is_read_in_no_time() -> None:
    """A day of 7.7 million samples an hour has to be read in seconds; the time is that of the processor."""
    _, records = made(60, steady=True)
    begin = process_time()
    decoded(60 * records)
    assert process_time() - begin < 30
