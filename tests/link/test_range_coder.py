"""The range coder: decisions, bits and numbers come back whole, whatever follows them."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turgor.link.page_reader import RangeDecoder
from turgor.link.range_coder import (
    CODER_WORDS,
    GOLOMB,
    NUMBER_SYMBOLS,
    PLAIN,
    RAW,
    begin,
    code,
    spell,
    spell_bytes,
)

EXPECTED = bytes([128] * 24 + [250, 6, 128, 128])
MOST = 2**30 - 1
numbers = st.one_of(st.integers(-MOST, MOST), st.integers(-40, 40), st.sampled_from([0, 1, -1, MOST, -MOST, 2**20]))
things = st.one_of(
    st.tuples(st.just("decision"), st.integers(0, 27), st.integers(0, 1)),
    st.integers(1, 8).flatmap(lambda n: st.tuples(st.just("raw"), st.just(n), st.integers(0, 2**n - 1))),
    st.tuples(st.just("plain"), st.integers(24, 27), numbers),
    st.tuples(st.just("golomb"), st.integers(0, 2), numbers),
)


class Coder:
    def __init__(self, capacity):
        self.words = array("i", bytes(4 * (CODER_WORDS + len(EXPECTED))))
        self.content = bytearray(capacity)
        self.means = array("i", [0] * 4)
        self.size = 0
        begin(self.words, EXPECTED, len(EXPECTED))

    def put(self, what, value):
        symbols = array("H", bytes(2 * NUMBER_SYMBOLS))
        return self.code(symbols, spell(self.means, array("i", [what, value]), 2, symbols))

    def code(self, symbols, count):
        size = code(self.words, symbols, count, self.content, len(self.content))
        self.size = size or self.size
        return size


def coded(capacity, items):
    """A coder with as many of the items as fit, and those."""
    coder = Coder(capacity)
    for at, (name, where, value) in enumerate(items):
        what = {"decision": where, "raw": RAW + where, "plain": PLAIN + where}.get(
            name, GOLOMB + (where << 8) + (3 << 12)
        )
        if not coder.put(what, value):
            return coder, items[:at]
    return coder, items


def decoded(content, size, items):
    decoder = RangeDecoder(content, size, EXPECTED)
    means = [0] * 4
    found = []
    for name, where, _ in items:
        value = decoder.golomb(0, means, 3, where) if name == "golomb" else getattr(decoder, name)(where)
        found.append((name, where, value))
    return found, decoder.overrun(), means


def test_by_hand():
    """Eight raw bits 0xa5: the span of 0xffffff becomes 0xffff, and low is 0xa5 of it, 0xa4ff5b.

    0xa4 is held. Of what is left, 0xff5b00 and up, the number with the most zeros is 0x1000000: its carry makes the
    byte held an 0xa5, and a zero follows. The first byte is the user's.
    """
    coder, _ = coded(8, [("raw", 8, 0xA5)])
    assert coder.content[: coder.size] == bytes((0, 0xA5, 0))


def test_numbers_by_hand():
    """5 as a plain one: not zero, no sign, two bits below its highest, 01. As a Golomb coded one of a mean of 3: k = 2.

    Its magnitude less 1 is 4: a one, a zero, and two bits 00.
    """
    symbols = array("H", bytes(40))
    means = array("i", [48])
    assert spell(means, array("i", [PLAIN + 25, 5]), 2, symbols) == 4
    assert list(symbols[:4]) == [25 << 1 | 1, 1 << 8 | 0, 5 << 8 | 2, 2 << 8 | 1]
    assert spell(means, array("i", [GOLOMB, 5]), 2, symbols) == 5
    assert list(symbols[:5]) == [2 << 1 | 1, 4 << 1, 8 << 1 | 1, 9 << 1, 2 << 8 | 0]
    assert means[0] == 48 + (5 * 16 - 48) // 4


@given(st.lists(things, max_size=60), st.integers(2, 400))
def test_what_fits_comes_back(items, capacity):
    coder, kept = coded(capacity, items)
    found, overrun, means = decoded(bytes(coder.content) + b"\xff\xff", coder.size, kept)
    assert found == kept
    assert not (kept and overrun)
    if kept == items:
        assert means == list(coder.means)


def test_carries_run_through_many_bytes():
    """Bits that leave low just below a carry, and then one that makes it or does not."""
    for last in (0, 255):
        items = [("raw", 8, 255)] * 20 + [("raw", 8, last)] * 3 + [("decision", 24, 1)] * 30
        coder, kept = coded(200, items)
        assert decoded(coder.content, coder.size, kept)[0] == items


def test_the_longest_number():
    symbols = array("H", bytes(60))
    means = array("i", [0])
    lengths = [spell(means, array("i", [GOLOMB, value]), 2, symbols) for value in (-MOST, MOST, 1, 0)]
    assert max(lengths) == NUMBER_SYMBOLS


def test_bytes_of_a_record():
    symbols = array("H", bytes(20))
    assert spell_bytes(b"\x08\x01\x02\x03\x04\x05", 6, 4, symbols, 1) == 6
    assert list(symbols[:6]) == [0, 0x806, 0x808, 0x801, 0x804, 0x805]


def test_a_code_that_ends_early_is_told():
    items = [("raw", 8, value) for value in range(100)]
    coder, _ = coded(200, items)
    assert not decoded(coder.content, coder.size, items)[1]
    assert decoded(coder.content, coder.size - 3, items)[1]


def test_bits_that_no_coder_made_are_refused():
    decoder = RangeDecoder(b"\xff" * 8, 8, EXPECTED)
    with pytest.raises(ValueError, match="a range code is damaged"):
        decoder.raw(8)
