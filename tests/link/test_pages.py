"""Spill pages: any records come back bit for bit, a page stands alone, and a second of readings takes few bytes."""

import math
import struct
from array import array
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turgor.app.config import LOWPASS_1_HZ_AT_80, NOMINAL_PRESSURE
from turgor.core.channel import PressureChannel
from turgor.core.filter_words import filter_state
from turgor.core.median import ABSENT, median, median_push
from turgor.core.median import STATE_WORDS as MEDIAN_WORDS
from turgor.link.page_reader import unpack_page
from turgor.link.pages import COUNT_LIMIT, PagePacker
from turgor.link.records import EVENT, READING, READINGS

HEADER = "<BBHII"
BOOT = 7
CAPACITY = 228
PAGE_SIZE = 256
PULSE_HZ = 1.2


def readings(seq, t_s, entries, dbp=(60000, 100, 1), channel=255):
    body = struct.pack("<iHB", *dbp) + b"".join(struct.pack(READING, *entry) for entry in entries)
    return struct.pack(HEADER, READINGS, channel, BOOT, seq, t_s) + body


def event(seq, t_s):
    return struct.pack(HEADER, EVENT, 2, BOOT, seq, t_s) + struct.pack("<BBBBii", 1, 2, 1, 0, 29000, 30000)


def packed(records, capacity=CAPACITY):
    """The pages of all records, each as the arguments of `unpack_page`, and how many records each holds."""
    packer = PagePacker(capacity)
    pages = []
    counts = []

    def close():
        pages.append((bytes(packer.content), packer.size, BOOT, packer.first_seq, packer.first_t_s))
        counts.append(packer.count)
        packer.start()

    for record in records:
        if not packer.add(record, len(record)):
            close()
            assert packer.add(record, len(record))
    close()
    return pages, counts


def round_trip(records, capacity=CAPACITY):
    pages, _ = packed(records, capacity)
    assert [record for page in pages for record in unpack_page(*page)] == records


def test_by_hand():
    """An event takes its length, kind, channel and 12 bytes of body; an answer for each question; 1 byte of count.

    The questions and the code's end are below 3 bytes.
    """
    packer = PagePacker(CAPACITY)
    record = event(1234, 99)
    assert packer.add(record, len(record))
    assert packer.content[0] == packer.count == 1
    assert (packer.first_seq, packer.first_t_s, packer.last_seq, packer.last_t_s) == (1234, 99, 1234, 99)
    assert 16 < packer.size <= 19
    assert unpack_page(packer.content, packer.size, BOOT, 1234, 99) == [record]


# Material: seeded stand-ins for what a board logs.


class Limbs:
    """Pressures (the amplitude of their pulse in mmHg each), impedances, and maybe an arterial line, second by second.

    The pressures go through the board's own filter; the pulse has a random walk of phase.
    """

    def __init__(self, seed, amplitudes, impedances=2, line=False, filtered=True):
        self.random = Random(seed)
        self.amplitudes = amplitudes
        self.phases = [self.random.uniform(0, 2 * math.pi) for _ in amplitudes]
        # Milli-mmHg a code is 1562500 / 2^24; the pressure's noise is of 90 codes.
        words = [filter_state(3, LOWPASS_1_HZ_AT_80, NOMINAL_PRESSURE, 30000, 28000, 160) for _ in amplitudes]
        self.channels = [PressureChannel(word) for word in words] if filtered else []
        self.rates = [78.3 + 1.37 * i for i in range(len(amplitudes))]
        self.impedances = [[58000 - 9000 * i, 0] for i in range(impedances)]
        self.line = line
        self.line_index = 0
        self.seconds = 0
        self.pulse = 0.0
        self.indices = [self.random.random() for _ in amplitudes]
        count = len(amplitudes) + impedances + line
        self.medians = [array("i", bytes(4 * MEDIAN_WORDS)) for _ in range(count)]

    def second(self):
        """This second's (index, value) of each channel."""
        step = 2 * math.pi * PULSE_HZ * self.random.gauss(1, 0.05)
        found = []
        for i, amplitude in enumerate(self.amplitudes):
            before = int(self.indices[i])
            self.indices[i] += self.rates[i]
            count = int(self.indices[i]) - before

            def pressure(part, i=i, amplitude=amplitude):
                phase = self.pulse + step * part + self.phases[i]
                return 20 + 3 * i + amplitude * math.sin(phase)

            if self.channels:
                channel = self.channels[i]
                for j in range(count):
                    code = pressure(j / count) * 1000 * 2**24 / 1562500
                    channel.sample(round(self.random.gauss(code, 90)))
                channel.capture()
                value = channel.value
            else:
                value = round(pressure(1) * 1000 + self.random.gauss(0, 2))
            found.append((int(self.indices[i]), value))
        self.pulse += step
        for i, pair in enumerate(self.impedances):
            if (self.seconds + i) % 2 == 0 or not pair[1]:
                pair[1] = round(self.random.gauss(pair[0], 7))
            found.append(((self.seconds + i) // 2 + 1, pair[1]))
        if self.line:
            self.line_index += self.random.choice((319, 319, 320))
            found.append((self.line_index, round(90000 + 25000 * math.sin(self.random.uniform(0, 2 * math.pi)))))
        self.seconds += 1
        return found

    def records(self, seconds, t_s=40000):
        """Readings of `seconds`, at `t_s` and on, with the rare hole of a sequence number more."""
        made = []
        seq = 14 * t_s
        numbers = [*range(len(self.amplitudes) + len(self.impedances)), 8]
        for second in range(seconds + 60):
            entries = []
            for i, (index, value) in enumerate(self.second()):
                median_push(self.medians[i], value)
                start = round((t_s - 60) * (self.rates[i] if i < len(self.rates) else 0.5))
                entries.append((numbers[i], 3, start + index, value, median(self.medians[i])))
            seq += 14 + (self.random.random() < 0.004)
            if second >= 60:
                now = t_s + second - 60
                made.append(readings(seq, now, entries, (60000, (now - t_s + 500) % 3600, 1)))
        return made


def bytes_a_second(records):
    """Flash that a second takes: whole pages, the last one by its share."""
    pages, counts = packed(records)
    return PAGE_SIZE * (len(pages) - 1) / sum(counts[:-1])


MATERIAL = {
    # Figures that are measured stand a little below these.
    "still": (Limbs(1, (0, 0, 0, 0)), 4),
    "pulse of 1 mmHg": (Limbs(2, (0.5, 0.5, 0.5, 0.5)), 12),
    "pulse of 2 mmHg, one limb still": (Limbs(3, (1, 1, 1, 0)), 12),
    "7 channels with a line": (Limbs(4, (0, 0, 0, 0), line=True), 10),
    "8 channels with a line": (Limbs(5, (0, 0, 0, 0), impedances=3, line=True), 12),
    "pulse of +-1 mmHg unfiltered": (Limbs(6, (1, 1, 1, 1), filtered=False), 14),
    "pulse of +-3 mmHg unfiltered": (Limbs(7, (3, 3, 3, 3), filtered=False), 16),
}


@pytest.mark.parametrize("name", MATERIAL)
def test_bytes_of_flash_a_second(name, record_property):
    limbs, most = MATERIAL[name]
    records = limbs.records(400)
    used = bytes_a_second(records)
    record_property("bytes_a_second", round(used, 2))
    assert 0.8 * most < used <= most
    round_trip(records)


def test_a_page_stands_alone():
    """Each page of a recording is taken apart with nothing of the others, and packs to the same bytes by itself."""
    records = Limbs(8, (0.5, 0.5, 0.5, 0.5), filtered=False).records(100)
    pages, counts = packed(records)
    assert len(pages) > 4
    at = 0
    for page, count in zip(pages, counts, strict=True):
        own = records[at : at + count]
        assert unpack_page(*page) == own
        ((again, size, *_),) = packed(own)[0]
        assert (again[:size], size) == (page[0][: page[1]], page[1])
        at += count


# Anything.

edges = st.sampled_from([0, 1, -1, 2**28 - 1, 2**28, -(2**29), -(2**29) - 1, 2**31 - 1, -(2**31), ABSENT])
i32 = st.one_of(st.integers(-(2**31), 2**31 - 1), st.integers(-50, 50), edges)
u32_edges = st.sampled_from([0, 1, 0x2FFFFFFF, 0x30000000, 2**30, 2**31, 2**32 - 1, 2**28, 2**28 - 1])
u32 = st.one_of(st.integers(0, 2**32 - 1), st.integers(0, 2000), u32_edges)
u8 = st.integers(0, 255)
dbps = st.tuples(i32, st.integers(0, 65535), u8)
entries = st.tuples(u8, u8, u32, i32, i32)
any_readings = st.builds(readings, u32, u32, st.lists(entries, max_size=13), dbps, st.sampled_from([255, 255, 3]))
any_record = st.builds(
    lambda kind, channel, seq, t_s, body: struct.pack(HEADER, kind, channel, BOOT, seq, t_s) + body,
    st.one_of(st.just(READINGS), u8),
    st.one_of(st.just(255), u8),
    u32,
    u32,
    st.binary(max_size=200),
)


@st.composite
def near_ones(draw):
    """Readings whose fields change little or much from one to the next, among them now and then anything."""
    count = draw(st.integers(0, 4))
    last = [list(draw(entries)) for _ in range(count)]
    seq, t_s = draw(u32), draw(u32)
    dbp = draw(dbps)
    made = []
    for _ in range(draw(st.integers(1, 12))):
        for entry in last:
            if draw(st.integers(0, 9)) == 0:
                entry[:] = draw(entries)
            entry[2] = (entry[2] + draw(st.sampled_from([0, 1, 79, 80, 81, 2**28, 2**20]))) % 2**32
            for i in (3, 4):
                moved = entry[i] + draw(st.integers(-2000, 2000))
                entry[i] = max(-(2**31), min(2**31 - 1, moved))
        seq = (seq + draw(st.sampled_from([1, 14, 15, 2**29]))) % 2**32
        t_s = (t_s + draw(st.sampled_from([1, 1, 0, 2**29]))) % 2**32
        if draw(st.integers(0, 5)) == 0:
            dbp = draw(dbps)
        made.append(readings(seq, t_s, [tuple(entry) for entry in last], dbp))
        if draw(st.integers(0, 4)) == 0:
            made.append(draw(any_record))
    return made


@given(st.lists(st.one_of(any_readings, any_record), min_size=1, max_size=8))
@settings(deadline=None)
def test_any_records_come_back(records):
    round_trip(records, 300)


@given(near_ones())
@settings(deadline=None)
def test_records_near_each_other_come_back(records):
    round_trip(records, 300)


def test_the_longest_records_come_back():
    for n in (12, 13, 254, 255):
        round_trip([struct.pack(HEADER, 200, 9, BOOT, 5, 6) + bytes(n - 12), event(6, 6)], 300)


def test_the_costliest_readings_come_back():
    """12 channels with nothing in common, each field as far from the last as it gets, fill the working arrays."""
    low = [(2 * c + 1, c + 4, 0, -(2**29), 2**28 - 1) for c in range(12)]
    high = [(2 * c + 1, 255 - c, 2**32 - 1, 2**28 - 1, -(2**29)) for c in range(12)]
    far = [
        readings(1, 1, low, (-(2**29), 3000, 9)),
        readings(2**29, 2**29, high, (2**28 - 1, 9000, 7)),
        readings(1, 1, [(2 * c, *entry[1:]) for c, entry in enumerate(low)], (-(2**29), 3000, 9)),
        readings(2**29, 2**29, [(2 * c, *entry[1:]) for c, entry in enumerate(high)], (-(2**29), 3000, 9)),
    ]
    round_trip(far, 2000)
    round_trip(far[2:], 2000)


@pytest.mark.parametrize("count", range(14))
def test_any_number_of_channels(count):
    """Up to 12 are predicted; the second of two that are alike takes next to nothing then."""
    alike = [readings(14 * i, i, [(c, 3, 80 * i, 20000, 20000) for c in range(count)]) for i in (50, 51)]
    round_trip(alike, 600)
    packer = PagePacker(600)
    sizes = [packer.add(record, len(record)) and packer.size for record in alike]
    if count <= 12:
        assert sizes[1] - sizes[0] < 8 + 2 * count


def test_a_full_page_keeps_what_it_has():
    """What does not fit changes nothing, whatever the capacity; then the page is full until `start`."""
    records = Limbs(9, (0.5, 0.5), filtered=False).records(60)
    for capacity in range(2, CAPACITY + 1):
        packer = PagePacker(capacity)
        kept = 0
        for record in records:
            before = bytes(packer.content)[: packer.size]
            if not packer.add(record, len(record)):
                assert bytes(packer.content)[: packer.size] == before
                break
            kept += 1
            assert packer.size <= capacity
        assert kept < len(records)
        assert packer.full
        assert packer.count == kept
        small = event(2**20, 2**20)
        assert not packer.add(small, len(small))
        if kept:
            page = packer.content, packer.size, BOOT, packer.first_seq, packer.first_t_s
            assert unpack_page(*page) == records[:kept]
        packer.start()
        assert (packer.count, packer.size, packer.full) == (0, 0, False)
        assert packer.add(records[0], len(records[0])) == (kept > 0)


def test_a_page_ends_with_as_many_records_as_its_count_can_say():
    packer = PagePacker(CAPACITY)
    still = [readings(i, i, [], (60000, i, 1)) for i in range(2 * COUNT_LIMIT)]
    taken = [packer.add(record, len(record)) for record in still]
    assert taken == [True] * COUNT_LIMIT + [False] * COUNT_LIMIT
    assert unpack_page(packer.content, packer.size, BOOT, 0, 0) == still[:COUNT_LIMIT]


def unpacked(*page):
    """All the records, or None where they are refused."""
    try:
        found = unpack_page(*page)
    except ValueError:
        return None
    assert len(found) == page[0][0]
    return found


@given(st.binary(max_size=260), st.integers(0, 260), u32, u32)
@settings(deadline=None, max_examples=300)
def test_any_bytes_are_taken_apart_or_refused(content, size, first_seq, first_t_s):
    unpacked(content, size, BOOT, first_seq, first_t_s)


def test_damaged_pages_are_taken_apart_or_refused():
    pages, _ = packed([*Limbs(10, (0.5, 0.5, 0.5, 0.5), filtered=False).records(40), event(2**20, 5)])
    random = Random(11)
    refused = 0
    for i in range(3000):
        content, size, *where = pages[i % len(pages)]
        content = bytearray(content)
        for _ in range(random.randint(1, 3)):
            content[random.randrange(size)] = random.randrange(256)
        refused += unpacked(content, random.choice((size, random.randint(1, size))), *where) is None
    assert refused > 300


def test_damage_is_named():
    content, size, *where = packed([event(5, 6), event(6, 6)])[0][0]
    with pytest.raises(ValueError, match="has no content of 229"):
        unpack_page(content, 229, *where)
    with pytest.raises(ValueError, match="has no content of 0"):
        unpack_page(content, 0, *where)
    with pytest.raises(ValueError, match="a page ends before its last record"):
        unpack_page(content, size - 6, *where)
    with pytest.raises(ValueError, match="a page has a seq or time of -1"):
        unpack_page(packed([event(5, 6), event(4, 5)])[0][0][0], 228, BOOT, 0, 6)
