"""What hangs on a stand-in board: the virtual board's sensor models on its pins, in real time.

The scenario is that of `turgor_host.sim.board`, its faults there from the start, and besides: `ready_pins` has the pin
of each channel's data-ready signal that is wired, `low` pins that somebody holds low, `extra` (bus, multiplexer port,
address) of chips that nobody asked for, `other_chips` the channels at whose place another one answers, `no_mux`.
"""

import json
import time

from turgor_host.sim.board import Ports

# Of the waits between two looks at the clock; a driver gives up a chip that is silent for twice as long.
_LONGEST_US = 25000


class Clock:
    """The board's clock, which the models share: transfers take the time that they take.

    While the computer does something else for longer than any wait of the firmware, a board's time stands still.
    """

    start_ticks = 0

    def __init__(self):
        self._begun = self._seen = time.ticks_us()

    def ticks(self):
        """Microseconds, from anywhere."""
        now = time.ticks_us()
        if now - self._seen > _LONGEST_US:
            self._begun += now - self._seen - _LONGEST_US
        self._seen = now
        return now - self._begun

    def go_on(self):
        """After a time at the prompt, which counts."""
        self._seen = time.ticks_us()

    @property
    def us(self):
        return self.ticks() + 1000000

    @us.setter
    def us(self, us):
        pass


class Other:
    """A chip whose every register reads 0x55."""

    def write(self, buf):
        pass

    def read_into(self, buf):
        for i in range(len(buf)):
            buf[i] = 0x55

    def read_register_into(self, register, buf):
        self.read_into(buf)


class Chips:
    def __init__(self, path):
        with open(path) as file:
            scenario = json.load(file)
        self.clock = Clock()
        ports = Ports(scenario, self.clock, None, None)
        for _, fault, channel in scenario["faults"]:
            ports.spoil(channel, fault)
        for bus, port, address in scenario.get("extra", ()):
            if port < 0:
                ports.buses[bus].attach(address, Other())
            else:
                ports._muxes[bus].attach(port, address, Other())
        for name in scenario.get("other_chips", ()):
            ports.chips[name].read_register_into = Other().read_register_into
        for mux in ports._muxes.values():
            mux.dead = scenario.get("no_mux", False)
        self._ready = {pin: ports._ready[name] for name, pin in scenario.get("ready_pins", {}).items()}
        self._low = scenario.get("low", ())
        self._buses = ports.buses
        if self._low:
            self._buses[0].hold()
        self._listening = []
        self._us = 0
        self._telling = False

    def bus(self, number):
        return self._buses[number]

    def level(self, pin):
        return 0 if pin in self._low else 1

    def listen(self, pin, handler):
        if pin in self._ready:
            self._listening.append((self._ready[pin], handler))

    def ticks_us(self):
        """The time, after the interrupt handlers of the conversions that ended were called; to them it is the same."""
        if not self._telling:
            self._us = self.clock.ticks()
            self._telling = True
            for ready, handler in self._listening:
                for _ in range(ready.take()):
                    handler(None)
            self._telling = False
        return self._us
