"""A range coder of binary decisions and numbers, for a few hundred bytes that stand alone.

A decision is coded under a context, whose probability follows what it saw, by 1/16 each time, or as raw bits of no
context. A number is a decision "not zero", then
plain    a raw sign, its length (5 bits) and the bits below its highest one
Golomb   a decision "negative", then its magnitude less 1: the part above k bits as up to 8 ones and a zero, each a
         decision, and k raw bits; k follows the mean magnitude. After 8 ones its magnitude comes as a plain one does.
A Golomb coded number has a block of contexts: 4 of "not zero" by k, 4 of "negative", 8 of the ones for k > 0, 8 for 0.

Content: a byte for the user, then the code's bytes. A carry goes only into bytes not yet written; behind the end there
are zeros. Numbers lie within +-(2^30 - 1).
"""

from turgor.mp import const, micropython, ptr8, ptr16, ptr32

# The words of a coder: 0 low, 1 span, 2 the byte that a carry may still change, 3 bytes of 0xff behind it, 4 bytes
# before it; from 5 on the contexts' probabilities of a 0 in 1/4096.
CODER_WORDS = const(5)
# Parts, two words each: what it is, and its value. A decision's word is its context (below 128); that of raw bits is
# RAW + how many (1 to 8); that of a plain number PLAIN + its context; that of a Golomb coded one GOLOMB + the first of
# its contexts + (which context of "negative" << 8) + (the place of its mean magnitude in 1/16 << 12).
RAW = const(0x80)
PLAIN = const(0x400)
GOLOMB = const(0xC00)
# What a number has the most of: decisions and raw bits.
NUMBER_SYMBOLS = const(15)


@micropython.viper
def begin(c: ptr32, expected: ptr8, contexts: int):
    """Set the coder to its start, with the contexts' `expected` probabilities in 1/256."""
    c[0] = 0
    c[1] = 0xFFFFFF
    c[2] = 0
    c[3] = 0
    c[4] = 0
    i = 0
    while i < contexts:
        c[5 + i] = expected[i] << 4
        i += 1


@micropython.viper
def spell(means: ptr32, parts: ptr32, count: int, out: ptr16) -> int:
    """Write the decisions of `count` words of parts: context << 1 | bit, or bits << 8 | value; returns their number."""
    to = 0
    at = 0
    while at < count:
        what = parts[at]
        d = parts[at + 1]
        d = (((((d >> 16) & 0xFFFF) ^ 0x8000) - 0x8000) << 16) | (d & 0xFFFF)
        at += 2
        if what < 0x80:
            out[to] = (what << 1) | d
            to += 1
        elif what < 0x400:
            out[to] = ((what - 0x80) << 8) | d
            to += 1
        else:
            a = d
            if d < 0:
                a = -d
            context = what & 0x7F
            k = 0
            golomb = what & 0x800
            if golomb:
                mean_at = what >> 12
                mean = means[mean_at]
                while (24 << k) <= mean:
                    k += 1
                capped = a if a < 0x100000 else 0x100000
                means[mean_at] = mean + (((capped << 4) - mean) >> 2)
                out[to] = ((context + (k if k < 3 else 3)) << 1) | (1 if d else 0)
            else:
                out[to] = (context << 1) | (1 if d else 0)
            to += 1
            if d:
                if golomb:
                    out[to] = ((context + 4 + ((what >> 8) & 3)) << 1) | (1 if d < 0 else 0)
                    to += 1
                    context += 8 if k else 16
                    q = (a - 1) >> k
                    i = 0
                    while i < q and i < 8:
                        out[to] = ((context + i) << 1) | 1
                        to += 1
                        i += 1
                    if q < 8:
                        out[to] = (context + q) << 1
                        to += 1
                        a -= 1
                    else:
                        golomb = 0
                else:
                    out[to] = (1 << 8) | (1 if d < 0 else 0)
                    to += 1
                if golomb == 0:
                    k = 0
                    while (a >> k) > 1:
                        k += 1
                    out[to] = (5 << 8) | k
                    to += 1
                while k > 8:
                    k -= 8
                    out[to] = (8 << 8) | ((a >> k) & 0xFF)
                    to += 1
                if k:
                    out[to] = (k << 8) | (a & ((1 << k) - 1))
                    to += 1
    return to


@micropython.viper
def spell_bytes(record: ptr8, n: int, at: int, out: ptr16, to: int) -> int:
    """The decisions of a verbatim record from `to` on: its length, kind, channel, and all from `at` on; as `_spell`."""
    out[to] = (8 << 8) | n
    out[to + 1] = (8 << 8) | record[0]
    out[to + 2] = (8 << 8) | record[1]
    to += 3
    while at < n:
        out[to] = (8 << 8) | record[at]
        to += 1
        at += 1
    return to


@micropython.viper
def code(c: ptr32, symbols: ptr16, count: int, out: ptr8, capacity: int) -> int:
    """Code `count` decisions; returns the size of the content with them, or 0 when they do not fit.

    Then the content is as it was, but the contexts are not: nothing more can be coded.
    """
    low = c[0]
    span = c[1]
    held = c[2]
    pending = c[3]
    at = c[4]
    room = capacity - 2
    fits = 1
    i = 0
    while i < count and fits:
        symbol = symbols[i]
        i += 1
        if symbol < 0x100:
            p = c[5 + (symbol >> 1)]
            bound = (span >> 12) * p
            if symbol & 1:
                low += bound
                span -= bound
                p -= p >> 4
            else:
                span = bound
                p += (4096 - p) >> 4
            c[5 + (symbol >> 1)] = p
        else:
            span = span >> (symbol >> 8)
            low += span * (symbol & 0xFF)
        while span < 0x10000:
            if low < 0xFF0000 or low > 0xFFFFFF:
                carry = low >> 24
                out[at] = held + carry
                at += 1
                while pending:
                    out[at] = (0xFF + carry) & 0xFF
                    at += 1
                    pending -= 1
                held = (low >> 16) & 0xFF
            else:
                pending += 1
            if at + pending > room:
                fits = 0
                break
            low = (low & 0xFFFF) << 8
            span = span << 8
    if fits:
        c[0] = low
        c[1] = span
        c[2] = held
        c[3] = pending
        c[4] = at
    # The end, for as long as nothing follows: the number within the span that ends in the most zeros.
    held = c[2]
    pending = c[3]
    at = c[4]
    low = (c[0] + 0xFFFF) >> 16
    carry = low >> 8
    out[at] = held + carry
    at += 1
    while pending:
        out[at] = (0xFF + carry) & 0xFF
        at += 1
        pending -= 1
    out[at] = low & 0xFF
    return at + 1 if fits else 0
