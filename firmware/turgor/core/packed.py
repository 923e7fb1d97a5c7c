"""Filter states as bytes, for snapshots: all that decides what comes next, the calibration in force included.

Words go as 4 bytes each, little-endian, signed, within +-2^30; a channel's configuration is not among them, and what
an unpacked state is not decided by (room for sorting, codes beyond the median's, levels too old to matter) is left as
it is. Unpacking changes nothing unless every word may stand where it goes.
"""

from turgor.core.bounds import CALIBRATION_BOUNDS, misfit
from turgor.core.filter_words import (
    CODE_BIAS,
    COUNT,
    FLAGS,
    GAIN_BIAS,
    LAST,
    MEDIAN,
    OFFSET,
    OVER,
    SATURATED,
    SECTION_WORDS,
    SECTIONS,
    SETTLED,
    SUMS,
    WORD_BIAS,
    Y,
)
from turgor.mp import const, micropython, ptr8, ptr32

WORD_SIZE = const(4)
TRIPLE_SIZE = const(3)
# Of a section: Y, V and the three rests.
_SECTION_STATE = const(5)
_SECTION_SUMS = const(2)
_CALIBRATION = const(4)
_MOST = const(0x3FFFFFFF)


@micropython.viper
def put_words(words: ptr32, first: int, count: int, buffer: ptr8, at: int) -> int:
    """Write words[first : first + count] from `at` on; returns where they end."""
    end = first + count
    while first < end:
        word = words[first]
        buffer[at] = word & 255
        buffer[at + 1] = (word >> 8) & 255
        buffer[at + 2] = (word >> 16) & 255
        buffer[at + 3] = (word >> 24) & 255
        at += 4
        first += 1
    return at


@micropython.viper
def get_words(words: ptr32, first: int, count: int, buffer: ptr8, at: int) -> int:
    """Read what `put_words` wrote."""
    end = first + count
    while first < end:
        high = buffer[at + 3]
        if high & 128:
            high -= 256
        words[first] = (high << 24) | (buffer[at + 2] << 16) | (buffer[at + 1] << 8) | buffer[at]
        at += 4
        first += 1
    return at


@micropython.viper
def put_triples(words: ptr32, first: int, count: int, buffer: ptr8, at: int) -> int:
    """Write words in 3 bytes each, ABSENT or the nearest within +-(2^23 - 1); returns where they end."""
    end = first + count
    while first < end:
        word = ((words[first] + 0x20000000) & 0x3FFFFFFF) - 0x20000000
        if word == -536870912:
            word = -0x800000
        elif word > 0x7FFFFF:
            word = 0x7FFFFF
        elif word < -0x7FFFFF:
            word = -0x7FFFFF
        buffer[at] = word & 255
        buffer[at + 1] = (word >> 8) & 255
        buffer[at + 2] = (word >> 16) & 255
        at += 3
        first += 1
    return at


@micropython.viper
def get_triples(words: ptr32, first: int, count: int, buffer: ptr8, at: int) -> int:
    """Read what `put_triples` wrote."""
    end = first + count
    while first < end:
        high = buffer[at + 2]
        if high & 128:
            high -= 256
        word = (high << 16) | (buffer[at + 1] << 8) | buffer[at]
        words[first] = -536870912 if word == -0x800000 else word
        at += 3
        first += 1
    return at


def filter_size(s):
    """Bytes of the filter state `s` (`core.filter_words`)."""
    sections = s[SECTIONS]
    words = sections * (_SECTION_STATE + _SECTION_SUMS) + s[MEDIAN] - 1 + 2 + _CALIBRATION
    return words * WORD_SIZE


def pack_filter(s, buffer, at):
    """Write the filter state `s`; returns where it ends."""
    for section in range(s[SECTIONS]):
        at = put_words(s, section * SECTION_WORDS + Y, _SECTION_STATE, buffer, at)
    at = put_words(s, LAST, s[MEDIAN] - 1, buffer, at)
    at = put_words(s, SUMS, _SECTION_SUMS * s[SECTIONS], buffer, at)
    at = put_words(s, COUNT, 2, buffer, at)
    return put_words(s, OFFSET, _CALIBRATION, buffer, at)


def unpack_filter(s, buffer, at):
    """Read a filter state of `s`'s configuration into it; False when it cannot be one."""
    words = s[:]
    for section in range(s[SECTIONS]):
        at = get_words(words, section * SECTION_WORDS + Y, _SECTION_STATE, buffer, at)
    at = get_words(words, LAST, s[MEDIAN] - 1, buffer, at)
    at = get_words(words, SUMS, _SECTION_SUMS * s[SECTIONS], buffer, at)
    at = get_words(words, COUNT, 2, buffer, at)
    get_words(words, OFFSET, _CALIBRATION, buffer, at)
    for i in range(len(words)):
        if not 0 <= words[i] <= _MOST:
            return False
    for i in range(LAST, SUMS):
        if words[i] >= 2 * CODE_BIAS:
            return False
    if words[FLAGS] > SATURATED | OVER | SETTLED or (words[OFFSET] - WORD_BIAS) & 31:
        return False
    calibration = (words[OFFSET] - WORD_BIAS) >> 5, words[OFFSET + 1] - GAIN_BIAS, words[OFFSET + 2], words[OFFSET + 3]
    # Without a calibration all four are 0.
    if misfit(CALIBRATION_BOUNDS, calibration) and calibration != (0, 0, 0, 0):
        return False
    s[:] = words
    return True
