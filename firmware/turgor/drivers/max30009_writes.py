"""What a MAX30009 is told and what it has to read back: clocks, modes, and the writes of each step, made beforehand.

Source: Analog Devices datasheet 19-101213 Rev 2 (8/23).
"""

from turgor.drivers.current import CURRENTS_NA, current_step
from turgor.mp import const

ADDRESS = const(0x68)

_FIFO_CONFIG_2 = const(0x0E)
_FLUSH = const(0x1A)  # FLUSH_FIFO | FIFO_STAT_CLR | FIFO_RO

_SYSTEM = const(0x11)
_RESET = const(0x01)

PLL_1 = const(0x17)
_PLL_EN = const(0x01)
_PLL_2 = const(0x18)
_PLL_3 = const(0x19)
_PLL_LOCK_WNDW = const(0x01)  # the internal oscillator jitters
_PLL_4 = const(0x1A)
_CLK_32768 = const(0x20)

BIOZ_1 = const(0x20)
_BG_EN = const(0x04)
_IQ_EN = const(0x03)
_BIOZ_2 = const(0x21)
_COMPARE_MAGNITUDE = const(0x05)  # BIOZ_CMP 2 | EN_BIOZ_THRESH
_BIOZ_3 = const(0x22)
_STANDBY = const(0x03)  # least current, transmitter held
_BIOZ_5 = const(0x24)
_AHPF_100_GAIN_10 = const(0x03)
_BIOZ_6 = const(0x25)
# EXT_CAP, DC_RESTORE for the blocking capacitors, range medium-high, bandwidth high.
_AMPLIFIERS = const(0xCB)
_DRV_RESET = const(0x20)
_LOW_THRESHOLD = const(0x26)
_UNDER = const(0x0A)  # 320 counts: 1 to 2 ohm
_HIGH_THRESHOLD = const(0x27)
_OVER = const(0xFF)
_BIOZ_7 = const(0x28)
_INA_CHOP_EN = const(0x02)
_Q_IN_PHASE = const(0x08)
_I_IN_QUADRATURE = const(0x04)

MUX_1 = const(0x41)
_MUX_EN = const(0x02)
_CAL_ONLY = const(0x07)  # CONNECT_CAL_ONLY | MUX_EN | CAL_EN
_MUX_3 = const(0x43)
# BIP EL2B, BIN EL3B, DRVP EL1, DRVN EL4; the reset value is two-electrode.
_TETRAPOLAR = const(0xA0)

LEADS = const(0x50)
_LEADS_OFF = const(0x54)  # EN_LOFF_DET | EN_DRV_OOR, 50 nA
_LEAD_BIAS = const(0x58)
_BIAS_100M = const(0x07)

# Modes of a sweep; `leads` has them from this bit on.
MEASURE = const(0)
OFFSET = const(1)
IN_PHASE = const(2)
QUADRATURE = const(3)
MODE_SHIFT = const(8)

# Per frequency: M, log2 of K, of DAC_OSR / 32 and of ADC_OSR / 8, and the highest step of CURRENTS_NA. PLL = M x 32768;
# F = PLL / (K DAC_OSR); sample rate = PLL / (N ADC_OSR) with N = 1024, F / rate an integer or a half.
CLOCKS = (
    (625, 4, 3, 5, 11),  # 78.13 samples/s
    (781, 1, 3, 4, 11),  # 195.25 samples/s
    (781, 0, 3, 4, 11),
)
_NDIV_1024 = const(0x20)


def frequency_hz(clocks):
    """The drive frequency of a row of CLOCKS, rounded down, as the limit of its current wants it."""
    return clocks[0] << 15 >> clocks[1] + clocks[2] + 5


FREQUENCIES_HZ = tuple([frequency_hz(clocks) for clocks in CLOCKS])

GAIN = const(10)
# VREF / (2^19 gain (2/pi) sqrt(2) 64 uA); every current divides 64 uA.
_NANOOHM_AT_64_UA = const(3310206)

_OFF_TRIES = const(20)


def nanoohm_per_count(type_bf=False):
    """Nominal impedance of one count of I or Q for each of FREQUENCIES_HZ."""
    return tuple(_NANOOHM_AT_64_UA * (64000 // CURRENTS_NA[current_step(hz, type_bf)]) for hz in FREQUENCIES_HZ)


NOMINAL_NANOOHM_PER_COUNT = nanoohm_per_count()


class Frequency:
    """The prepared writes and the expected read-backs of a row of CLOCKS in one mode."""

    def __init__(self, clocks, type_bf, mode):
        m, k, dac, adc, most = clocks
        self.period_us = ((8 << adc) * 31250 + (m >> 1)) // m
        step = min(current_step(frequency_hz(clocks), type_bf), most)
        amplifiers = _AMPLIFIERS
        phases = _INA_CHOP_EN
        if mode == OFFSET:
            step = 0
            amplifiers |= _DRV_RESET
        elif mode == IN_PHASE:
            phases |= _Q_IN_PHASE
        elif mode == QUADRATURE:
            phases |= _I_IN_QUADRATURE
        ports = _CAL_ONLY if mode else _MUX_EN
        m -= 1
        pll = m >> 8 << 6 | _NDIV_1024 | k << 1
        osr = dac << 6 | adc << 3 | _BG_EN
        drive = (step & 3) << 4 | step >> 2 << 2
        off = bytes((BIOZ_1, osr))
        self.connect = (
            bytes((_BIOZ_6, amplifiers)),
            bytes((_BIOZ_7, phases)),
            bytes((_MUX_3, _TETRAPOLAR)),
            bytes((MUX_1, ports)),
        )
        self.tune = (off, bytes((PLL_1, pll)), bytes((_PLL_2, m & 255)), bytes((PLL_1, pll | _PLL_EN)))
        self.current = bytes((_BIOZ_3, drive))
        self.drive = bytes((BIOZ_1, osr | _IQ_EN))
        self.quiet = (off, bytes((_BIOZ_3, _STANDBY)))
        self.pll_registers = bytes((pll | _PLL_EN, m & 255, _PLL_LOCK_WNDW, _CLK_32768))
        rest = bytes((_COMPARE_MAGNITUDE, drive, 0, _AHPF_100_GAIN_10, amplifiers, _UNDER, _OVER, phases))
        # Before the drive, and while it is on.
        self.drive_registers = (off[1:] + rest, self.drive[1:] + rest)
        self.mux_registers = bytes((ports, 0, _TETRAPOLAR))


# In this order the chip may be reset: channels off, no shutdown, own clock, PLL off, 1 ms.
QUIET_WRITES = (
    bytes((BIOZ_1, _BG_EN)),
    bytes((_BIOZ_3, _STANDBY)),
    bytes((MUX_1, 0)),
    bytes((_SYSTEM, 0)),
    bytes((_PLL_4, 0)),
    bytes((PLL_1, 0x40)),
)
CONFIGURATION = (
    bytes((_PLL_3, _PLL_LOCK_WNDW)),
    bytes((_PLL_4, _CLK_32768)),
    bytes((_BIOZ_2, _COMPARE_MAGNITUDE)),
    bytes((_BIOZ_3, _STANDBY)),
    bytes((_BIOZ_5, _AHPF_100_GAIN_10)),
    bytes((_BIOZ_6, _AMPLIFIERS)),
    bytes((_LOW_THRESHOLD, _UNDER)),
    bytes((_HIGH_THRESHOLD, _OVER)),
    bytes((_BIOZ_7, _INA_CHOP_EN)),
    bytes((LEADS, _LEADS_OFF)),
    bytes((_LEAD_BIAS, _BIAS_100M)),
)
CHECKED_LEADS = bytes((_LEADS_OFF,))
DISCONNECT_WRITES = (bytes((MUX_1, 0)), bytes((PLL_1, 0x40)))
# The drive first.
ABORT_WRITES = (bytes((BIOZ_1, _BG_EN)), bytes((_BIOZ_3, _STANDBY)), bytes((MUX_1, 0)))
RESET_WRITE = bytes((_SYSTEM, _RESET))
BANDGAP_WRITE = bytes((BIOZ_1, _BG_EN))
FLUSH_WRITE = bytes((_FIFO_CONFIG_2, _FLUSH))


def drive_off(bus, address=ADDRESS):
    """Switch the drive off at once, whatever the chip is about; tried again when it does not answer. Whether it did."""
    for _ in range(_OFF_TRIES):
        try:
            for write in ABORT_WRITES:
                bus.writeto(address, write)
            return True
        except OSError:
            pass
    return False
