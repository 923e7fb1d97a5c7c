"""MAX30009 model: a bioimpedance front end with a current source, I and Q receivers and a FIFO.

Source: Analog Devices datasheet 19-101213 Rev 2 (8/23), as in tests/vectors/max30009_registers.csv. Words are computed
when read, from the sample clock that the registers select and the load at the time of the sample. Simplified: a change
of any setting while it samples starts the samples anew, a full FIFO always drops its oldest word, the digital filters
are not there, status bits other than the PLL's tell what holds at the moment of reading, and a disabled channel always
leaves the stray word that the datasheet calls possible.
"""

from turgor.mp import const, micropython
from turgor_host.sim.chips.max30009_tables import CURRENTS_NA, GAINS, LOWEST_HZ, RESET, WRITABLE
from turgor_host.sim.noise import TABLE, put_noisy, salt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from turgor_host.sim.bus import Clock
    from turgor_host.sim.signal import Load


_EIO = const(5)

_STATUS_1 = const(0x00)
_A_FULL = const(0x80)
_FIFO_DATA_RDY = const(0x20)
_UNLOCKED = const(0x14)
_LOCKED = const(0x0A)
_PWR_RDY = const(0x01)
_STATUS_2 = const(0x01)
_BIOZ_OVER = const(0x40)
_BIOZ_UNDR = const(0x20)
_DRV_OOR = const(0x10)
_DC_LOFF = const(0x09)  # positive input high, negative input low
_FIFO_WRITE = const(0x08)
_FIFO_COUNTER_1 = const(0x0A)
_FIFO_COUNTER_2 = const(0x0B)
_FIFO_DATA = const(0x0C)
_FIFO_CONFIG_1 = const(0x0D)
_FIFO_CONFIG_2 = const(0x0E)
_FIFO_MARK = const(0x20)
_FLUSH_FIFO = const(0x10)
_SYSTEM = const(0x11)
_SHDN = const(0x02)
_SOFT_RESET = const(0x01)
_PLL_1 = const(0x17)
_PLL_EN = const(0x01)
_NDIV = const(0x20)
_PLL_2 = const(0x18)
_PLL_4 = const(0x1A)
_REF_CLK_SEL = const(0x40)
_CLK_FREQ_SEL = const(0x20)
_BIOZ_1 = const(0x20)
_BG_EN = const(0x04)
_Q_EN = const(0x02)
_I_EN = const(0x01)
_BIOZ_2 = const(0x21)
_BIOZ_3 = const(0x22)
_EXT_RES = const(0x80)
_LOFF_RAPID = const(0x40)
_BIOZ_5 = const(0x24)
_BIOZ_6 = const(0x25)
_DRIVE_RESET = const(0x30)
_LOW_THRESHOLD = const(0x26)
_HIGH_THRESHOLD = const(0x27)
_BIOZ_7 = const(0x28)
_STBYON = const(0x10)
_Q_CLK_PHASE = const(0x08)
_I_CLK_PHASE = const(0x04)
_MUX_1 = const(0x41)
_MUX_EN = const(0x02)
_MUX_3 = const(0x43)
_LEADS = const(0x50)
_EN_LOFF_DET = const(0x40)
_EN_DRV_OOR = const(0x10)

_TETRAPOLAR = const(0xA0)
_TWO_ELECTRODE = const(0x00)
_CAL_ONLY = const(0x07)  # CONNECT_CAL_ONLY | MUX_EN | CAL_EN
_RESISTOR_UOHM = const(100000000)
_ELECTRODES_UOHM = const(1000000000)  # two drive electrodes of 500 ohm
_UOHM_LIMIT = const(4000000000)
# counts = Z Ipk G (2/pi) 2^19 / VREF with Ipk = sqrt(2) rms: 4.72025e-10 per (micro-ohm nA), x 2^36 x 10^6.
_COUNTS_Q36_MILLION = const(32437314)
_WORD_MAX = const(0x7FFFF)

_FIFO_WORDS = const(256)
_EMPTY = const(0xFF)  # each byte of a word that is not there
_MARKER = b"\xff\xff\xfe"
_STRAY = b"\x00\x40\x00"
_TAG_I = const(0x100000)
_TAG_Q = const(0x200000)
_PLL_LOW_HZ = const(14000000)
_PLL_HIGH_HZ = const(28000000)
_PLL_LOCK_US = const(2000)
_RESET_QUIET_US = const(1000)
_BANDGAP_US = const(200000)
_FIRST_DATA_US = const(2000)
_LEADS_US = const(125000)
_COMPLIANCE_NV = const(540000000)


class Max30009:
    """The chip with `load` on its electrodes. `address` only says where the owner attaches it.

    Attributes to change at any time: `dead` (answers no more), `pll_fails`, `drive_off` and `sense_off` (an electrode
    came off), `stuck` (words repeat without noise), `noise_lsb` (rms), `resistor_uohm` on the calibration ports. `hung`
    is set by a forbidden soft reset: writes are ignored until `power_cycle`.

    `mixers` says how the receivers depart from ideal ones, per drive frequency: (hz, i_re, i_im, q_re, q_im, offset_i,
    offset_q), factors of the impedance in 2^-30 and offsets in counts. None is an ideal receiver.
    """

    def __init__(
        self,
        clock: "Clock",
        load: "Load",
        *,
        address: int = 0x68,
        period_ppm: int = 0,
        noise_lsb: int = 5,
        seed: int = 1,
    ) -> None:
        self.clock = clock
        self.load = load
        self.address = address
        self.noise_lsb = noise_lsb
        self.dead = self.hung = self.pll_fails = self.stuck = False
        self.resistor_uohm = _RESISTOR_UOHM
        self.mixers: "list[tuple[int, int, int, int, int, int, int]] | None" = None
        self.drive_off = self.sense_off = False
        self._period_million = 1000000 + period_ppm
        self._salt = salt(seed)
        self._registers = bytearray(256)
        # Noise goes on across runs.
        self._noise_index = 0
        self.power_cycle()

    @property
    def driving_na(self) -> int:
        """The rms current that flows into the electrodes now, nA; 0 when none does."""
        on_electrodes = self._registers[_MUX_1] & _CAL_ONLY != _CAL_ONLY
        return self._current_na if self._streaming and self._drives and on_electrodes else 0

    @property
    def frequency_hz(self) -> int:
        """The drive frequency that the registers select."""
        r = self._registers
        hz: int = self._pll_hz() // ((1 << min(r[_PLL_1] >> 1 & 15, 13)) * (32 << (r[_BIOZ_1] >> 6)))
        return hz

    def power_cycle(self) -> None:
        """Supply off and on again."""
        self.hung = False
        self._restore()
        self._latched = _PWR_RDY

    def write(self, buf: bytes) -> None:
        if self.dead:
            raise OSError(_EIO)
        if len(buf) > 1:
            register = buf[0]
            for i in range(1, len(buf)):
                self._write(register, buf[i])
                if register != _FIFO_DATA:
                    register = (register + 1) & 255

    def read_into(self, buf: bytearray) -> None:
        """A read that no register address came before starts at register 0."""
        self.read_register_into(0, buf)

    @micropython.native
    def read_register_into(self, register: int, buf: bytearray) -> None:
        if self.dead:
            raise OSError(_EIO)
        self._catch_up()
        if register == _FIFO_DATA:
            self._burst(buf)
            return
        for i in range(len(buf)):
            buf[i] = self._value(register)
            if register != _FIFO_DATA:
                register = (register + 1) & 255

    # Registers.

    def _restore(self) -> None:
        for register in range(256):
            self._registers[register] = RESET.get(register, 0)
        self._latched = 0
        self._pushed = 0
        self._streaming = False
        self._drives = False
        self._current_na = 0
        self._locked_us = -1
        self._per = 1
        self._period = 1
        self._per_sample = 1
        self._channels = 0
        self._mixer: "tuple[int, int, int, int, int, int, int] | None" = None
        self._pll_off_us = self.clock.us - _RESET_QUIET_US
        self._bandgap_us = 0
        self._taken = 0
        self._produced = 0
        self._flush()

    @micropython.native
    def _value(self, register: int) -> int:
        if register == _STATUS_1:
            return self._status_1()
        if register == _STATUS_2:
            return self._status_2()
        if _FIFO_WRITE <= register <= _FIFO_COUNTER_2:
            count: int = self._count()
            if register == _FIFO_COUNTER_1:
                lost: int = self._lost
                return count >> 8 << 7 | lost
            if register == _FIFO_COUNTER_2:
                return count & 255
            newest: int = self._pushed
            return (newest if register == _FIFO_WRITE else newest - count) & 255
        return self._registers[register]

    @micropython.native
    def _write(self, register: int, value: int) -> None:
        if self.hung or register not in WRITABLE:
            return
        registers = self._registers
        if register == _SYSTEM and value & _SOFT_RESET:
            self._soft_reset()
            return
        before = registers[register]
        value_kept = value & WRITABLE[register]
        if register == _FIFO_CONFIG_2:
            registers[register] = value_kept
            if value & _FLUSH_FIFO:
                self._flush()
            if value & _FIFO_MARK:
                self._freeze()
                self._kept += _MARKER
                self._pushed += 1
            return
        was_streaming = self._streaming
        self._freeze()
        was_locked = self._locked()
        registers[register] = value_kept
        if register == _BIOZ_1 and value & _BG_EN and not before & _BG_EN:
            self._bandgap_us = self.clock.us
        self._follow_pll(register, before, was_locked)
        self._limit_current()
        if registers[_SYSTEM] & _SHDN:
            self._flush()
        self._run(was_streaming)

    def _soft_reset(self) -> None:
        r = self._registers
        allowed = (
            r[_BIOZ_1] & _BG_EN
            and not r[_SYSTEM] & _SHDN
            and not r[_PLL_4] & _REF_CLK_SEL
            and not self._pll_on()
            and self.clock.us - self._pll_off_us >= _RESET_QUIET_US
        )
        if allowed:
            self._restore()
        else:
            self.hung = True

    # Clocks and drive.

    def _pll_hz(self) -> int:
        r = self._registers
        m: int = (r[_PLL_1] >> 6 << 8 | r[_PLL_2]) + 1
        return m * (32768 if r[_PLL_4] & _CLK_FREQ_SEL else 32000)

    def _pll_on(self) -> int:
        """Enabling a channel enables the PLL as well."""
        enabled: int = self._registers[_PLL_1] & _PLL_EN | self._registers[_BIOZ_1] & (_I_EN | _Q_EN)
        return enabled

    @micropython.native
    def _locked(self) -> bool:
        return 0 <= self._locked_us <= self.clock.us and not self.pll_fails

    def _follow_pll(self, register: int, before: int, was_locked: bool) -> None:
        r = self._registers
        now = self.clock.us
        if not self._pll_on():
            if self._locked_us >= 0:
                self._pll_off_us = now
            self._locked_us = -1
        elif (
            self._locked_us < 0
            or (register == _PLL_1 and (r[_PLL_1] ^ before) & 0xC0)
            or (register in (_PLL_2, _PLL_4) and r[register] != before)
        ):
            in_range = _PLL_LOW_HZ <= self._pll_hz() <= _PLL_HIGH_HZ
            self._locked_us = now + _PLL_LOCK_US if in_range else 1 << 60
        else:
            return
        if was_locked:
            # The bit stays set until it is read, though the lock is gone.
            self._latched |= _LOCKED

    def _limit_current(self) -> None:
        """Lower a current that the chip itself does not allow at this frequency."""
        r = self._registers
        step = (r[_BIOZ_3] >> 2 & 3) * 4 + (r[_BIOZ_3] >> 4 & 3)
        if not r[_BIOZ_3] & _EXT_RES:
            while step >= 12 and self.frequency_hz < LOWEST_HZ[step - 12]:
                step -= 1
            r[_BIOZ_3] = r[_BIOZ_3] & 0xC3 | step >> 2 << 2 | (step & 3) << 4
        self._current_na = CURRENTS_NA[step]

    def _run(self, was_streaming: bool) -> None:
        """Start or stop sampling as the registers say."""
        r = self._registers
        mode = r[_BIOZ_3] & 3
        self._channels = r[_BIOZ_1] & (_I_EN | _Q_EN)
        self._streaming = bool(
            self._channels and r[_BIOZ_1] & _BG_EN and not r[_SYSTEM] & _SHDN and (mode != 3 or r[_BIOZ_7] & _STBYON)
        )
        self._drives = mode == 0 and not r[_BIOZ_6] & _DRIVE_RESET and bool(r[_MUX_1] & _MUX_EN)
        self._taken = 0
        self._produced = 0
        if not self._streaming:
            if was_streaming and not r[_SYSTEM] & _SHDN:
                self._kept += _STRAY
                self._pushed += 1
            return
        # Microseconds of a sample: N x OSR x (10^6 + ppm) / PLL.
        self._period = (1024 if r[_PLL_1] & _NDIV else 512) * (8 << (r[_BIOZ_1] >> 3 & 7)) * self._period_million
        self._per = self._pll_hz()
        self._per_sample = 2 if self._channels == _I_EN | _Q_EN else 1
        self._frequency_hz = self.frequency_hz
        self._mixer = None if self.mixers is None else min(self.mixers, key=self._distance)
        self._scale_q36 = self._current_na * GAINS[r[_BIOZ_5] & 3] * _COUNTS_Q36_MILLION // 1000000
        self._enabled_us = self.clock.us
        self._start_us = max(self.clock.us, self._locked_us) + _FIRST_DATA_US

    def _distance(self, mixer: "tuple[int, int, int, int, int, int, int]") -> int:
        away: int = abs(mixer[0] - self._frequency_hz)
        return away

    # FIFO. Words of the present run that are not read yet follow those in `_kept`.

    def _flush(self) -> None:
        self._kept = bytearray()
        self._catch_up()
        self._taken = self._produced
        self._pushed = 0
        self._announced = 0
        self._lost = 0

    @micropython.native
    def _count(self) -> int:
        count: int = len(self._kept) // 3 + self._produced - self._taken
        return count

    @micropython.native
    def _finished(self) -> int:
        elapsed = self.clock.us - self._start_us
        if elapsed < 0 or not self._locked():
            return 0
        k: int = ((elapsed + 1) * self._per - 1) // self._period
        return k

    @micropython.native
    def _catch_up(self) -> None:
        """Count the words that came since the last look, and drop the oldest beyond the FIFO's size."""
        if self._streaming:
            more = self._finished() * self._per_sample - self._produced
            if more > 0:
                self._pushed += more
                self._produced += more
        excess = self._count() - _FIFO_WORDS
        if excess > 0:
            self._lost = min(self._lost + excess, 127)
            kept = min(excess, len(self._kept) // 3)
            self._kept = self._kept[3 * kept :]
            self._taken += excess - kept

    @micropython.native
    def _freeze(self) -> None:
        """Turn what the FIFO holds into stored words, before a setting changes."""
        self._catch_up()
        count = self._produced - self._taken
        if count:
            words = bytearray(3 * count)
            self._put_words(words, 0, count)
            self._kept += words
        self._noise_index += self._produced

    @micropython.native
    def _burst(self, buf: bytearray) -> None:
        size = len(buf)
        if size % 3:
            # The bytes of the last word that nobody fetches are gone.
            words = bytearray(size + 3 - size % 3)
            self._burst(words)
            buf[:] = words[:size]
            return
        at = 0
        kept = self._kept
        if kept:
            at = min(size, len(kept))
            buf[:at] = kept[:at]
            self._kept = kept[at:]
        count = (size - at) // 3
        if count > self._produced - self._taken:
            count = self._produced - self._taken
        self._put_words(buf, at, count)
        if at + 3 * count:
            self._lost = 0
        for i in range(at + 3 * count, size):
            buf[i] = _EMPTY
        self._announced = self._pushed

    @micropython.native
    def _put_words(self, buf: bytearray, at: int, count: int) -> None:
        """Take the next `count` words of the present run into `buf` from `at` on."""
        n = self._taken
        self._taken = end = n + count
        per_sample = self._per_sample
        in_phase = self._channels != _Q_EN
        index = self._noise_index
        rms = 0 if self.stuck else self.noise_lsb
        seed = self._salt
        known = 0
        i = q = 0
        while n < end:
            k = n // per_sample + 1
            if k != known:
                known = k
                i, q = self._sample(k)
            if per_sample == 2:
                in_phase = not n & 1
            if in_phase:
                put_noisy(buf, at, _TAG_I, i, _WORD_MAX, index + n, seed, rms, TABLE)
            else:
                put_noisy(buf, at, _TAG_Q, q, _WORD_MAX, index + n, seed, rms, TABLE)
            at += 3
            n += 1

    @micropython.native
    def _sample(self, k: int) -> "tuple[int, int]":
        """I and Q of sample k = 1, 2 .. without noise, in counts, not yet clipped."""
        r = self._registers
        ports = r[_MUX_1] & _CAL_ONLY
        if self.drive_off and self._drives and ports != _CAL_ONLY and not self.sense_off:
            return 2 * _WORD_MAX, 0
        t_us = self._start_us + k * self._period // self._per
        re, im = self._impedance(ports, t_us)
        scale_q36 = self._scale_q36
        if not -_UOHM_LIMIT <= re <= _UOHM_LIMIT:
            re = _UOHM_LIMIT if re > 0 else -_UOHM_LIMIT
        if not -_UOHM_LIMIT <= im <= _UOHM_LIMIT:
            im = _UOHM_LIMIT if im > 0 else -_UOHM_LIMIT
        phases = r[_BIOZ_7]
        offset_i = offset_q = 0
        i = im if phases & _I_CLK_PHASE else re
        q = re if phases & _Q_CLK_PHASE else im
        if self._mixer is not None:
            _, i_re, i_im, q_re, q_im, offset_i, offset_q = self._mixer
            i = re * i_im + im * i_re if phases & _I_CLK_PHASE else re * i_re - im * i_im
            q = re * q_re - im * q_im if phases & _Q_CLK_PHASE else re * q_im + im * q_re
            i >>= 30
            q >>= 30
        i = (i * scale_q36 >> 36) + offset_i
        q = (q * scale_q36 >> 36) + offset_q
        if k < 3:
            # The decimation filter fills over three samples.
            part = 1 if k == 1 else 5
            i = i * part // 6
            q = q * part // 6
        missing_us = self._bandgap_us + _BANDGAP_US - t_us
        if missing_us > 0:
            i -= i * missing_us // _BANDGAP_US
            q -= q * missing_us // _BANDGAP_US
        return i, q

    def _impedance(self, ports: int, t_us: int) -> "tuple[int, int]":
        """What is between the receiver's inputs for the current that is driven, micro-ohm."""
        wiring = self._registers[_MUX_3]
        if not self._drives:
            return 0, 0
        if ports == _CAL_ONLY:
            return self.resistor_uohm, 0
        if self.sense_off or (wiring != _TETRAPOLAR and wiring != _TWO_ELECTRODE):
            return 0, 0
        re, im = self.load.at(self._frequency_hz, t_us)
        return (re + _ELECTRODES_UOHM if wiring == _TWO_ELECTRODE else re), im

    # Status.

    def _status_1(self) -> int:
        status: int = self._latched
        self._latched = 0
        if self._pll_on():
            status |= _LOCKED if self._locked() else _UNLOCKED
        if self._pushed > self._announced:
            status |= _FIFO_DATA_RDY
            self._announced = self._pushed
        if self._count() >= _FIFO_WORDS - self._registers[_FIFO_CONFIG_1]:
            status |= _A_FULL
        return status

    def _status_2(self) -> int:
        r = self._registers
        if not self._streaming:
            return 0
        lasted = self.clock.us - self._enabled_us >= _LEADS_US
        status = 0
        if self.sense_off and r[_LEADS] & _EN_LOFF_DET and (lasted or r[_BIOZ_3] & _LOFF_RAPID):
            status |= _DC_LOFF
        k = self._finished()
        if not lasted or not k or not self._drives:
            return status
        if r[_LEADS] & _EN_DRV_OOR:
            re = self.load.at(self._frequency_hz, self.clock.us)[0]
            peak_nv = (re // 1000000 + _ELECTRODES_UOHM // 1000000) * self._current_na * 1414 // 1000
            if self.drive_off or peak_nv > _COMPLIANCE_NV:
                status |= _DRV_OOR
        if r[_BIOZ_2] & 1:
            i, q = self._sample(k)
            compared = r[_BIOZ_2] >> 1 & 3
            square = i * i if compared == 0 else q * q if compared == 1 else i * i + q * q
            if square > (2048 * r[_HIGH_THRESHOLD]) ** 2:
                status |= _BIOZ_OVER
            if square < (32 * r[_LOW_THRESHOLD]) ** 2:
                status |= _BIOZ_UNDR
        return status
