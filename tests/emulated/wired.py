"""What is wired to the Pico: the chip models on its I2C controllers and their data-ready pins.

A bit on the wire lasts as long as the firmware set the controller's clock to; a start, a stop and an acknowledge each
take one. The models are those of the virtual board, told the emulated time.
"""

from collections.abc import Callable
from typing import Any

from pico import Pico

from turgor_host.sim.board import Ports
from turgor_host.sim.bus import Bus
from turgor_host.sim.chips.max30009 import Max30009
from turgor_host.sim.chips.nau7802 import Nau7802

_EMPTY_INTERRUPT = 1 << 4
_BYTE_BITS = 9
# The register whose three bytes are one word, and whether the address stays there after it.
_WORDS = {Nau7802: (0x12, False), Max30009: (0x0C, True)}
_WORD = 3
_SETTLING = 6


class Wired:
    """The chips of a compiled scenario (`turgor_host.sim.scenario`) on a Pico, each pressure channel's pin by name.

    `edges[name]` are the microseconds since power-on at which the channel's data-ready pin rose.
    """

    def __init__(self, pico: Pico, scenario: dict[str, Any], pins: dict[str, int]) -> None:
        ports = Ports(scenario, pico.clock, None, None)
        self.chips = ports.chips
        self.impedance_chips = [chip for chip in self.chips.values() if isinstance(chip, Max30009)]
        self._ready = {
            name: _Ready(pico, chip, pins["drdy_" + name])
            for name, chip in self.chips.items()
            if isinstance(chip, Nau7802)
        }
        self.edges = {name: ready.edges for name, ready in self._ready.items()}
        self._targets = [_Target(pico, number, ports.bus(number), self._follow) for number in (0, 1)]

    def _follow(self) -> None:
        for ready in self._ready.values():
            ready.follow()


class _Ready:
    """A data-ready pin: high from the end of a conversion until it is read."""

    def __init__(self, pico: Pico, chip: Nau7802, pin: int) -> None:
        self.edges: list[int] = []
        self._clock = pico.clock
        self._nanos = pico.mcu.clock
        self._chip = chip
        self._pin = pico.mcu.gpio[pin]
        self._alarm = pico.mcu.clock.create_alarm(self._ended)
        self._run = chip.conversions
        self._high = False
        self._pin.set_input_value(False)

    def follow(self) -> None:
        """Look whether a transaction started or stopped the conversions, or read one."""
        chip = self._chip
        if self._high and not chip.is_unread():
            self._high = False
            self._pin.set_input_value(False)
        if chip.conversions != self._run:
            self._run = chip.conversions
            self._alarm.cancel()
            self._next()

    def _next(self) -> None:
        start, period, per, _ = self._run
        if per:
            k = max(((self._clock.us - start + 1) * per - 1) // period + 1, _SETTLING)
            self._alarm.schedule(max((start + k * period // per) * 1000 - self._nanos.nanos, 0) + 1)

    def _ended(self) -> None:
        if not self._high:
            self._high = True
            self.edges.append(self._clock.us)
            self._pin.set_input_value(True)
        self._next()


class _Target:
    """All chips of one bus as the target of an I2C controller of the Pico."""

    def __init__(self, pico: Pico, number: int, bus: Bus, done: Callable[[], None]) -> None:
        self._i2c = pico.mcu.i2c[number]
        self._bus = bus
        self._done = done
        self._chip: Any = None
        self._register = 0
        self._written = bytearray()
        self._read = bytearray()
        self._addressed = False
        self._after: Callable[[], None] = self._i2c.complete_stop
        self._alarm = pico.mcu.clock.create_alarm(lambda: self._after())
        self._i2c.on_start = lambda repeated: self._wait(1, self._i2c.complete_start)
        self._i2c.on_connect = self._connect
        self._i2c.on_write_byte = self._write
        self._i2c.on_read_byte = self._give
        self._i2c.on_stop = self._stop

    def _wait(self, bits: int, after: Callable[[], None]) -> None:
        self._after = after
        self._alarm.schedule(bits * (self._i2c.scl_low_period + self._i2c.scl_high_period) * 8)

    def _connect(self, address: int, mode: int) -> None:
        try:
            self._chip = self._bus.at(address)
        except OSError:
            self._chip = None
        if self._chip is None or self._chip.dead:
            self._chip = None
            self._wait(_BYTE_BITS, self._refuse)
            return
        self._read.clear()
        self._addressed = bool(mode and self._written)
        if self._addressed:
            self._register = self._written[0]
        self._written.clear()
        self._wait(_BYTE_BITS, lambda: self._i2c.complete_connect(True))

    def _refuse(self) -> None:
        self._i2c.complete_connect(False)
        # The controller's emulation forgets that what it threw away leaves it empty.
        self._i2c._set_interrupts(_EMPTY_INTERRUPT)

    def _write(self, value: int) -> None:
        self._written.append(value)
        self._wait(_BYTE_BITS, lambda: self._i2c.complete_write(True))

    def _give(self, more: bool) -> None:
        if not self._read and not self._addressed:
            self._read = bytearray(1)
            self._chip.read_into(self._read)
        elif not self._read:
            word, stays = _WORDS.get(type(self._chip), (-1, False))
            size = _WORD if self._register == word else 1
            self._read = bytearray(size)
            self._chip.read_register_into(self._register, self._read)
            if not (size > 1 and stays):
                self._register = (self._register + size) & 0xFF
        value = self._read.pop(0)
        self._wait(_BYTE_BITS, lambda: self._i2c.complete_read(value))

    def _stop(self) -> None:
        if self._written and self._chip:
            self._chip.write(bytes(self._written))
        self._written.clear()
        self._done()
        self._wait(1, self._i2c.complete_stop)
