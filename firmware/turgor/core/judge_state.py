"""What a tick of the judge leaves to the next, as bytes, but for the windows of the medians, which a minute refills.

A layout byte, the words that belong to no channel, and then for each position, and for what belongs to no channel, its
number, the size of the rest (2 bytes) and the rest: its state, until when it is on standby, when it was zeroed, what it
keeps of its signal, and its alarms.
"""

from turgor.core.alarms import idle_words
from turgor.core.change import BASELINE_MOST
from turgor.core.channels import CHANNELS, IMPEDANCE, NO_CHANNEL, PRESSURE
from turgor.core.doubt import MINUTES, MINUTES_MOST
from turgor.core.entries import REMOVED
from turgor.core.fluid import ANCHOR, BASELINE, CONFIRMED, ORIGIN
from turgor.core.judge import NO_DBP, SECOND, WORD_LINE, WORD_LINE_S, WORD_TYPED, WORD_TYPED_S, WORDS
from turgor.core.packed import WORD_SIZE, get_triples, get_words, put_triples, put_words
from turgor.core.rules import DBP_LEAST_MILLI_MMHG, DBP_MOST_MILLI_MMHG
from turgor.core.slope import OLDEST
from turgor.mp import const

_LAYOUT = const(3)
# The words that belong to no channel, and the layout.
FIRST_SIZE = 1 + WORDS * WORD_SIZE
_HEAD = const(3)
_STATE_SIZE = const(7)
# Of a slope's words the first is its configuration.
_SLOPE_AT = const(1)
_SECOND_MOST = const(0xFFFFFFF)


def pack_part(judge, part, buffer, at):
    """Write a part of the state of `judge` after a tick, each in turn up to `last_part`; returns where it ends.

    Behind the words that belong to no channel come two parts for each position: what is kept, and the alarms.
    """
    if part == 0:
        buffer[at] = _LAYOUT
        return put_words(judge.words, 0, WORDS, buffer, at + 1)
    position = (part - 1) >> 1
    if part & 1:
        return _pack_kept(judge, position, buffer, at)
    return judge.alarms.pack_subject(position, buffer, at)


def _pack_kept(judge, position, buffer, at):
    """All of a position but its alarms."""
    is_channel = position < len(judge.channels)
    size = part_size(judge, position) - _HEAD
    buffer[at] = judge.channels[position] if is_channel else NO_CHANNEL
    buffer[at + 1] = size & 255
    buffer[at + 2] = size >> 8
    at += _HEAD
    if not is_channel:
        return at
    buffer[at] = judge.states[position]
    at = put_triples(judge.until, position, 1, buffer, at + 1)
    at = put_triples(judge.zeroed, position, 1, buffer, at)
    kept = judge.kept[position]
    for i in range(len(kept)):
        first = _SLOPE_AT if i == 1 else 0
        at = put_triples(kept[i], first, len(kept[i]) - first, buffer, at)
    return at


def part_size(judge, position):
    """How many bytes what is kept of a position, or of what belongs to none, will take, its alarms included."""
    size = _HEAD + judge.alarms.packed_size(position)
    return size + _STATE_SIZE + _size(judge.kept[position]) if position < len(judge.channels) else size


def last_part(judge):
    """The number of the last part."""
    return 2 * len(judge.channels) + 2


def pack_judge(judge, buffer, at):
    """Write the whole state; returns where it ends."""
    for part in range(last_part(judge) + 1):
        at = pack_part(judge, part, buffer, at)
    return at


def unpack_judge(judge, buffer, at, end, least_age_s=0):
    """Go on from what `pack_judge` wrote; no DBP counts as younger than `least_age_s`, and unless that is 0 the
    board was off for who knows how long. False, and nothing changed, when the bytes cannot be a state.

    What belongs to a channel that is not here is dropped; one that is new begins afresh.
    """
    if at + FIRST_SIZE > end or buffer[at] != _LAYOUT:
        return False
    words = judge.words[:]
    at = get_words(words, 0, WORDS, buffer, at + 1)
    if not 0 <= words[SECOND] <= _SECOND_MOST:
        return False
    for i in (WORD_TYPED, WORD_LINE):
        there = DBP_LEAST_MILLI_MMHG <= words[i] <= DBP_MOST_MILLI_MMHG
        if (not there and words[i] != NO_DBP) or not -_SECOND_MOST <= words[i + 1] <= words[SECOND]:
            return False
    count = len(judge.channels)
    found = {}
    states = bytearray(count)
    until = judge.until[:]
    zeroed = judge.zeroed[:]
    alarms = idle_words(judge.alarms.count)
    while at < end:
        if at + _HEAD > end:
            return False
        number = buffer[at]
        stop = at + _HEAD + (buffer[at + 1] | buffer[at + 2] << 8)
        at += _HEAD
        if stop > end:
            return False
        for position in range(count + 1):
            if number == (judge.channels[position] if position < count else NO_CHANNEL):
                if position in found:
                    return False
                found[position] = []
                if position < count:
                    kept = [words[:] for words in judge.kept[position]]
                    if at + _STATE_SIZE + _size(kept) > stop or buffer[at] > REMOVED:
                        return False
                    states[position] = buffer[at]
                    at = get_triples(until, position, 1, buffer, at + 1)
                    at = get_triples(zeroed, position, 1, buffer, at)
                    for part in range(len(kept)):
                        first = _SLOPE_AT if part == 1 else 0
                        at = get_triples(kept[part], first, len(kept[part]) - first, buffer, at)
                    if not _may_be(CHANNELS[number][1], kept):
                        return False
                    found[position] = kept
                if not judge.alarms.unpack_subject(position, alarms, buffer, at, stop):
                    return False
        at = stop
    judge.words[:] = words
    # On from a second that has passed; which of the two was there last stays so.
    late = max(words[WORD_TYPED_S], words[WORD_LINE_S]) - words[SECOND] + least_age_s
    if late > 0 and max(words[WORD_TYPED], words[WORD_LINE]) >= 0:
        judge.words[WORD_TYPED_S] -= late
        judge.words[WORD_LINE_S] -= late
    judge.states[:] = states
    judge.until[:] = until
    judge.zeroed[:] = zeroed
    for position in found:
        for part in range(len(found[position])):
            judge.kept[position][part][:] = found[position][part]
    judge.alarms.words[:] = alarms
    judge.alarms.event_count = 0
    if least_age_s:
        judge.was_off()
    judge.choose_limits()
    judge.choose()
    return True


def _size(kept):
    size = 0
    for part in range(len(kept)):
        size += 3 * (len(kept[part]) - (_SLOPE_AT if part == 1 else 0))
    return size


def _may_be(kind, kept):
    """Whether these words lead nowhere that no tick could have led."""
    if kind == PRESSURE:
        return 0 <= kept[1][OLDEST] < len(kept[1]) - 2 and 0 <= kept[0][MINUTES] <= MINUTES_MOST
    if kind == IMPEDANCE:
        s = kept[0]
        known = 0 < s[BASELINE] <= BASELINE_MOST and 0 < s[ANCHOR] <= BASELINE_MOST
        return (known or s[BASELINE] == s[ANCHOR] == 0) and 0 <= s[ORIGIN] <= CONFIRMED
    return True
