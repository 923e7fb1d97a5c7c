"""NAU7802 model: a 24-bit bridge converter on its own oscillator.

Source: Nuvoton NAU7802 datasheet Rev 2.1 (October 2021); the register table with its sources is
tests/vectors/nau7802_registers.csv. Conversions are never stored: which one is the newest follows from the clock, and
its code from the bridge at the time it ended. Stricter than the datasheet: the three result bytes are coherent in one
transaction only, and the first six conversions after a start are wrong although they can be read.
"""

from turgor.mp import const, micropython
from turgor_host.sim.noise import TABLE, put_noisy, salt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from turgor_host.sim.bus import Clock

    class Bridge(Protocol):
        """The transducer on the input."""

        def at(self, t_us: int) -> int:
            """Signal at the absolute time `t_us`, in pV per V of excitation; within +-5e11."""


_EIO = const(5)
_TICKS_MASK = const(0x3FFFFFFF)

_PU_CTRL = const(0x00)
_CTRL1 = const(0x01)
_CTRL2 = const(0x02)
_OCAL1 = const(0x03)
_ADCO = const(0x12)
_ADC = const(0x15)
_SIZE = const(0x20)

_RR = const(0x01)
_PUD = const(0x02)
_PUA = const(0x04)
_PUR = const(0x08)
_CS = const(0x10)
_CR = const(0x20)
_AVDDS = const(0x80)
_CALS = const(0x04)
_CAL_ERR = const(0x08)
_CALMOD = const(0x03)

_RESET = {0x07: 0x80, 0x0E: 0x80, 0x1F: 0x0F}
_READ_ONLY = (0x12, 0x13, 0x14, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1D, 0x1E, 0x1F)
# Samples per second by CRS; the codes between are reserved and taken as 10.
_RATES = (10, 20, 40, 80, 10, 10, 10, 320)

_POWER_UP_US = const(200)
_CALIBRATION_US = const(344000)
_LDO_RAMP_US = const(200000)
# Conversions after a start that neither the pin nor CR announces.
_SETTLING = const(6)
# Offset of the amplifier at gain 128 before the internal calibration: 0.2 mmHg.
_RAW_OFFSET_CODE = const(2147)
# 2^24 / 10^12 = 4096 / 244140625.
_CODE_DENOMINATOR = const(244140625)
_CODE_ROUND = const(122070312)
_CODE_MAX = const(0x7FFFFF)

# Words of `Nau7802.read`.
CODE = const(0)
READ_K = const(1)
RISES = const(2)
ROSE_K = const(3)


class Drdy:
    """The data-ready pin with the interrupt behind it: how often it rose, and when it did last.

    It stands from the end of a conversion until a result is read: conversions that end meanwhile raise it no more.
    `tick` is that of its last rise as of the last `take`, in ticks: absolute us + `ticks_offset`, modulo 2^30.
    """

    def __init__(self, model: "Nau7802", ticks_offset: int = 0) -> None:
        self.tick = 0
        self._model = model
        self._clock = model.clock
        self._offset = ticks_offset
        self._seen = 0
        # After a blind interval: what was counted by its end, and its end.
        self._late = -1
        self._late_tick = 0

    @micropython.viper
    def take(self) -> int:
        """How often it rose since the last call."""
        run = self._model.conversions
        read = self._model.read
        start = int(run[0])
        period = int(run[1])
        per = int(run[2])
        k = ((int(self._clock.us) - start + 1) * per - 1) // period
        count = int(read[RISES])
        rose = int(read[READ_K]) + 1
        if rose < _SETTLING:
            rose = _SETTLING
        if k >= rose:
            count += 1
        else:
            rose = int(read[ROSE_K])
        n = count - int(self._seen)
        if n <= 0:
            return 0
        self._seen = count
        if count == int(self._late):
            self.tick = self._late_tick
        elif per > 0 and rose > 0:
            self.tick = (start + rose * period // per + int(self._offset)) & _TICKS_MASK
        return n

    def blind(self, start_us: int, end_us: int) -> None:
        """Interrupts were off from `start_us` to `end_us`: a rise between them is told then."""
        start, period, per, _ = self._model.conversions
        rose = max(self._model.read[READ_K] + 1, _SETTLING)
        if ((start_us - start + 1) * per - 1) // period < rose <= ((end_us - start + 1) * per - 1) // period:
            self._late = self._model.read[RISES] + 1
            self._late_tick = (end_us + self._offset) & _TICKS_MASK


class Nau7802:
    """The chip with `bridge` on channel 1 and a 3.3 V supply.

    `period_ppm` is the oscillator's error. Attributes to change at any time: `dead` (answers no more), `stopped`
    (conversions cease), `calibration_fails`, `gain_ppm` and `offset_pv` (errors of the input), `noise_lsb` (rms).
    """

    def __init__(
        self,
        clock: "Clock",
        bridge: "Bridge",
        *,
        period_ppm: int = 0,
        noise_lsb: int = 90,
        seed: int = 1,
    ) -> None:
        self.clock = clock
        self.bridge = bridge
        self.noise_lsb = noise_lsb
        self.gain_ppm = 0
        self.offset_pv = 0
        self.dead = False
        self.calibration_fails = False
        self.start_us = 0
        # start, period, per, base: conversion k = 1, 2 .. of the present run ends at start + k * period // per us, and
        # base is the number of its conversion 0: announced conversions before it, less those that it keeps to itself.
        # While nothing is converted per is 0 and makes k -1. A tuple costs less than as many attributes.
        self.conversions = (0, 1000000 + period_ppm, 0, 1 - _SETTLING)
        self._salt = salt(seed)
        self._stopped = False
        self._registers = bytearray(_SIZE)
        self._pointer = 0
        self._scratch = bytearray(3)
        self._signal_at = bridge.at
        # What was read last: its code and k; how often the pin rose before that, and the k at which it did last.
        self.read = [0, 0, 0, 0]
        self._power_us = 0
        self._analog_us = 0
        self._calibrated_us = 0
        self._settled_k = _SETTLING
        # Multiplier, bias, and the first conversion that is as it should be.
        self._scale = (4096, 0, _SETTLING)
        self._reset()
        # The pin as wired to a board whose tick counter began at the clock's `start_ticks`.
        self.ready = Drdy(self, getattr(clock, "start_ticks", 0))

    def power_cycle(self) -> None:
        """Supply off and on again: everything at reset, no conversions."""
        self._halt()
        self._reset()
        self._registers[_PU_CTRL] = 0

    @property
    def stopped(self) -> bool:
        return self._stopped

    @stopped.setter
    def stopped(self, stopped: bool) -> None:
        self._stopped = stopped
        self._configure(False)

    def write(self, buf: bytes) -> None:
        if self.dead:
            raise OSError(_EIO)
        if len(buf):
            self._pointer = buf[0]
            for i in range(1, len(buf)):
                self._write(self._pointer, buf[i])
                self._pointer = (self._pointer + 1) & 0x7F

    def read_into(self, buf: bytearray) -> None:
        self.read_register_into(self._pointer, buf)

    @micropython.native
    def read_register_into(self, register: int, buf: bytearray) -> None:
        if self.dead:
            raise OSError(_EIO)
        if register != _ADCO or len(buf) != 3:
            self._read(register, buf)
            return
        last = self.read
        start, period, per, base = self.conversions
        k = ((self.clock.us - start + 1) * per - 1) // period
        if k <= 0:
            put_noisy(buf, 0, 0, last[CODE], _CODE_MAX, 0, 0, 0, TABLE)
            return
        t_us = start + k * period // per
        signal = self._signal_at(t_us) + self.offset_pv
        if self.gain_ppm:
            signal += signal * self.gain_ppm // 1000000
        multiplier, bias, settled_k = self._scale
        code = (signal * multiplier + _CODE_ROUND) // _CODE_DENOMINATOR + bias
        if k < settled_k:
            code = self._unsettled(code, k, t_us)
        last[CODE] = put_noisy(buf, 0, 0, code, _CODE_MAX, base + k, self._salt, self.noise_lsb, TABLE)
        self._fall(k)

    @micropython.native
    def _fall(self, k: int) -> None:
        """The pin falls, where it stands: conversion `k` was read."""
        last = self.read
        before = last[READ_K]
        if k > before:
            last[READ_K] = k
            if k >= _SETTLING:
                last[RISES] += 1
                last[ROSE_K] = before + 1 if before >= _SETTLING else _SETTLING

    def _unsettled(self, code: int, k: int, t_us: int) -> int:
        """Before the filter is full the step has not passed; before the regulator is up the gain is 1 % low."""
        if k < _SETTLING:
            code = code * k // _SETTLING
        missing_us = self._analog_us + _LDO_RAMP_US - t_us
        if missing_us > 0:
            code -= code * missing_us // (100 * _LDO_RAMP_US)
        return code

    def is_unread(self) -> bool:
        """Whether a conversion was announced that nobody has read: the level of the pin and of CR."""
        k = self._finished()
        unread: bool = k >= _SETTLING and k > self.read[READ_K]
        return unread

    def _finished(self) -> int:
        start, period, per, _ = self.conversions
        k = ((self.clock.us - start + 1) * per - 1) // period
        return k if k > 0 else 0

    def _read(self, register: int, buf: bytearray) -> None:
        for i in range(len(buf)):
            buf[i] = self._value((register + i) & 0x7F)
        self._pointer = (register + len(buf)) & 0x7F

    def _value(self, register: int) -> int:
        if register >= _SIZE:
            return 0
        value = self._registers[register]
        if register == _PU_CTRL:
            if value & _PUD and self.clock.us - self._power_us >= _POWER_UP_US:
                value |= _PUR
            if self.is_unread():
                value |= _CR
        elif register == _CTRL2 and self.clock.us < self._calibrated_us:
            value = (value | _CALS) & ~_CAL_ERR
        elif _ADCO <= register < _ADC:
            self.read_register_into(_ADCO, self._scratch)
            value = self._scratch[register - _ADCO]
        return value

    def _write(self, register: int, value: int) -> None:
        registers = self._registers
        if register == _PU_CTRL:
            self._control(value & ~(_PUR | _CR) & 255)
        elif register < _SIZE and register not in _READ_ONLY and not registers[_PU_CTRL] & _RR:
            if register == _CTRL2:
                self._calibrate(value)
            else:
                registers[register] = value
                self._configure(False)

    def _control(self, value: int) -> None:
        before = self._registers[_PU_CTRL]
        now = self.clock.us
        if value & _RR:
            self._halt()
            self._reset()
            value = _RR
        if value & _PUD and not before & _PUD:
            self._power_us = now
        if value & _PUA and not before & _PUA:
            self._analog_us = now
        self._registers[_PU_CTRL] = value
        self._configure(bool(value & _CS and not before & _CS))

    def _calibrate(self, value: int) -> None:
        now = self.clock.us
        registers = self._registers
        rate_before = registers[_CTRL2] & 0x70
        busy = now < self._calibrated_us
        registers[_CTRL2] = value & ~(_CALS | _CAL_ERR) & 255 | registers[_CTRL2] & _CAL_ERR
        if value & _CALS and not busy and registers[_PU_CTRL] & _PUA:
            self._calibrated_us = now + _CALIBRATION_US
            if self.calibration_fails:
                registers[_CTRL2] |= _CAL_ERR
            else:
                registers[_CTRL2] &= ~_CAL_ERR & 255
                if value & _CALMOD == 0:
                    # Written at once: no conversion ends before the calibration does.
                    offset = self._raw_offset() & 0xFFFFFF
                    registers[_OCAL1] = offset >> 16
                    registers[_OCAL1 + 1] = offset >> 8 & 255
                    registers[_OCAL1 + 2] = offset & 255
            self._configure(True)
        else:
            self._configure(value & 0x70 != rate_before)

    def _raw_offset(self) -> int:
        code: int = _RAW_OFFSET_CODE << (self._registers[_CTRL1] & 7) >> 7
        return code

    def _configure(self, restart: bool) -> None:
        """Take the registers over; `restart` begins a new run of conversions."""
        registers = self._registers
        control = registers[_PU_CTRL]
        needed = _PUD | _PUA | _CS | _AVDDS
        run = control & needed == needed and not self._stopped
        running = self.conversions[2] > 0
        if running and (restart or not run):
            self._halt()
            running = False
        if run and not running:
            _, period, _, base = self.conversions
            per = _RATES[registers[_CTRL2] >> 4 & 7]
            self.start_us = max(self.clock.us, self._calibrated_us)
            self.conversions = (self.start_us, period, per, base)
            self.read[READ_K] = self.read[ROSE_K] = 0
            ramp_us = self._analog_us + _LDO_RAMP_US - self.start_us
            self._settled_k = max(_SETTLING, ramp_us * per // period + 1)
        offset = (registers[_OCAL1] << 16 | registers[_OCAL1 + 1] << 8 | registers[_OCAL1 + 2]) ^ 0x800000
        # Channel 2 is not connected.
        selected = not registers[_CTRL2] & 0x80
        multiplier = 4096 << (registers[_CTRL1] & 7) if selected else 0
        self._scale = (multiplier, self._raw_offset() - (offset - 0x800000), self._settled_k)

    def _halt(self) -> None:
        start, period, per, base = self.conversions
        if per:
            self._fall(self._finished())
            self.conversions = (start, period, 0, base + max(0, self._finished() - _SETTLING + 1))

    def _reset(self) -> None:
        for register in range(_SIZE):
            self._registers[register] = _RESET.get(register, 0)
        self._calibrated_us = 0
        self._pointer = 0
        self._configure(False)
