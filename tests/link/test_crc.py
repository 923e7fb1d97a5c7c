"""What the CRC-32 of a frame finds: every small error and every burst of the longest frame, and what a wire does to it.

The CRC is affine: for words of one length, crc(a) ^ crc(b) ^ crc(c) = crc(a ^ b ^ c). So what an error pattern does to
record and CRC depends on the pattern alone: it passes unseen exactly when the syndromes of its bits, a number a bit
position, add up to 0 by XOR. The syndromes of all positions therefore decide about all records at once, and about
shorter ones too, whose syndromes are those of the longest one's end. Bits count as a wire sends them, the lowest
of each byte first.

Two forms: `TURGOR_FULL=1 .venv/bin/pytest -n0 tests/link/test_crc.py` spoils 10^7 frames and every pair of bits of the
longest frame.
"""

import os
from random import Random

import numpy as np
import pytest
from wire_stream import frame, random_record, record

from turgor.link.frames import CRC_TABLE, crc_append
from turgor.link.records import HEADER_SIZE, RECORD_LIMIT, SAMPLES
from turgor_host.decoder import Decoder

FULL = bool(os.environ.get("TURGOR_FULL"))
SPOILED_FRAMES = 10_000_000 if FULL else 200_000
CRC_BITS = 32
BITS = 8 * RECORD_LIMIT + CRC_BITS
BURST = 32


def crc(data):
    buffer = bytearray(data) + bytes(4)
    crc_append(buffer, len(data), CRC_TABLE)
    return int.from_bytes(buffer[len(data) :], "little")


def syndromes(size):
    """For each bit of a record of `size` bytes and its CRC: what flipping it leaves between CRC and record."""
    nothing = crc(bytes(size))
    found = [crc((1 << bit).to_bytes(size, "little")) ^ nothing for bit in range(8 * size)]
    return found + [1 << bit for bit in range(CRC_BITS)]


LONGEST = syndromes(RECORD_LIMIT)


def test_by_hand():
    """The polynomial itself, 33 bits long, is the shortest burst that passes unseen."""
    polynomial = 0xEDB88320 << 1 | 1
    seen = 0
    for bit in range(33):
        if polynomial >> bit & 1:
            seen ^= LONGEST[-33 + bit]
    assert seen == 0
    data = bytearray(b"123456789" + crc(b"123456789").to_bytes(4, "little"))
    flipped = (int.from_bytes(data, "little") ^ polynomial << 8 * 13 - 33).to_bytes(13, "little")
    assert flipped[:9] != data[:9]
    assert crc(flipped[:9]) == int.from_bytes(flipped[9:], "little")


def test_the_crc_is_affine():
    """What the argument rests on, on the board's own code: any three words, and any errors in any record."""
    random = Random(1)
    for _ in range(2000):
        size = random.randrange(1, RECORD_LIMIT + 1)
        a, b, c = (random.getrandbits(8 * size) for _ in range(3))
        one, other, third, together = (crc(word.to_bytes(size, "little")) for word in (a, b, c, a ^ b ^ c))
        assert one ^ other ^ third == together
    for _ in range(500):
        data = random.randbytes(RECORD_LIMIT)
        bits = random.sample(range(BITS), random.randrange(1, 6))
        word = int.from_bytes(data + crc(data).to_bytes(4, "little"), "little")
        wanted = 0
        for bit in bits:
            word ^= 1 << bit
            wanted ^= LONGEST[bit]
        spoiled = word.to_bytes(RECORD_LIMIT + 4, "little")
        assert crc(spoiled[:-4]) ^ int.from_bytes(spoiled[-4:], "little") == wanted


@pytest.mark.parametrize("size", [1, HEADER_SIZE, 100])
def test_a_shorter_record_has_the_syndromes_of_the_longest_ones_end(size):
    assert syndromes(size) == LONGEST[-8 * size - CRC_BITS :]


def test_all_errors_of_1_to_4_bits_are_found():
    """2024 positions, 2 million pairs, 1.4 * 10^9 triples and 7 * 10^11 quadruples.

    A single bit passes when its syndrome is 0; a pair when two are equal; a triple when the XOR of two is a third; a
    quadruple when the XORs of two pairs are equal.
    """
    words = np.array(LONGEST, dtype=np.uint32)
    assert len(words) == BITS == 2024
    assert words.all()
    assert len(np.unique(words)) == BITS
    first, second = np.triu_indices(BITS, 1)
    pairs = words[first] ^ words[second]
    assert len(pairs) == BITS * (BITS - 1) // 2
    assert not np.isin(pairs, words).any()
    assert len(np.unique(pairs)) == len(pairs)


def rank(words):
    """How many of `words` are independent under XOR."""
    basis = []
    for word in words:
        for other in basis:
            word = min(word, word ^ other)
        if word:
            basis.append(word)
    return len(basis)


def test_all_bursts_up_to_32_bits_are_found():
    """At every position the 32 syndromes from there on are independent: none of their patterns adds up to 0."""
    assert rank([3, 5, 6]) == 2
    for at in range(BITS - BURST + 1):
        assert rank(LONGEST[at : at + BURST]) == BURST, at


def accepted(stream):
    """The records that the host takes from `stream`; a zero ends whatever the spoiling left open."""
    return Decoder().feed(stream + b"\0")


def test_every_pair_of_bits_of_a_frame_on_the_wire():
    """An error hits the stuffed frame: one bit may move every zero behind it. What is taken then is the record."""
    size = RECORD_LIMIT if FULL else HEADER_SIZE + 40
    data = record(SAMPLES, 1, Random(1).randbytes(size - HEADER_SIZE))
    whole = np.frombuffer(frame(data), np.uint8)
    # A frame of its own behind it: a spoiled end runs into that one.
    after = record(SAMPLES, 2, b"after")
    follows = frame(after)
    assert accepted(whole.tobytes() + follows) == [data, after]
    masks = np.zeros((8 * len(whole), len(whole)), np.uint8)
    for bit in range(len(masks)):
        masks[bit, bit // 8] = 1 << bit % 8
    tried = 0
    for bit, mask in enumerate(masks):
        # The bit alone (twice the same flip of a pair is none), then with each later one.
        others = masks[bit + 1 :]
        spoiled = whole ^ np.concatenate((mask[None], mask | others))
        streams = np.zeros((len(spoiled), len(whole) + len(follows) + 1), np.uint8)
        streams[:, : len(whole)] = spoiled
        streams[:, len(whole) : -1] = np.frombuffer(follows, np.uint8)
        assert set(Decoder().feed(streams.tobytes())) <= {after}, f"bit {bit} with another"
        tried += len(spoiled)
    assert tried == len(masks) * (len(masks) + 1) // 2


class Spoiler:
    """Spoils rows of a table of frames, each in one way, as a wire does."""

    def __init__(self, seed):
        self._random = np.random.default_rng(seed)

    def spoil(self, frames):
        """A stream in which each of `frames` (bytes) stands once, spoiled; returns it and how many are spoiled."""
        rows = len(frames)
        lengths = np.array([len(data) for data in frames])
        width = int(lengths.max()) + 1
        table = np.zeros((rows, width), np.uint8)
        for row, data in enumerate(frames):
            table[row, : len(data)] = np.frombuffer(data, np.uint8)
        source = np.broadcast_to(np.arange(width), (rows, width)).copy()
        masks = np.zeros_like(table)
        fate = self._random.integers(0, 6, rows)
        self._flip(masks, lengths, fate == 0, self._random.integers(1, 9, rows))
        self._flip(masks, lengths, fate == 1, np.full(rows, 40))
        self._burst(masks, lengths, fate == 2)
        at = self._random.integers(0, lengths)[:, None]
        # A dropped byte, a doubled byte, and both with flips.
        dropped = (fate == 3) | (fate == 5)
        source[dropped] += (source >= at)[dropped]
        source[fate == 4] -= (source > at)[fate == 4]
        self._flip(masks, lengths, fate == 5, np.ones(rows, int))
        ends = lengths - dropped + (fate == 4)
        spoiled = np.take_along_axis(table, np.minimum(source, width - 1), axis=1) ^ masks
        here = np.arange(width) < ends[:, None]
        same = (ends == lengths) & ((spoiled == table) | ~here).all(axis=1)
        return spoiled[here].tobytes(), rows - int(same.sum())

    def _flip(self, masks, lengths, chosen, counts):
        """Flip up to `counts` bits anywhere in the chosen rows."""
        for turn in range(int(counts[chosen].max(initial=0))):
            rows = np.flatnonzero(chosen & (counts > turn))
            bits = self._random.integers(0, 8 * lengths[rows])
            masks[rows, bits // 8] ^= (1 << bits % 8).astype(np.uint8)

    def _burst(self, masks, lengths, chosen):
        """Flip a pattern of up to 40 bits at any bit."""
        rows = np.flatnonzero(chosen)
        pattern = self._random.integers(1, 1 << 40, len(rows)) << self._random.integers(0, 8, len(rows))
        at = self._random.integers(0, lengths[rows] - 5)
        for byte in range(6):
            masks[rows, at + byte] ^= (pattern >> 8 * byte & 0xFF).astype(np.uint8)


def test_no_spoiled_frame_is_taken_for_another_record():
    """Bit errors, bursts, dropped and doubled bytes: what comes out is a record that was sent, or nothing.

    A pass says little of the CRC alone (one in 2^32 would pass a sound one); it says that splitting, unstuffing and
    comparing open no way around it.
    """
    random = Random(2)
    spoiler = Spoiler(2)
    spoiled = taken = 0
    while spoiled < SPOILED_FRAMES:
        sent = [random_record(random, random.randrange(1 << 30)) for _ in range(500)]
        frames = [frame(data) for data in sent]
        sent = set(sent)
        for _ in range(20):
            random.shuffle(frames)
            stream, count = spoiler.spoil(frames)
            spoiled += count
            records = accepted(stream)
            assert sent.issuperset(records)
            taken += len(records)
    # A burst or a drop in what only ends a frame leaves the record itself.
    assert taken < spoiled / 20
