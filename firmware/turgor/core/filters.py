"""A channel's samples: median of 1, 3 or 5, low-pass of order 2 or 4, calibration and threshold, in one call a block.

Input: signed 24-bit codes. Inside: codes + 2^24, and filtered values as (codes + 2^24) x 32, so that no stored word is
negative. Output: calibrated values (milli-mmHg) within +-2^28, or filtered values as codes x 32 within
+-2^29.

The low-pass is the sum (1 + z^-1)^order of the codes, exact, and then order / 2 sections in delta form:
    u = input - y,   v += E u - C v,   y += v / 2^g
with E = 4 b0 2^g and C = 1 - a2 of the float design, each n / 2^(28 + z), n kept as high 2^14 + low with low within
+-2^13. What the shifts by 14, z and g drop is kept and added at the next sample (error feedback), so the gain at 0 Hz
is exactly 1 and nothing rings on. n, z and g come from `turgor_host.calibrate.lowpass`, which proves by l1 bounds that
every intermediate stays within +-2^30 for any 24-bit input.

`filter_block` works on samples `a` to `b - 1`. Both are working variables afterwards, because the viper of MicroPython
1.2x keeps the first two parameters, and nothing else, in registers; operands stand as `local * register`, which takes
it one instruction less than `register * local`. A block of 1 and a block of n give the same bits.
"""

# What stands under `if _WIDE` is bound under an earlier `if _WIDE`, which the checker does not connect.
# pyright: reportOperatorIssue=false
from turgor.mp import const, micropython, ptr32

# How the products are made: 0 split ones, for every 32-bit board; 1 one of 64 bits each, for a compiler that has them,
# which then also compiles for one shape only (`turgor_host.compiled` sets all four), and keeps medians and sums apart
# from the sections, because it makes vectors of them. The bits are the same.
_WIDE = const(0)
_SHAPE_SECTIONS = const(1)
_SHAPE_MEDIAN = const(1)
_SHAPE_CALIBRATED = const(0)


@micropython.viper
def filter_block(a: int, b: int, s: ptr32, x: ptr32, o: ptr32) -> int:
    """Filter x[a:b] into o[a:b] (which may be x itself) with the state `s`; returns the flags."""
    first = a
    end = b
    # Whether there is a second section, and the number of codes before the present one in its median.
    second = s[32] - 1
    before = s[33] - 1
    calibrated = s[34]
    if _WIDE:
        second = _SHAPE_SECTIONS - 1
        before = _SHAPE_MEDIAN - 1
        calibrated = _SHAPE_CALIBRATED
        # Known not to be negative, an index needs no other care.
        first &= 0x3FFFFFFF
    if s[30] == 0 and first < end:
        # At rest on the first code.
        a = (x[first] + 0x1000000) & 0x1FFFFFF
        s[22] = a
        s[23] = a
        s[24] = a
        s[25] = a
        s[26] = a
        s[27] = a << 1
        s[28] = a << 2
        s[29] = a << 3
        b = 0
        while b < 22:
            s[b + 6] = a << 5
            s[b + 7] = 0x20000000
            s[b + 8] = 0
            s[b + 9] = 0
            s[b + 10] = (1 << s[b + 5]) >> 1
            b += 11
    flags = s[31] & 1
    held = s[31] & 2
    word = 0x1FFFFFF
    limits = 0x800008
    around = 0xFFFFE0
    mask = 0x3FFF
    five = before & 4
    bias = 0
    if _WIDE or before:
        m1 = s[22]
        m2 = s[23]
        m3 = s[24]
        m4 = s[25]
    if not _WIDE:
        x1 = s[26]
        x2 = s[27]
        if second:
            x3 = s[28]
            x4 = s[29]
        e_high = s[0]
        e_low = s[1] - 0x2000
        c_high = 0 - s[2]
        c_low = 0x2000 - s[3]
        z = s[4]
        g = s[5]
        y = s[6]
        v = s[7] - 0x20000000
        rest_high = s[8]
        rest_low = s[9]
        rest_y = s[10]
        z_mask = (1 << z) - 1
        g_mask = (1 << g) - 1
        if second + calibrated == 0:
            # Nothing follows: the results leave without it.
            bias = -0x20000000
    i = first
    b = first
    while end - b:
        a = (x[b] + 0x1000000) & word
        if _WIDE:
            # Through a word of 32 bits, as the past ones are: of those a compiler takes several at once.
            o[b] = a
            a = o[b]
        # The codes in a circle of 2^24: from LIMIT_CODE on to -LIMIT_CODE there are 17. One mask tells the 32 from
        # LIMIT_CODE on from all others.
        if not ((limits + a) & around) and ((limits + a) & 0xFFFFFF) < 17:
            flags |= 1
        if before:
            b = m1
            c = m2
            if five:
                # b: the larger of the smaller ones of two pairs, c: the smaller of the larger ones.
                if b > c:
                    b = m2
                    c = m1
                d = m3
                e = m4
                if d > e:
                    d = m4
                    e = m3
                if d > b:
                    b = d
                if e < c:
                    c = e
                m4 = m3
                m3 = m2
            m2 = m1
            m1 = a
            # The middle one of a, b and c.
            if b > c:
                d = b
                b = c
                c = d
            if a < b:
                a = b
            if a > c:
                a = c
        if not _WIDE:
            b = x1 + a
            x1 = a
            if second:
                a = x2 + b
                x2 = b
                b = x3 + a
                x3 = a
                a = ((x4 + b) << 1) - y
                x4 = b
            else:
                a = ((x2 + b) << 3) - y
                x2 = b
            # The section, with u in a: E u - C v by halves, then v and y. Viper has no cheap calls, so it stands again,
            # letter by letter, for the second one.
            b = a >> 14
            d = e_high * b
            b = e_low * b + rest_low
            a = mask & a
            b = e_high * a + b
            c = e_low * a
            a = v
            a = mask & a
            b = c_high * a + b
            b = ((c_low * a + c) >> 14) + b
            a = v >> 14
            b = c_low * a + b
            rest_low = mask & b
            b = b >> 14
            a = c_high * a + d + b + rest_high
            rest_high = z_mask & a
            b = (a >> z) + v
            v = b
            b = rest_y + b
            rest_y = g_mask & b
            a = (b >> g) + y
            y = a
        b = i
        o[b] = bias + a
        b = 1 + b
        i = b
    if before:
        s[22] = m1
        s[23] = m2
        s[24] = m3
        s[25] = m4
    if _WIDE:
        # (1 + z^-1)^2 at a time, by words as well.
        scale = 3 - second - second
        k = 26
        while k < 28 + second + second:
            c = s[k]
            d = s[k + 1]
            b = first
            while end - b:
                a = o[b]
                o[b] = a + c
                c = a
                a = o[b]
                o[b] = a + d
                d = a
                b += 1
            s[k] = c
            s[k + 1] = d
            k += 2
    else:
        s[26] = x1
        s[27] = x2
        if second:
            s[28] = x3
            s[29] = x4
        s[6] = y
        s[7] = v + 0x20000000
        s[8] = rest_high
        s[9] = rest_low
        s[10] = rest_y
    if _WIDE or second + calibrated:
        offset = s[35]
        gain_high = s[36] - 0x4000
        gain_low = s[37]
        shift = s[38]
        half = (1 << shift) >> 1
        over = s[39] - 0x20000000
        release = s[40] - 0x20000000
        limit = over
        if held:
            limit = release
        if _WIDE:
            # Both sections take their turn at each sample. A rest is that of the product, below 2^(28 + z) and without
            # its lowest 14 bits; ahead is y x 2^g + v, what the next y is made of but for the product: so a sample
            # waits no longer than it must for the one before it.
            e1 = (s[0] << 14) + s[1] - 0x2000
            c1 = 0x2000 - (s[2] << 14) - s[3]
            z1 = s[4] + 28
            g1 = s[5]
            y1 = s[6]
            v1 = s[7] - 0x20000000
            ahead1 = (y1 << g1) + s[10] + v1
            rest1 = ((s[8] << 14) + s[9]) << 14
            mask1 = (1 << z1) - 0x4000
            e2 = (s[11] << 14) + s[12] - 0x2000
            c2 = 0x2000 - (s[13] << 14) - s[14]
            z2 = s[15] + 28
            g2 = s[16]
            y2 = s[17]
            v2 = s[18] - 0x20000000
            ahead2 = (y2 << g2) + s[21] + v2
            rest2 = ((s[19] << 14) + s[20]) << 14
            mask2 = (1 << z2) - 0x4000
            gain = (gain_high << 15) + gain_low
            # Half a unit of the result less the offset, both times 2^(30 + shift).
            offset = (half << 30) - offset * gain
            shift += 30
        elif second:
            e_high = s[11]
            e_low = s[12] - 0x2000
            c_high = 0 - s[13]
            c_low = 0x2000 - s[14]
            z = s[15]
            g = s[16]
            y = s[17]
            v = s[18] - 0x20000000
            rest_high = s[19]
            rest_low = s[20]
            rest_y = s[21]
            z_mask = (1 << z) - 1
            g_mask = (1 << g) - 1
        i = first
        b = first
        while end - b:
            a = o[b]
            if _WIDE:
                c = ((a << scale) - y1) * e1 + (v1 * c1 + rest1)
                rest1 = c & mask1
                c = c >> z1
                a = ahead1 + c
                v1 += c
                ahead1 = a + v1
                y1 = a >> g1
                a = y1
                if second:
                    c = (y1 - y2) * e2 + (v2 * c2 + rest2)
                    rest2 = c & mask2
                    c = c >> z2
                    a = ahead2 + c
                    v2 += c
                    ahead2 = a + v2
                    y2 = a >> g2
                    a = y2
            elif second:
                a = a - y
                b = a >> 14
                d = e_high * b
                b = e_low * b + rest_low
                a = mask & a
                b = e_high * a + b
                c = e_low * a
                a = v
                a = mask & a
                b = c_high * a + b
                b = ((c_low * a + c) >> 14) + b
                a = v >> 14
                b = c_low * a + b
                rest_low = mask & b
                b = b >> 14
                a = c_high * a + d + b + rest_high
                rest_high = z_mask & a
                b = (a >> z) + v
                v = b
                b = rest_y + b
                rest_y = g_mask & b
                a = (b >> g) + y
                y = a
            if calibrated:
                # Rounded half up; the limit is the threshold, and once that is reached the release.
                if _WIDE:
                    a = (a * gain + offset) >> shift
                else:
                    a = a - offset
                    b = 0x7FFF & a
                    a = a >> 15
                    c = (gain_low * b) >> 15
                    b = gain_high * b + c
                    b = gain_low * a + b
                    b = b >> 15
                    a = (gain_high * a + b + half) >> shift
                if a >= limit:
                    limit = release
                    held = 2
                else:
                    limit = over
                    held = 0
            else:
                a = a - 0x20000000
            b = i
            o[b] = a
            b = 1 + b
            i = b
        if _WIDE:
            s[6] = y1
            s[7] = v1 + 0x20000000
            s[8] = rest1 >> 28
            s[9] = (rest1 >> 14) & 0x3FFF
            s[10] = (ahead1 - v1) & ((1 << g1) - 1)
            if second:
                s[17] = y2
                s[18] = v2 + 0x20000000
                s[19] = rest2 >> 28
                s[20] = (rest2 >> 14) & 0x3FFF
                s[21] = (ahead2 - v2) & ((1 << g2) - 1)
        elif second:
            s[17] = y
            s[18] = v + 0x20000000
            s[19] = rest_high
            s[20] = rest_low
            s[21] = rest_y
    a = s[30] + (end - first)
    if a > 0x1FFFFFFF:
        a = 0x1FFFFFFF
    s[30] = a
    flags = flags | held
    if a > s[41]:
        flags |= 4
    s[31] = flags
    return flags
