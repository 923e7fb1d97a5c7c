"""The virtual board: the unmodified firmware on simulated chips, under MicroPython or CPython.

    micropython -m turgor_host.sim.board SCENARIO.json [--speed N] [--hold] [--no-port] [--seconds S]
        [--start-ticks T] [--pins FILE] [--flash FILE] [--erase-us N] [--page-us N] [--log FILE]

Standard input and output are the serial port. `--speed 0` runs as fast as the work is done. `--hold` stops the
board's clock while its log is half full, so that a slow host loses nothing. `--no-port` leaves the port unplugged. With
`--pins` every change of the alarm's pins is written as `t_us pins`, with the bits of `turgor.core.annunciation`.
`--flash` names the file that is the board's flash and outlives it; without it the flash is new. `--log` has every
record written as it is logged, its length u8 before it.
"""

import gc
import json
import sys
import time
from binascii import unhexlify

from turgor import __version__
from turgor.app.app import App
from turgor.app.assemble import check_rates, make_samplers
from turgor.app.config import ABP2_A, ABP2_B, ADS1220, HSC_A, NAU7802, TMP117, VSYS, unpack_config
from turgor.app.keep import Keep
from turgor.app.tick import Maintenance
from turgor.core.channels import channel_id
from turgor.link import lines
from turgor.link.records import POWER_ON
from turgor.mp import const, micropython
from turgor_host.sim.bus import Bus
from turgor_host.sim.chips.max30009 import Max30009
from turgor_host.sim.chips.nau7802 import Drdy, Nau7802
from turgor_host.sim.chips.tca9548a import Tca9548a
from turgor_host.sim.clock import Clock
from turgor_host.sim.flash import ERASE_US, PROGRAM_US, Flash
from turgor_host.sim.serialport import HangUp, NoPort, SerialPort
from turgor_host.sim.signal import PV_PER_MICRO_MMHG, Felt, Load, Track
from turgor_host.sim.spi import Selected, SpiBus

# MicroPython looks for more than one free block from the start of the heap on, which takes the longer the fuller it is.
_COLLECT_BYTES = const(1 << 19)
# What one step costs an RP2040 beside its bus time, from an emulated board: a handful of method calls and the core.
_STEP_US = const(120)
# The chips' clocks are off by this much, each by another amount.
_CLOCK_PPM = {
    "calf_l": 21000,
    "calf_r": -17000,
    "forearm_l": 8000,
    "forearm_r": -31000,
    "art": 13000,
    "calf_z": 4000,
    "thorax_z": -6000,
    "cuff": 0,
    "skin": 37000,
    "motion": -41000,
    "calf_r_z": -2000,
    "forearm_z": 9000,
    "supply": 0,
}
_BRIDGE_NOISE_LSB = 90
_IMPEDANCE_NOISE_LSB = 5
_HALF = const(0x1FFFFFFF)
# TICKS_MASK, which as another module's name would be looked up anew each time.
_MASK = const(0x3FFFFFFF)
# Faults of a bridge: noise of 2 mmHg; an input 2 % weak and 2.4 mmHg off, beyond the converter's range, or none.
_SPOILT_NOISE_LSB = {"noisy": 21475, "stuck": 0}
# Of a thermometer and of an accelerometer: what they feel instead.
_SPOILT_DEGC = {"saturated": 160000}
_SPOILT_G = {"saturated": (2047, 0, 0), "stuck": (300, -200, 100)}
_SPOILT_INPUT = {"uncalibrated": (-20000, 12000000), "saturated": (0, 10000000000), "stuck": (-1000000, 0)}


class Ports:
    """What the firmware's app is given; see `turgor.boards`. `config` is its start, `chips` its sensors' models."""

    buttons = None

    def __init__(self, scenario, clock, serial, pins):
        self.boot = 1
        self.reset_cause = scenario.get("reset_cause", POWER_ON)
        self.board_id = 0x7600000000000000 + scenario["seed"]
        self.serial = serial
        self.identity = _identity()
        self._clock = clock
        self._pins = pins
        self._shown = 0
        self._ready = {}
        self._select = {}
        self.pins = []
        self.chips = {}
        self.buses = (Bus(clock), Bus(clock))
        self._spi = SpiBus(clock)
        self._muxes = {}
        image = unhexlify(scenario["image"])
        self.config = unpack_config(image, len(image))
        for channel in self.config.channels:
            self._attach(channel, scenario)
        for name, (resistor_uohm, mixers) in scenario.get("receivers", {}).items():
            self.chips[name].resistor_uohm = resistor_uohm
            self.chips[name].mixers = mixers

    def bus(self, number):
        return self.buses[number]

    def lines(self, number):
        return self.buses[number]

    def select(self, name):
        return self._select.get(name)

    def ready(self, name, falling=False):
        return self._ready.get(name)

    def supply(self):
        return self.chips["supply"]

    def alarm(self, pins):
        if self._pins and pins != self._shown:
            self._pins.write("%d %d\n" % (self._clock.us, pins))
            self._pins.flush()
        self._shown = pins

    def _attach(self, channel, scenario):
        """Make the model of a channel's sensor and wire it up as the configuration says."""
        name = channel.name
        seed = scenario["seed"] * 16 + channel.number
        chip = self.chips[name] = self._make(channel, scenario, seed)
        if channel.driver == VSYS:
            return
        if channel.driver == ADS1220:
            self._select[name] = Selected(self._spi, chip)
        elif channel.mux_port < 0:
            self.buses[channel.bus].attach(channel.address, chip)
        else:
            if channel.bus not in self._muxes:
                self._muxes[channel.bus] = Tca9548a()
                self.buses[channel.bus].attach(0x70, self._muxes[channel.bus])
            self._muxes[channel.bus].attach(channel.mux_port, channel.address, chip)
        if channel.driver == NAU7802:
            self._ready[name] = Drdy(chip, self._clock.start_ticks)
        elif channel.driver == ADS1220:
            self._ready[name] = chip.ready
        if name in self._ready:
            self.pins.append(self._ready[name])

    def _make(self, channel, scenario, seed):
        clock = self._clock
        name = channel.name
        driver = channel.driver
        ppm = _CLOCK_PPM[name]
        if channel.is_impedance():
            load = Load([(int(hz), Track(t, re), Track(t, im)) for hz, t, re, im in scenario["impedance"][name]])
            return Max30009(
                clock, load, address=channel.address, period_ppm=ppm, noise_lsb=_IMPEDANCE_NOISE_LSB, seed=seed
            )
        if channel.is_slow():
            times, *columns = scenario["slow"][name]
            tracks = [Track(times, values) for values in columns]
            if driver == VSYS:
                from turgor_host.sim.chips.vsys import Vsys

                return Vsys(clock, tracks[0])
            if driver == TMP117:
                from turgor_host.sim.chips.tmp117 import Tmp117

                return Tmp117(clock, tracks[0], period_ppm=ppm)
            from turgor_host.sim.chips.lis3dh import Lis3dh

            return Lis3dh(clock, Felt(tracks), period_ppm=ppm)
        times, values = scenario["pressure"][name]
        if driver in (NAU7802, ADS1220):
            bridge = Track(times, values, PV_PER_MICRO_MMHG)
            if driver == NAU7802:
                return Nau7802(clock, bridge, period_ppm=ppm, noise_lsb=_BRIDGE_NOISE_LSB, seed=seed)
            from turgor_host.sim.chips.ads1220 import Ads1220

            return Ads1220(clock, bridge, period_ppm=ppm // 2, noise_lsb=_BRIDGE_NOISE_LSB // 2, seed=seed)
        low, high = scenario["ranges"][name]
        pressure = Track(times, values)
        if driver <= ABP2_B:
            from turgor_host.sim.chips.abp2 import Abp2

            return Abp2(clock, pressure, low, high, transfer="AB"[driver - ABP2_A], seed=seed)
        from turgor_host.sim.chips.hsc import Hsc

        return Hsc(clock, pressure, low, high, transfer="ABCF"[driver - HSC_A], seed=seed)

    def spoil(self, name, fault):
        """Have the sensor of channel `name` suffer one of `turgor_host.sim.scenario`'s faults, and no other."""
        chip = self.chips[name]
        if name == "supply":
            chip.dead = fault == "saturated"
            return
        chip.dead = fault == "absent"
        if isinstance(chip, Max30009):
            chip.drive_off = fault == "electrode_off"
            return
        if hasattr(chip, "forced"):
            chip.stopped = fault == "silent"
            spoilt = _SPOILT_DEGC if name == "skin" else _SPOILT_G
            chip.forced = spoilt.get(fault)
            return
        if not isinstance(chip, Nau7802):
            # Of the others a scenario has the first alone.
            chip.absent = 255 if chip.dead else None
            return
        if chip.stopped != (fault == "silent"):
            chip.stopped = not chip.stopped
        chip.noise_lsb = _SPOILT_NOISE_LSB.get(fault, _BRIDGE_NOISE_LSB)
        chip.gain_ppm, chip.offset_pv = _SPOILT_INPUT.get(fault, (0, 0))


def _identity():
    implementation = sys.implementation
    name = {"micropython": "MicroPython", "cpython": "CPython"}.get(implementation.name, implementation.name)
    version = ".".join(str(part) for part in implementation.version[:3])
    return (
        "version=%s;platform=%s;runtime=%s %s;machine=virtual board" % (__version__, sys.platform, name, version)
    ).encode()


class Runner:
    """Moves the clock from step to step, and hands over what the scenario types or breaks."""

    def __init__(self, app, clock, ports, scenario, speed, hold):
        self._app = app
        self._clock = clock
        self._ports = ports
        self._speed = speed
        self._hold = hold
        self._acts = sorted(
            [(t, "dbp", value) for t, value in scenario["dbp"]]
            + [(t, fault, channel) for t, fault, channel in scenario["faults"]]
            + [(t, "sweeps", (channel, sweeps)) for t, channel, sweeps in scenario.get("sweeps", ())]
        )
        self._next_act = 0
        self._ids = 0x40000000

    @micropython.viper
    def run(self, until_us: int):
        """Run until board time `until_us`, or for ever when that is 0."""
        app = self._app
        clock = self._clock
        wire = app.wire
        tick = app.tick
        log = app.log
        poll = app.poll
        serial = self._ports.serial
        start_ticks = int(clock.start_ticks)
        jobs = app.jobs
        order = app.order
        start = int(_monotonic_us())
        speed = int(self._speed)
        hold_used = (int(log.used) + int(log.room())) >> 1 if self._hold else 1 << 60
        acts = self._acts
        act_us = int(acts[0][0]) if acts else 1 << 60
        slack_us = 0
        us = int(clock.us)
        while True:
            due = int(poll((us + start_ticks) & _MASK))
            us = int(clock.us)
            if jobs[order[-1]] is not wire:
                us += _STEP_US
            if us >= act_us and not tick.busy:
                act_us = int(self._act())
            now = (us + start_ticks) & _MASK
            ahead = (due - now) & _MASK
            if ahead == 0 or ahead > _HALF:
                clock.us = us
                continue
            # The log has no room. Board time stands still, but a host that is gone has to make room for the next.
            waits = 0
            while int(log.used) > hold_used:
                if wire.step(now):
                    serial.wait(50)
                    waits += 1
                    if waits == 20:
                        waits = 0
                        wire.heard_s = int(wire.heard_s) - 1
            us += ahead
            clock.us = us
            if until_us != 0 and us >= until_us:
                return
            if speed != 0:
                slack_us += ahead
                # Looking at the wall clock at every step would cost more than the steps.
                if slack_us >= 2000 * speed:
                    slack_us = 0
                    wait = us // speed - (int(_monotonic_us()) - start)
                    while wait >= 1000:
                        serial.wait(min(wait // 1000, 20))
                        wire.step(now)
                        wait = us // speed - (int(_monotonic_us()) - start)

    def _act(self):
        _, name, value = self._acts[self._next_act]
        self._next_act += 1
        if name == "dbp":
            self._app.tick.execute(self._ids, lines.DBP, value, 0, 0, 0, 0)
            self._ids += 1
        elif name == "sweeps":
            self._app.tick.execute(self._ids, lines.SWEEPS, channel_id(value[0]), value[1], 0, 0, 0)
            self._ids += 1
        else:
            self._ports.spoil(value, name)
        return self._acts[self._next_act][0] if self._next_act < len(self._acts) else 1 << 60


def _monotonic_us():
    if hasattr(time, "monotonic_ns"):
        return time.monotonic_ns() // 1000
    return time.ticks_us()


def _option(args, name, default):
    if name in args:
        return int(args[args.index(name) + 1])
    return default


def _text(args, name):
    return args[args.index(name) + 1] if name in args else None


def _write_log(log, file):
    """Have `file` get every record that is in `log` and comes to it."""
    record = bytearray(256)
    for seq in range(log.first_seq, log.next_seq):
        n = log.fetch(seq, record)
        file.write(bytes([n]) + record[:n])
    append = log.append

    def kept(n, kind, channel, t_s):
        append(n, kind, channel, t_s)
        file.write(bytes([n]) + log.record[:n])
        file.flush()

    log.append = kept


def main(args):
    with open(args[0]) as file:
        scenario = json.load(file)
    clock = Clock(_option(args, "--start-ticks", 0))
    pins = open(args[args.index("--pins") + 1], "w") if "--pins" in args else None  # noqa: SIM115  open as long as it runs
    serial = NoPort() if "--no-port" in args else SerialPort()
    ports = Ports(scenario, clock, serial, pins)
    flash = Flash(
        clock,
        path=_text(args, "--flash"),
        erase_us=_option(args, "--erase-us", ERASE_US),
        program_us=_option(args, "--page-us", PROGRAM_US),
    )
    keep = Keep(flash)
    config = keep.configuration(ports.config, check_rates)
    if hasattr(gc, "threshold"):
        gc.collect()
        gc.threshold(_COLLECT_BYTES)
    # What the boot took is over when the app begins.
    clock.us = 0
    flash.pins += ports.pins
    app = App(ports, config, make_samplers(config, ports), keep, clock.ticks())
    if "--log" in args:
        _write_log(app.log, open(_text(args, "--log"), "wb"))  # noqa: SIM115  open as long as it runs
    runner = Runner(app, clock, ports, scenario, _option(args, "--speed", 1), "--hold" in args)
    try:
        runner.run(_option(args, "--seconds", 0) * 1000000)
    except (HangUp, Maintenance):
        pass


if __name__ == "__main__":
    main(sys.argv[1:])
