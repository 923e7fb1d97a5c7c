"""MAX30009, bioimpedance front end, I2C 0x68 or 0x69. Source: Analog Devices datasheet 19-101213 Rev 2 (8/23).

One sweep drives a small sine current through two electrodes at 5, 50 and 100 kHz in turn and averages what two others
receive, in phase (I) and in quadrature (Q). Between sweeps nothing is driven and the electrodes are disconnected. The
limit of the patient current is kept in `turgor.drivers.current`, not left to the chip: all that decides it is read back
before the drive, and again before what was measured is told.

A sweep in another mode than MEASURE is one for calibration: electrodes off, the resistor on the calibration ports
driven, the step marked as such in `leads`. With the drive in reset it gives the offsets; with both mixers in phase with
the current, and with both in quadrature, gain and phase of each (`turgor_host.calibrate.impedance`).
"""

from turgor.drivers import (
    ABSENT,
    BROWN_OUT,
    FAULT,
    FIFO_OVERFLOW,
    NEVER_READY,
    NO_FAULT,
    NOTHING,
    PLL_UNLOCKED,
    READBACK,
    RESTARTED,
    RESULT,
    STUCK,
    WRONG_ID,
)
from turgor.drivers.current import Body
from turgor.drivers.max30009_writes import (
    ABORT_WRITES,
    ADDRESS,
    BANDGAP_WRITE,
    BIOZ_1,
    CHECKED_LEADS,
    CLOCKS,
    CONFIGURATION,
    DISCONNECT_WRITES,
    FLUSH_WRITE,
    LEADS,
    MEASURE,
    MODE_SHIFT,
    MUX_1,
    PLL_1,
    QUIET_WRITES,
    RESET_WRITE,
    Frequency,
    drive_off,
)
from turgor.mp import const, micropython, ptr8

_STATUS_1 = const(0x00)
_LOCKED = const(0x0A)  # FREQ_LOCK | PHASE_LOCK
_FREQ_UNLOCK = const(0x10)
_LOCK_MASK = const(0x1A)  # _LOCKED | _FREQ_UNLOCK
_PWR_RDY = const(0x01)  # the supply was away since this was last read

_STATUS_2 = const(0x01)
_LEADS_MASK = const(0x7F)  # all but LON

_FIFO_COUNTER_1 = const(0x0A)
_OVERFLOW_MASK = const(0x7F)
_FIFO_DATA = const(0x0C)
_TAG_I = const(1)
_TAG_Q = const(2)

_PART_ID = const(0xFF)
_PART = const(0x42)

DROPPED_PAIRS = const(8)
PAIRS = const(16)
_RAIL = const(524287)
_BURST_WORDS = const(8)
_BURST_PAIRS = const(4)

_RESET_QUIET_US = const(1000)
_BANDGAP_US = const(200000)
_LOCK_US = const(2000)  # typical
_LOCK_POLL_US = const(500)
_LOCK_TRIES = const(36)  # 20 ms in all
_FIRST_DATA_US = const(2000)
_FIFO_RETRY_US = const(1000)
_FIFO_TRIES = const(8)
_OFF_RETRY_US = const(10000)
_LOST_TRIES = const(10)
_TELL_TRIES = const(50)  # 500 ms
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
_CLEAR_POWER = const(6)
_IDLE = const(7)
_CONNECT = const(8)
_TUNE = const(9)
_CLEAR = const(10)
_LOCK = const(11)
_CURRENT = const(12)
_CHECK_PLL = const(13)
_CHECK_DRIVE = const(14)
_CHECK_MUX = const(15)
_CLEAR_LEADS = const(16)
_FLUSH_FIFO = const(17)
_DRIVE = const(18)
_COUNT = const(19)
_BURST = const(20)
_STATUS = const(21)
_QUIET_STEP = const(22)
_DISCONNECT = const(23)
_ABORT = const(24)


class Max30009:
    """One chip with four electrodes; `type_bf` is the explicit choice of the higher current limit.

    Chips that may touch one body are given the same `body`: only one of them drives at a time. `clocks` are rows like
    those of CLOCKS.

    `idle` is true when a sweep can begin, `mode` is what it measures. After RESULT: `frequency_index`, `count` pairs
    with `sum_i`, `sum_q`, `min_i`, `max_i`, `min_q`, `max_q` in counts, `leads` (bits 6 to 0 of STATUS_2: over, under,
    drive out of range, four of DC lead-off; the mode above them), and `first_tick`, `tick`: ends of the first and the
    last sample, to one sample period. RESTARTED says that the chip was started (again). After FAULT (`fault`) the drive
    is off, or is switched off again and again until the chip takes it, a FAULT each 500 ms; 500 ms after it did the
    driver starts over.
    """

    def __init__(self, bus, address=ADDRESS, type_bf=False, body=None, clocks=CLOCKS):
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
        self._body = body or Body()
        self._clocks = clocks
        self._type_bf = type_bf
        self.set_mode(MEASURE)
        self._state = _IDENTIFY
        self._at = 0
        self._begun = 0
        self._index = 0
        self._counted = 0
        self._ahead_us = 0
        self._pairs = 0
        self._i = 0
        self._has_i = 0
        # It may drive: switched on, or not yet known to be off.
        self._live = False
        # How often in a row the chip refused to be switched off.
        self._refused = 0
        self._measured = 0
        self._byte = bytearray(1)
        self._two = bytearray(2)
        self._three = bytearray(3)
        self._four = bytearray(4)
        self._nine = bytearray(9)
        self._words = bytearray(3 * _BURST_WORDS)

    def set_mode(self, mode):
        """What the sweeps measure from now on; only when `idle` or before the first step."""
        self.mode = mode
        prepared = self._body.frequencies
        wanted = self._clocks, self._type_bf, mode
        if wanted not in prepared:
            prepared.clear()
            prepared[wanted] = tuple([Frequency(clocks, self._type_bf, mode) for clocks in self._clocks])
        self._frequencies = prepared[wanted]
        self._now = self._frequencies[0]

    def begin(self, now):
        """Begin a sweep over the frequencies; only when `idle`. The steps that follow carry it out.

        False, and nothing began, while another chip on the body may drive. One that has refused to be switched off for
        too long is passed over: that is a single fault, and five times the current is allowed in it.
        """
        other = self._body.driver
        if other is not None and other is not self and other._refused < _LOST_TRIES:
            return False
        self._body.driver = self
        self.idle = False
        self._live = True
        self._begun = now
        self._index = 0
        self._measured = 0
        self._now = self._frequencies[0]
        self._enter(_CONNECT)
        return True

    def stop(self):
        """Drive off at once, whatever the state; for the end of the program."""
        self.idle = False
        self._live = True
        self._refused = 0
        self._enter(_ABORT)
        drive_off(self._bus, self._address)

    @micropython.native
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

    @micropython.native
    def _enter(self, state):
        self._state = state
        self._at = 0

    @micropython.native
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
                return self._fail(WRONG_ID)
            # Before this start of the board it may have been left driving.
            self._live = True
            self._enter(_QUIET)
            return 0
        if state == _QUIET:
            return self._write_all(QUIET_WRITES, _SOFT_RESET, _RESET_QUIET_US)
        self._live = False
        if state == _SOFT_RESET:
            return self._write(RESET_WRITE, _BANDGAP, _RESET_QUIET_US)
        if state == _BANDGAP:
            return self._write(BANDGAP_WRITE, _CONFIGURE, _BANDGAP_US)
        if state == _CONFIGURE:
            return self._write_all(CONFIGURATION, _CHECK, 0)
        if state == _CHECK:
            return self._check(LEADS, self._byte, CHECKED_LEADS, _CLEAR_POWER)
        self._bus.readfrom_mem_into(self._address, _STATUS_1, self._byte)
        self._enter(_IDLE)
        self.idle = True
        self.fault = NO_FAULT
        self.event = RESTARTED
        return 0

    def _prepare(self, state):
        frequency = self._now
        if state == _CONNECT:
            return self._write_all(frequency.connect, _TUNE, 0)
        if state == _TUNE:
            return self._write_all(frequency.tune, _CLEAR, 0)
        if state in (_CLEAR, _LOCK):
            self._bus.readfrom_mem_into(self._address, _STATUS_1, self._byte)
            status = self._byte[0]
            if status & _PWR_RDY:
                return self._fail(BROWN_OUT)
            if state == _CLEAR:
                # A lock bit of the frequency before may have stood; reading has cleared it.
                self._enter(_LOCK)
                return _LOCK_US
            if status & _LOCK_MASK == _LOCKED:
                self._enter(_CURRENT)
                return 0
            self._at += 1
            return self._fail(PLL_UNLOCKED) if self._at > _LOCK_TRIES else _LOCK_POLL_US
        if state == _CURRENT:
            return self._write(frequency.current, _CHECK_PLL, 0)
        if state == _CHECK_PLL:
            return self._check(PLL_1, self._four, frequency.pll_registers, _CHECK_DRIVE)
        if state == _CHECK_DRIVE:
            return self._check(BIOZ_1, self._nine, frequency.drive_registers[self._measured], _CHECK_MUX)
        if state == _CHECK_MUX:
            after = _QUIET_STEP if self._measured else _CLEAR_LEADS
            return self._check(MUX_1, self._three, frequency.mux_registers, after)
        if state == _CLEAR_LEADS:
            self._bus.readfrom_mem_into(self._address, _STATUS_2, self._byte)
            self._enter(_FLUSH_FIFO)
            return 0
        if state == _FLUSH_FIFO:
            return self._write(FLUSH_WRITE, _DRIVE, 0)
        self._pairs = -DROPPED_PAIRS
        self._has_i = 0
        return self._write(frequency.drive, _COUNT, _FIRST_DATA_US + _BURST_PAIRS * frequency.period_us)

    def _measure(self, state, now):
        frequency = self._now
        if state == _COUNT:
            two = self._two
            self._bus.readfrom_mem_into(self._address, _FIFO_COUNTER_1, two)
            if two[0] & _OVERFLOW_MASK:
                return self._fail(FIFO_OVERFLOW)
            words = two[0] >> 7 << 8 | two[1]
            if words < _BURST_WORDS:
                self._at += 1
                if self._at > _FIFO_TRIES:
                    self._enter(_STATUS)
                    return 0
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
            self._enter(_STATUS)
            return 0
        if state == _STATUS:
            two = self._two
            self._bus.readfrom_mem_into(self._address, _STATUS_1, two)
            if two[0] & _PWR_RDY:
                return self._fail(BROWN_OUT)
            if two[0] & _FREQ_UNLOCK:
                return self._fail(PLL_UNLOCKED)
            if self._pairs < PAIRS:
                return self._fail(NEVER_READY)
            if self.min_i == self.max_i and self.min_q == self.max_q and -_RAIL <= self.min_i < _RAIL:
                # Its own noise is several counts.
                return self._fail(STUCK)
            self.leads = self.mode << MODE_SHIFT or two[1] & _LEADS_MASK
            self._measured = 1
            self._enter(_CHECK_PLL)
            return 0
        if state == _QUIET_STEP:
            wait_us = self._write_all(frequency.quiet, _TUNE, 0)
            if self._state == _TUNE:
                self.event = RESULT
                self._measured = 0
                self.frequency_index = self._index
                self._index += 1
                if self._index == len(self._frequencies):
                    self._enter(_DISCONNECT)
                else:
                    self._now = self._frequencies[self._index]
            return wait_us
        wait_us = self._write_all(DISCONNECT_WRITES, _IDLE, 0)
        if self._state == _IDLE:
            self.idle = True
            self._is_off()
        return wait_us

    @micropython.viper
    def _take_words(self, tick: int):
        """Sum the pairs of the burst; its last pair ended at `tick`."""
        words = ptr8(self._words)
        period_us = int(self._now.period_us)
        pairs = int(self._pairs)
        has_i = int(self._has_i)
        i = int(self._i)
        sum_i = int(self.sum_i)
        sum_q = int(self.sum_q)
        min_i = int(self.min_i)
        max_i = int(self.max_i)
        min_q = int(self.min_q)
        max_q = int(self.max_q)
        at = 0
        while at < 3 * _BURST_WORDS:
            tag = words[at] >> 4
            value = (((words[at] & 15) << 16 | words[at + 1] << 8 | words[at + 2]) ^ 0x80000) - 0x80000
            if tag == _TAG_I:
                i = value
                has_i = 1
            elif tag == _TAG_Q and has_i:
                has_i = 0
                if pairs >= 0 and pairs < PAIRS:
                    behind = (3 * _BURST_WORDS - 3 - at) // 6
                    end = (tick - behind * period_us) & _MASK
                    if pairs == 0:
                        self.first_tick = end
                        sum_i = 0
                        sum_q = 0
                        min_i = i
                        max_i = i
                        min_q = value
                        max_q = value
                    sum_i += i
                    sum_q += value
                    if i < min_i:
                        min_i = i
                    if i > max_i:
                        max_i = i
                    if value < min_q:
                        min_q = value
                    if value > max_q:
                        max_q = value
                    self.tick = end
                    self.count = pairs + 1
                pairs += 1
            at += 3
        self._pairs = pairs
        self._has_i = has_i
        self._i = i
        self.sum_i = sum_i
        self.sum_q = sum_q
        self.min_i = min_i
        self.max_i = max_i
        self.min_q = min_q
        self.max_q = max_q

    def _fail(self, fault):
        """Switch the drive off first; the event follows when that was tried."""
        self.fault = fault
        self.idle = False
        if not self._live:
            # Not our chip, or one that was never switched on.
            self.event = FAULT
            self._enter(_IDENTIFY)
            return _RESTART_US
        self._refused = 0
        self._enter(_ABORT)
        return 0

    def _abort(self):
        refused = self._refused
        try:
            self._bus.writeto(self._address, ABORT_WRITES[self._at])
            self._at += 1
            if self._at < len(ABORT_WRITES):
                return 0
            self._is_off()
            self._enter(_IDENTIFY)
            wait_us = _RESTART_US
        except OSError:
            self._refused = refused + 1
            self._at = 0
            wait_us = _OFF_RETRY_US
            # Each of these ends an attempt: a chip that is gone for good is not one that hangs.
            refused %= _TELL_TRIES
        if not refused:
            self.event = FAULT
        return wait_us

    def _is_off(self):
        self._live = False
        self._refused = 0
        if self._body.driver is self:
            self._body.driver = None
