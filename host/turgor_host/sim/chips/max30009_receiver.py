"""The MAX30009's two receivers: an impedance between the inputs to counts of I and Q, as good as the chip's mixers are.

A mixer's row says how the receivers depart from ideal ones at a drive frequency: (hz, i_re, i_im, q_re, q_im, offset_i,
offset_q), factors of the impedance in 2^-30 and offsets in counts.
"""

from turgor.mp import const, micropython

_Q_CLK_PHASE = const(0x08)
_I_CLK_PHASE = const(0x04)
_UOHM_LIMIT = const(4000000000)
_OVER = const(0x40)
_UNDER = const(0x20)


@micropython.native
def received(
    re: int, im: int, phases: int, mixer: "tuple[int, int, int, int, int, int, int] | None", scale_q36: int
) -> "tuple[int, int]":
    """Counts of I and Q, not yet clipped, of `re` and `im` micro-ohm; `phases` are the bits of BIOZ_CONFIG_7."""
    if not -_UOHM_LIMIT <= re <= _UOHM_LIMIT:
        re = _UOHM_LIMIT if re > 0 else -_UOHM_LIMIT
    if not -_UOHM_LIMIT <= im <= _UOHM_LIMIT:
        im = _UOHM_LIMIT if im > 0 else -_UOHM_LIMIT
    offset_i = offset_q = 0
    i = im if phases & _I_CLK_PHASE else re
    q = re if phases & _Q_CLK_PHASE else im
    if mixer is not None:
        _, i_re, i_im, q_re, q_im, offset_i, offset_q = mixer
        i = re * i_im + im * i_re if phases & _I_CLK_PHASE else re * i_re - im * i_im
        q = re * q_re - im * q_im if phases & _Q_CLK_PHASE else re * q_im + im * q_re
        i >>= 30
        q >>= 30
    return (i * scale_q36 >> 36) + offset_i, (q * scale_q36 >> 36) + offset_q


def compared(counts: "tuple[int, int]", by: int, high: int, low: int) -> int:
    """The bits of STATUS_2 for counts of I and Q against the thresholds, by I (0), Q (1) or magnitude."""
    i, q = counts
    square = i * i if by == 0 else q * q if by == 1 else i * i + q * q
    return (_OVER if square > (2048 * high) ** 2 else 0) | (_UNDER if square < (32 * low) ** 2 else 0)
