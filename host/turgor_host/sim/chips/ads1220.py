"""ADS1220 model: a 24-bit bridge converter on its own oscillator.

Source: TI datasheet SBAS501; the table with what was read where is tests/vectors/ads1220.csv. Conversions are never
stored: which one is the newest follows from the clock, and its code from the bridge at the time it ended.
"""

from turgor.mp import const
from turgor_host.sim.noise import TABLE, put_noisy, salt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from turgor_host.sim.bus import Clock
    from turgor_host.sim.chips.nau7802 import Bridge

_TICKS_MASK = const(0x3FFFFFFF)

_REGISTERS = const(4)
_CM = const(0x04)
_BRIDGE_MUX = const(3)
_EXTERNAL = const(1)

# Clocks of a conversion by DR in normal mode; 7 is reserved and taken as 20 SPS.
_CLOCKS = (204768, 91120, 46128, 23664, 12464, 6896, 4144, 204768)
_CLOCKS_PER_S = const(4096000)
# From START to the beginning of the first conversion.
_START_CLOCKS = const(210)
_RESET_US = const(58)  # 50 us and 32 clocks

_INTERNAL_MV = const(2048)
# 2^23 / 10^12 = 2048 / 244140625.
_CODE_MULTIPLIER = const(2048)
_CODE_DENOMINATOR = const(244140625)
_CODE_MAX = const(0x7FFFFF)
_NEVER = const(1 << 60)


class Drdy:
    """The data-ready pin with the interrupt behind it: how many conversions ended, and when the last one did.

    `tick` is the end of the newest conversion as of the last `take`, in ticks: absolute us + `ticks_offset`, modulo
    2^30.
    """

    def __init__(self, model: "Ads1220", ticks_offset: int) -> None:
        self.tick = 0
        self._model = model
        self._offset = ticks_offset
        self._seen = 0

    def take(self) -> int:
        """Conversions announced since the last call."""
        count = self._model.finished()
        n = count - self._seen
        self._seen = count
        if n:
            self.tick = (self._model.end_us() + self._offset) & _TICKS_MASK
        return n

    def blind(self, start_us: int, end_us: int) -> None:
        """Interrupts were off from `start_us` to `end_us`: of the edges between them one is kept."""
        model = self._model
        missed = model.finished(end_us) - model.finished(start_us)
        if missed > 0:
            self._seen += missed - 1


class Ads1220:
    """The chip with `bridge` between AIN1 and AIN2 and its excitation on REFP0 and REFN0.

    `period_ppm` is the oscillator's error. Faults, to change at any time: `absent` (the byte that the line then reads,
    0xFF or 0x00, else None; the pin is silent), `stopped` (conversions cease), `stuck` (the code of every conversion
    from now on, else None), `spoilt` (bits inverted in what a register reads, by its number), `power_cycle()`.
    """

    def __init__(
        self,
        clock: "Clock",
        bridge: "Bridge",
        *,
        period_ppm: int = 0,
        noise_lsb: int = 90,
        seed: int = 1,
        excitation_mv: int = 3300,
    ) -> None:
        self.clock = clock
        self.bridge = bridge
        self.noise_lsb = noise_lsb
        self.excitation_mv = excitation_mv
        self.absent: int | None = None
        self.stuck: int | None = None
        self.spoilt: dict[int, int] = {}
        self.registers = bytearray(_REGISTERS)
        self._rate_ppm = 1000000 + period_ppm
        self._salt = salt(seed)
        self._stopped = False
        self._scratch = bytearray(3)
        self._awake_us = 0
        # Conversion k of the run that began at _start_us ends at _start_us + k * _period // _CLOCKS_PER_S.
        self._start_us = 0
        self._period = _NEVER
        self._most = 0
        # Conversions of the runs before.
        self._base = 0
        # The pin as wired to a board whose tick counter began at the clock's `start_ticks`.
        self.ready = Drdy(self, getattr(clock, "start_ticks", 0))

    @property
    def stopped(self) -> bool:
        return self._stopped

    @stopped.setter
    def stopped(self, stopped: bool) -> None:
        self._stopped = stopped
        if stopped:
            self._halt()

    def power_cycle(self) -> None:
        """Supply off and on again, as a reset is: every register 0, no conversions."""
        self._halt()
        self.registers = bytearray(_REGISTERS)
        self._awake_us = self.clock.us + _RESET_US

    def finished(self, us: "int | None" = None) -> int:
        """Conversions announced since the model was made, now or at `us`."""
        return self._base + self._newest(us)

    def end_us(self) -> int:
        """When the newest conversion of this run ended."""
        end_us: int = self._start_us + self._newest() * self._period // _CLOCKS_PER_S
        return end_us

    def transfer(self, out: bytes, into: bytearray) -> None:
        n = len(out)
        for i in range(n):
            into[i] = 0 if self.absent is None else self.absent
        if self.absent is not None:
            return
        i = 0
        # Asleep after a reset, it takes nothing more.
        while i < n and self.clock.us >= self._awake_us:
            i = self._command(out, into, i)

    def _command(self, out: bytes, into: bytearray, i: int) -> int:
        """Do the command at `i`; returns where the next one is."""
        command = out[i]
        i += 1
        first = command >> 2 & 3
        last = first + (command & 3)
        if command >> 4 == 2:
            for register in range(first, min(last + 1, _REGISTERS, first + len(out) - i)):
                into[i + register - first] = self.registers[register] ^ self.spoilt.get(register, 0)
            i += last - first + 1
        elif command >> 4 == 4:
            for register in range(first, min(last + 1, _REGISTERS, first + len(out) - i)):
                self.registers[register] = out[i + register - first]
            i += last - first + 1
            if self._most:
                self._convert()
        elif command >> 4 == 1:
            self._result()
            for k in range(min(3, len(out) - i)):
                into[i + k] = self._scratch[k]
            i += 3
        elif command >> 1 == 3:
            self.power_cycle()
        elif command >> 1 == 4:
            self._convert()
        elif command >> 1 == 1:
            self._halt()
        return i

    def _newest(self, us: "int | None" = None) -> int:
        """The number of this run's newest conversion, now or at `us`; 0 before the first."""
        if self.absent is not None:
            # The board sees no edge of a chip that is not there.
            return 0
        us = self.clock.us if us is None else us
        k: int = ((us - self._start_us + 1) * _CLOCKS_PER_S - 1) // self._period
        return min(max(k, 0), self._most)

    def _convert(self) -> None:
        """Begin a run: of one conversion, or without end in continuous mode."""
        self._halt()
        if self._stopped:
            return
        clocks = _CLOCKS[self.registers[1] >> 5]
        self._period = clocks * self._rate_ppm
        self._start_us = self.clock.us + _START_CLOCKS * 1000000 // _CLOCKS_PER_S
        self._most = _NEVER if self.registers[1] & _CM else 1

    def _halt(self) -> None:
        self._base += self._newest()
        self._most = 0

    def _result(self) -> None:
        """Put the newest conversion into the scratch; before the first of a run what was there stays."""
        k = self._newest()
        if not k:
            return
        mux = self.registers[0] >> 4
        signal = self.bridge.at(self.end_us()) if mux == _BRIDGE_MUX else 0
        signal <<= self.registers[0] >> 1 & 7
        if self.registers[2] >> 6 != _EXTERNAL:
            signal = signal * self.excitation_mv // _INTERNAL_MV
        code = (signal * _CODE_MULTIPLIER + _CODE_DENOMINATOR // 2) // _CODE_DENOMINATOR
        noise_lsb = self.noise_lsb
        if self.stuck is not None:
            code, noise_lsb = self.stuck, 0
        put_noisy(self._scratch, 0, 0, code, _CODE_MAX, self._base + k, self._salt, noise_lsb, TABLE)
