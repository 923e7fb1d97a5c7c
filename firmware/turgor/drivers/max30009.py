"""MAX30009, bioimpedance front end, I2C 0x68 or 0x69. Source: Analog Devices datasheet 19-101213 Rev 2 (8/23).

One sweep drives a small sine current through two electrodes at 5, 50 and 100 kHz in turn and averages what two others
receive, in phase (I) and in quadrature (Q). Between sweeps nothing is driven and the electrodes are disconnected. The
limit of the patient current is kept in `turgor.drivers.current`, not left to the chip.
"""

from turgor.drivers import (
    ABSENT,
    FAULT,
    FIFO_OVERFLOW,
    NEVER_READY,
    NO_FAULT,
    NOTHING,
    PLL_UNLOCKED,
    READBACK,
    RESTARTED,
    RESULT,
    WRONG_ID,
)
from turgor.drivers.current import CURRENTS_NA, current_step
from turgor.mp import const, micropython

ADDRESS = const(0x68)

_STATUS_1 = const(0x00)
_LOCKED = const(0x0A)  # FREQ_LOCK | PHASE_LOCK
_LOCK_MASK = const(0x1A)  # and FREQ_UNLOCK

_STATUS_2 = const(0x01)
_LEADS_MASK = const(0x7F)  # all but LON

_FIFO_COUNTER_1 = const(0x0A)
_OVERFLOW_MASK = const(0x7F)
_FIFO_DATA = const(0x0C)
_TAG_I = const(1)
_TAG_Q = const(2)
_FIFO_CONFIG_2 = const(0x0E)
_FLUSH = const(0x1A)  # FLUSH_FIFO | FIFO_STAT_CLR | FIFO_RO

_SYSTEM = const(0x11)
_RESET = const(0x01)

_PLL_1 = const(0x17)
_PLL_EN = const(0x01)
_PLL_2 = const(0x18)
_PLL_3 = const(0x19)
_PLL_LOCK_WNDW = const(0x01)  # the internal oscillator jitters
_PLL_4 = const(0x1A)
_CLK_32768 = const(0x20)

_BIOZ_1 = const(0x20)
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
_LOW_THRESHOLD = const(0x26)
_UNDER = const(0x0A)  # 320 counts: 1 to 2 ohm
_HIGH_THRESHOLD = const(0x27)
_OVER = const(0xFF)
_BIOZ_7 = const(0x28)
_INA_CHOP_EN = const(0x02)

_MUX_1 = const(0x41)
_MUX_EN = const(0x02)
_MUX_3 = const(0x43)
# BIP EL2B, BIN EL3B, DRVP EL1, DRVN EL4; the reset value is two-electrode.
_TETRAPOLAR = const(0xA0)

_LEADS = const(0x50)
_LEADS_OFF = const(0x54)  # EN_LOFF_DET | EN_DRV_OOR, 50 nA
_LEAD_BIAS = const(0x58)
_BIAS_100M = const(0x07)

_PART_ID = const(0xFF)
_PART = const(0x42)

FREQUENCIES_HZ = (5000, 49984, 99968)
# Per frequency: M, PLL_1 without MDIV and PLL_EN, BIOZ_1 without its enables, samples' period in us. PLL = M x 32768; F
# = PLL / (K DAC_OSR); sample rate = PLL / (N ADC_OSR), F / rate an integer. N = 1024, DAC_OSR 256.
_CLOCKS = (
    (625, 0x28, 0xE8, 12800),  # K 16, ADC_OSR 256: 78.13 samples/s
    (781, 0x22, 0xE0, 5122),  # K 2, ADC_OSR 128: 195.25 samples/s
    (781, 0x20, 0xE0, 5122),  # K 1, ADC_OSR 128: 195.25 samples/s
)

GAIN = const(10)
# VREF / (2^19 gain (2/pi) sqrt(2) 64 uA); every current divides 64 uA.
_NANOOHM_AT_64_UA = const(3310206)

DROPPED_PAIRS = const(8)
PAIRS = const(16)
_BURST_WORDS = const(8)
_BURST_PAIRS = const(4)

_RESET_QUIET_US = const(1000)
_BANDGAP_US = const(200000)
_LOCK_US = const(2000)  # typical
_LOCK_POLL_US = const(500)
_LOCK_TRIES = const(36)  # 20 ms in all
_FIRST_DATA_US = const(2000)
_FIFO_RETRY_US = const(1000)
_SWEEP_US = const(980000)
_RESTART_US = const(500000)
_IDLE_US = const(1000000)

_MASK = const(0x3FFFFFFF)

# States. Writing states go through a tuple of prepared writes, one a step.
_IDENTIFY = const(0)
_QUIET = const(1)
_SOFT_RESET = const(2)
_BANDGAP = const(3)
_CONFIGURE = const(4)
_CHECK = const(5)
_IDLE = const(6)
_CONNECT = const(7)
_TUNE = const(8)
_CLEAR = const(9)
_LOCK = const(10)
_CURRENT = const(11)
_CHECK_PLL = const(12)
_CHECK_DRIVE = const(13)
_CHECK_MUX = const(14)
_CLEAR_LEADS = const(15)
_FLUSH_FIFO = const(16)
_DRIVE = const(17)
_COUNT = const(18)
_BURST = const(19)
_READ_LEADS = const(20)
_QUIET_STEP = const(21)
_DISCONNECT = const(22)
_ABORT = const(23)


def nanoohm_per_count(type_bf=False):
    """Nominal impedance of one count of I or Q for each of FREQUENCIES_HZ."""
    return tuple(_NANOOHM_AT_64_UA * (64000 // CURRENTS_NA[current_step(hz, type_bf)]) for hz in FREQUENCIES_HZ)


NOMINAL_NANOOHM_PER_COUNT = nanoohm_per_count()


class _Frequency:
    """The prepared writes and the expected read-back of one frequency."""

    def __init__(self, index, type_bf):
        m, pll, osr, self.period_us = _CLOCKS[index]
        step = current_step(FREQUENCIES_HZ[index], type_bf)
        pll |= (m - 1) >> 8 << 6
        drive = (step & 3) << 4 | step >> 2 << 2
        self.tune = (
            bytes((_BIOZ_1, osr | _BG_EN)),
            bytes((_PLL_1, pll)),
            bytes((_PLL_2, (m - 1) & 255)),
            bytes((_PLL_1, pll | _PLL_EN)),
        )
        self.current = bytes((_BIOZ_3, drive))
        self.drive = bytes((_BIOZ_1, osr | _BG_EN | _IQ_EN))
        self.quiet = (bytes((_BIOZ_1, osr | _BG_EN)), bytes((_BIOZ_3, _STANDBY)))
        self.pll_registers = bytes((pll | _PLL_EN, (m - 1) & 255, _PLL_LOCK_WNDW, _CLK_32768))
        self.drive_registers = bytes(
            (
                osr | _BG_EN,
                _COMPARE_MAGNITUDE,
                drive,
                0,
                _AHPF_100_GAIN_10,
                _AMPLIFIERS,
                _UNDER,
                _OVER,
                _INA_CHOP_EN,
            )
        )


_MUX_REGISTERS = bytes((_MUX_EN, 0, _TETRAPOLAR))

# In this order the chip may be reset: channels off, no shutdown, own clock, PLL off, 1 ms.
_QUIET_WRITES = (
    bytes((_BIOZ_1, _BG_EN)),
    bytes((_BIOZ_3, _STANDBY)),
    bytes((_MUX_1, 0)),
    bytes((_SYSTEM, 0)),
    bytes((_PLL_4, 0)),
    bytes((_PLL_1, 0x40)),
)
_CONFIGURATION = (
    bytes((_PLL_3, _PLL_LOCK_WNDW)),
    bytes((_PLL_4, _CLK_32768)),
    bytes((_BIOZ_2, _COMPARE_MAGNITUDE)),
    bytes((_BIOZ_3, _STANDBY)),
    bytes((_BIOZ_5, _AHPF_100_GAIN_10)),
    bytes((_BIOZ_6, _AMPLIFIERS)),
    bytes((_LOW_THRESHOLD, _UNDER)),
    bytes((_HIGH_THRESHOLD, _OVER)),
    bytes((_BIOZ_7, _INA_CHOP_EN)),
    bytes((_LEADS, _LEADS_OFF)),
    bytes((_LEAD_BIAS, _BIAS_100M)),
)
_CHECKED_LEADS = bytes((_LEADS_OFF,))
_CONNECT_WRITES = (bytes((_MUX_3, _TETRAPOLAR)), bytes((_MUX_1, _MUX_EN)))
_DISCONNECT_WRITES = (bytes((_MUX_1, 0)), bytes((_PLL_1, 0x40)))
# The drive first.
_ABORT_WRITES = (bytes((_BIOZ_1, _BG_EN)), bytes((_BIOZ_3, _STANDBY)), bytes((_MUX_1, 0)))
_RESET_WRITE = bytes((_SYSTEM, _RESET))
_BANDGAP_WRITE = bytes((_BIOZ_1, _BG_EN))
_FLUSH_WRITE = bytes((_FIFO_CONFIG_2, _FLUSH))


class Max30009:
    """One chip with four electrodes; `type_bf` is the explicit choice of the higher current limit.

    `idle` is true when a sweep can begin. After RESULT: `frequency_index`, `count` pairs with `sum_i`, `sum_q`,
    `min_i`, `max_i`, `min_q`, `max_q` in counts, `leads` (bits 6 to 0 of STATUS_2: over, under, drive out of range,
    four of DC lead-off), and `first_tick`, `tick`: ends of the first and the last sample, to one sample period.
    RESTARTED says that the chip was started (again). After FAULT (`fault`) the drive is off and the driver starts over
    500 ms later.
    """

    def __init__(self, bus, address=ADDRESS, type_bf=False):
        self.event = NOTHING
        self.fault = NO_FAULT
        self.idle = False
        self.frequency_index = 0
        self.count = 0
        self.sum_i = 0
        self.sum_q = 0
        self.min_i = 0
        self.max_i = 0
        self.min_q = 0
        self.max_q = 0
        self.leads = 0
        self.first_tick = 0
        self.tick = 0
        self._bus = bus
        self._address = address
        self._frequencies = tuple(_Frequency(i, type_bf) for i in range(len(FREQUENCIES_HZ)))
        self._now = self._frequencies[0]
        self._state = _IDENTIFY
        self._at = 0
        self._begun = 0
        self._index = 0
        self._counted = 0
        self._ahead_us = 0
        self._pairs = 0
        self._i = 0
        self._has_i = False
        self._byte = bytearray(1)
        self._two = bytearray(2)
        self._three = bytearray(3)
        self._four = bytearray(4)
        self._nine = bytearray(9)
        self._words = bytearray(3 * _BURST_WORDS)

    def begin(self, now):
        """Begin a sweep over FREQUENCIES_HZ; only when `idle`. The steps that follow carry it out."""
        self.idle = False
        self._begun = now
        self._index = 0
        self._now = self._frequencies[0]
        self._enter(_CONNECT)

    def stop(self):
        """Drive off at once, whatever the state; for the end of the program."""
        self.idle = False
        self._enter(_ABORT)
        for write in _ABORT_WRITES:
            try:
                self._bus.writeto(self._address, write)
            except OSError:
                # Nobody answers: there is nothing left to switch off from here.
                return

    def step(self, now):
        """One bounded action; returns the microseconds until the next is wanted."""
        self.event = NOTHING
        state = self._state
        if state == _IDLE:
            return _IDLE_US
        if state == _ABORT:
            return self._abort()
        try:
            if state < _IDLE:
                return self._start_up(state)
            left_us = _SWEEP_US - ((now - self._begun) & _MASK)
            if left_us < 0:
                return self._fail(NEVER_READY)
            wait_us = self._prepare(state) if state < _COUNT else self._measure(state, now)
            return min(wait_us, left_us + 1)
        except OSError:
            return self._fail(ABSENT)

    def _enter(self, state):
        self._state = state
        self._at = 0

    def _write_all(self, writes, after, wait_us):
        """The next of `writes`; behind the last one the state `after`, and `wait_us` until then."""
        self._bus.writeto(self._address, writes[self._at])
        self._at += 1
        if self._at < len(writes):
            return 0
        self._enter(after)
        return wait_us

    def _write(self, buf, after, wait_us):
        self._bus.writeto(self._address, buf)
        self._enter(after)
        return wait_us

    def _check(self, register, buf, expected, after):
        """Read `register` on into `buf`: anything but `expected` is a fault."""
        self._bus.readfrom_mem_into(self._address, register, buf)
        if buf != expected:
            return self._fail(READBACK)
        self._enter(after)
        return 0

    def _start_up(self, state):
        if state == _IDENTIFY:
            self._bus.readfrom_mem_into(self._address, _PART_ID, self._byte)
            if self._byte[0] != _PART:
                # Not our chip: nothing of ours to switch off.
                return self._stop(WRONG_ID)
            self._enter(_QUIET)
            return 0
        if state == _QUIET:
            return self._write_all(_QUIET_WRITES, _SOFT_RESET, _RESET_QUIET_US)
        if state == _SOFT_RESET:
            return self._write(_RESET_WRITE, _BANDGAP, _RESET_QUIET_US)
        if state == _BANDGAP:
            return self._write(_BANDGAP_WRITE, _CONFIGURE, _BANDGAP_US)
        if state == _CONFIGURE:
            return self._write_all(_CONFIGURATION, _CHECK, 0)
        wait_us = self._check(_LEADS, self._byte, _CHECKED_LEADS, _IDLE)
        if self._state == _IDLE:
            self.idle = True
            self.fault = NO_FAULT
            self.event = RESTARTED
        return wait_us

    def _prepare(self, state):
        frequency = self._now
        if state == _CONNECT:
            return self._write_all(_CONNECT_WRITES, _TUNE, 0)
        if state == _TUNE:
            return self._write_all(frequency.tune, _CLEAR, 0)
        if state == _CLEAR:
            # A lock bit of the frequency before may still stand; reading clears it.
            self._bus.readfrom_mem_into(self._address, _STATUS_1, self._byte)
            self._enter(_LOCK)
            return _LOCK_US
        if state == _LOCK:
            self._bus.readfrom_mem_into(self._address, _STATUS_1, self._byte)
            if self._byte[0] & _LOCK_MASK == _LOCKED:
                self._enter(_CURRENT)
                return 0
            self._at += 1
            return self._fail(PLL_UNLOCKED) if self._at > _LOCK_TRIES else _LOCK_POLL_US
        if state == _CURRENT:
            return self._write(frequency.current, _CHECK_PLL, 0)
        if state == _CHECK_PLL:
            return self._check(_PLL_1, self._four, frequency.pll_registers, _CHECK_DRIVE)
        if state == _CHECK_DRIVE:
            return self._check(_BIOZ_1, self._nine, frequency.drive_registers, _CHECK_MUX)
        if state == _CHECK_MUX:
            return self._check(_MUX_1, self._three, _MUX_REGISTERS, _CLEAR_LEADS)
        if state == _CLEAR_LEADS:
            self._bus.readfrom_mem_into(self._address, _STATUS_2, self._byte)
            self._enter(_FLUSH_FIFO)
            return 0
        if state == _FLUSH_FIFO:
            return self._write(_FLUSH_WRITE, _DRIVE, 0)
        self._pairs = -DROPPED_PAIRS
        self._has_i = False
        return self._write(frequency.drive, _COUNT, _FIRST_DATA_US + _BURST_PAIRS * frequency.period_us)

    @micropython.native
    def _measure(self, state, now):
        frequency = self._now
        if state == _COUNT:
            two = self._two
            self._bus.readfrom_mem_into(self._address, _FIFO_COUNTER_1, two)
            if two[0] & _OVERFLOW_MASK:
                return self._fail(FIFO_OVERFLOW)
            words = two[0] >> 7 << 8 | two[1]
            if words < _BURST_WORDS:
                # All but one of the missing pairs, then often: the chip's clock may be slow or fast.
                return (_BURST_PAIRS - 1 - (words >> 1)) * frequency.period_us + _FIFO_RETRY_US
            self._ahead_us = (words - _BURST_WORDS >> 1) * frequency.period_us
            # The newest pair ended within the last period: taken in its middle.
            self._counted = (now - (frequency.period_us >> 1)) & _MASK
            self._enter(_BURST)
            return 0
        if state == _BURST:
            self._bus.readfrom_mem_into(self._address, _FIFO_DATA, self._words)
            self._take_words((self._counted - self._ahead_us) & _MASK)
            if self._pairs < PAIRS:
                self._enter(_COUNT)
                return max(_BURST_PAIRS * frequency.period_us - self._ahead_us, 0)
            self._enter(_READ_LEADS)
            return 0
        if state == _READ_LEADS:
            self._bus.readfrom_mem_into(self._address, _STATUS_2, self._byte)
            self.leads = self._byte[0] & _LEADS_MASK
            self._enter(_QUIET_STEP)
            return 0
        if state == _QUIET_STEP:
            wait_us = self._write_all(frequency.quiet, _TUNE, 0)
            if self._state == _TUNE:
                self.event = RESULT
                self.frequency_index = self._index
                self._index += 1
                if self._index == len(FREQUENCIES_HZ):
                    self._enter(_DISCONNECT)
                else:
                    self._now = self._frequencies[self._index]
            return wait_us
        wait_us = self._write_all(_DISCONNECT_WRITES, _IDLE, 0)
        self.idle = self._state == _IDLE
        return wait_us

    @micropython.native
    def _take_words(self, tick):
        """Sum the pairs of the burst; its last pair ended at `tick`."""
        words = self._words
        for at in range(0, 3 * _BURST_WORDS, 3):
            high = words[at]
            value = (((high & 15) << 16 | words[at + 1] << 8 | words[at + 2]) ^ 0x80000) - 0x80000
            tag = high >> 4
            if tag == _TAG_I:
                self._i = value
                self._has_i = True
            elif tag == _TAG_Q and self._has_i:
                self._has_i = False
                pairs = self._pairs
                if 0 <= pairs < PAIRS:
                    behind = (3 * _BURST_WORDS - 3 - at) // 6
                    self._take_pair(self._i, value, (tick - behind * self._now.period_us) & _MASK)
                self._pairs = pairs + 1

    @micropython.native
    def _take_pair(self, i, q, tick):
        self.tick = tick
        if not self._pairs:
            self.first_tick = tick
            self.count = 1
            self.sum_i = self.min_i = self.max_i = i
            self.sum_q = self.min_q = self.max_q = q
            return
        self.count += 1
        self.sum_i += i
        self.sum_q += q
        if i < self.min_i:
            self.min_i = i
        elif i > self.max_i:
            self.max_i = i
        if q < self.min_q:
            self.min_q = q
        elif q > self.max_q:
            self.max_q = q

    def _fail(self, fault):
        """Switch the drive off first; the event follows when that was tried."""
        self.fault = fault
        self._enter(_ABORT)
        return 0

    def _abort(self):
        try:
            self._bus.writeto(self._address, _ABORT_WRITES[self._at])
        except OSError:
            pass
        self._at += 1
        return 0 if self._at < len(_ABORT_WRITES) else self._stop(self.fault)

    def _stop(self, fault):
        self.fault = fault
        self.event = FAULT
        self.idle = False
        self._enter(_IDENTIFY)
        return _RESTART_US
