"""Sensors that fail on a running board: flagged in the log within 2 s by the right name, no reading made up, recovery
by itself, and the other channels undisturbed. The whole board runs: models, drivers, core and log.

    .venv/bin/pytest tests/faults/test_sensors.py -n 0
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from driver_bench import Signal

from turgor.app.app import App
from turgor.app.assemble import make_samplers
from turgor.drivers import FAULT_NAMES
from turgor.link.records import NOISY, SATURATED, STUCK, VALID, unpack, unpack_readings
from turgor_host.configuration.file import parse_configuration
from turgor_host.sim.board import Ports, Runner
from turgor_host.sim.clock import Clock
from turgor_host.sim.scenario import Scenario, compile_scenario
from turgor_host.sim.serialport import NoPort

# One sensor of each kind, the pressures at 30 mmHg; three behind the multiplexer, some on each bus, one on SPI.
BOARD = """
[channels.calf_l]
rate_hz = 80
[channels.calf_r]
sensor = "ABP2"
bus = 1
range = [0, 5]
unit = "psi"
transfer = "A"
[channels.forearm_l]
sensor = "HSC"
mux_port = 5
range = [0, 300]
unit = "mmHg"
transfer = "A"
[channels.forearm_r]
sensor = "ADS1220"
[channels.cuff]
bus = 1
address = 0x38
range = [0, 6]
unit = "psi"
transfer = "A"
[channels.skin]
mux_port = 6
[channels.motion]
bus = 1
"""
CHANNELS = {0: "calf_l", 1: "calf_r", 2: "forearm_l", 3: "forearm_r", 7: "cuff", 8: "skin", 9: "motion"}
BEHIND_THE_MULTIPLEXER = {0, 2, 8}
ICP_MILLI_MMHG = 30_000
SKIN_MILLI_DEGC = 33_000
# Still, with 1 g away from the limb: 62 steps of 16 milli-g.
LYING = 128 << 20 | 128 << 12 | 128 + 62 << 4
BEGIN_S, END_S, STOP_S = 5, 9, 16
# A reading's error: noise, and half a count of 14 bits.
TOLERANCE_MILLI_MMHG = 40
EXPECTED = dict.fromkeys(CHANNELS, (ICP_MILLI_MMHG, TOLERANCE_MILLI_MMHG)) | {8: (SKIN_MILLI_DEGC, 4), 9: (LYING, 0)}
# From a sensor's return: up to half a second until it is tried, its start-up, and the filter.
RECOVERED_S = 5


class Board:
    """The board in a process of the test; `chip` is the model that fails."""

    def __init__(self, channel: str) -> None:
        found = parse_configuration(BOARD)
        points = {f"{name}_mmhg": [(0.0, ICP_MILLI_MMHG / 1000)] for number, name in CHANNELS.items() if number < 8}
        scenario = json.loads(json.dumps(compile_scenario(Scenario(points), 1, found)))
        self.clock = Clock(2**30 - 8_000_000)
        ports = Ports(scenario, self.clock, NoPort(), None)
        self.app = App(ports, found.config, make_samplers(found.config, ports), None, self.clock.ticks())
        self.runner = Runner(self.app, self.clock, ports, scenario, 0, False)
        self.chip = ports._muxes[0] if channel == "multiplexer" else ports.chips[channel]

    def run(self, until_s: float) -> None:
        self.runner.run(int(until_s * 1e6))

    def logged(self) -> list[tuple[dict[str, Any], dict[str, Any], bytes]]:
        """All records so far; the log loses nothing in so short a time."""
        log = self.app.log
        assert log.first_seq == 0
        buffer = bytearray(256)
        return [unpack(bytes(buffer[: log.fetch(seq, buffer)])) for seq in range(log.next_seq)]


Act = Callable[[Any], None]


def put(**attributes: Any) -> Act:
    def act(chip: Any) -> None:
        for name, value in attributes.items():
            setattr(chip, name, value)

    return act


def level(bridge_pv: int = 0, micro_mmhg: int = 0) -> Act:
    """Another signal on the sensor."""

    def act(chip: Any) -> None:
        if hasattr(chip, "pressure"):
            chip.pressure = Signal(micro_mmhg)
        else:
            chip.bridge = Signal(bridge_pv)
            chip._signal_at = chip.bridge.at

    return act


def zeros(chip: Any) -> None:
    """Its data line is held low: every byte that is read is 0."""

    def read_into(buf: bytearray) -> None:
        buf[:] = bytes(len(buf))

    chip.read_into = read_into
    chip.read_register_into = lambda register, buf: read_into(buf)


def held(chip: Any) -> None:
    """The bus is held: nothing can be sent, and the controller gives up."""

    def refuse(*arguments: Any) -> None:
        raise OSError(110)

    chip.write = chip.read_into = chip.read_register_into = refuse


def nak(chip: Any) -> None:
    """One transfer breaks off after its first byte."""
    for name in ("read_into", "read_register_into"):

        def once(*arguments: Any, name: str = name) -> None:
            for each in ("read_into", "read_register_into"):
                vars(chip).pop(each, None)
            arguments[-1][0] = 0x55
            raise OSError(5)

        setattr(chip, name, once)


def revision(chip: Any) -> None:
    """Another chip is plugged in at its address."""
    chip.power_cycle()
    real = chip._value
    chip._value = lambda register: real(register) ^ (5 if register == 0x1F else 0)


def other(identity: int) -> Act:
    """The same of a chip whose model has its identity as an attribute."""

    def act(chip: Any) -> None:
        chip.power_cycle()
        chip.identity = identity

    return act


def unheard(chip: Any) -> None:
    """One write is not acknowledged."""

    def once(buf: bytes) -> None:
        del chip.write
        raise OSError(5)

    chip.write = once


def reset(chip: Any) -> None:
    """A multiplexer forgets its port between the write that chose it and the transfer to what is behind."""

    def once(buf: bytes) -> None:
        del chip.write
        chip.write(buf)
        chip.power_cycle()

    chip.write = once


def whole(chip: Any) -> None:
    """What was patched is as it was."""
    for name in ("write", "read_into", "read_register_into", "_value"):
        vars(chip).pop(name, None)


SIGNAL = level(ICP_MILLI_MMHG * 5_000, ICP_MILLI_MMHG * 1000)
NEVER = "never_ready"
# Channel, fault: the names that are right (a brown-out may leave no trace), how it begins and ends.
FAULTS: dict[tuple[str, str], tuple[set[str], Act, Act]] = {
    ("calf_l", "absent"): ({"absent"}, put(dead=True), put(dead=False)),
    ("calf_l", "wrong identity"): ({"wrong_id", NEVER}, revision, whole),
    ("calf_l", "nak in mid-transfer"): ({"absent"}, nak, whole),
    ("calf_l", "bus held"): ({"absent"}, held, whole),
    # Its pin stands: nobody has read the chip.
    ("calf_l", "line low"): ({NEVER}, zeros, whole),
    ("calf_l", "never ready"): ({NEVER}, put(stopped=True), put(stopped=False)),
    ("calf_l", "saturated high"): ({"saturated"}, level(8_000_000_000), SIGNAL),
    ("calf_l", "saturated low"): ({"saturated"}, level(-8_000_000_000), SIGNAL),
    ("calf_l", "stuck"): ({"stuck"}, put(noise_lsb=0), put(noise_lsb=90)),
    ("calf_l", "noisy"): ({"noisy"}, put(noise_lsb=54_000), put(noise_lsb=90)),
    ("calf_l", "brown-out"): ({NEVER}, lambda chip: chip.power_cycle(), whole),
    ("calf_r", "absent"): ({"absent"}, put(dead=True), put(dead=False)),
    ("calf_r", "wrong identity"): ({"wrong_id"}, put(extra_status=8), put(extra_status=0)),
    ("calf_r", "nak in mid-transfer"): ({"absent"}, nak, whole),
    ("calf_r", "bus held"): ({"absent"}, held, whole),
    ("calf_r", "line low"): ({"absent"}, zeros, whole),
    ("calf_r", "never ready"): ({NEVER}, put(never_ready=True), put(never_ready=False)),
    ("calf_r", "saturated high"): ({"saturated"}, level(0, 900_000_000), SIGNAL),
    ("calf_r", "saturated low"): ({"saturated"}, level(0, -900_000_000), SIGNAL),
    ("calf_r", "stuck"): ({"stuck"}, put(stuck=True), put(stuck=False)),
    ("calf_r", "noisy"): ({"noisy"}, put(noise_lsb=260_000), put(noise_lsb=40)),
    ("calf_r", "brown-out"): ({"absent", NEVER}, lambda chip: chip.power_cycle(100_000), whole),
    ("calf_r", "cold"): ({"temperature"}, put(temperature_milli_degc=-41_000), put(temperature_milli_degc=25_000)),
    ("calf_r", "hot"): ({"temperature"}, put(temperature_milli_degc=111_000), put(temperature_milli_degc=25_000)),
    ("calf_r", "memory error"): ({"diagnostic"}, put(memory_error=True), put(memory_error=False)),
    ("forearm_l", "absent"): ({"absent"}, put(dead=True), put(dead=False)),
    ("forearm_l", "nak in mid-transfer"): ({"absent"}, nak, whole),
    ("forearm_l", "bus held"): ({"absent"}, held, whole),
    ("forearm_l", "line low"): ({"absent"}, zeros, whole),
    ("forearm_l", "stale"): ({NEVER}, put(stopped=True), put(stopped=False)),
    ("forearm_l", "saturated high"): ({"saturated"}, level(0, 900_000_000), SIGNAL),
    ("forearm_l", "saturated low"): ({"saturated"}, level(0, -900_000_000), SIGNAL),
    ("forearm_l", "noisy"): ({"noisy"}, put(noise_lsb=220), put(noise_lsb=1)),
    ("forearm_l", "brown-out"): ({"absent", NEVER}, lambda chip: chip.power_cycle(100_000), whole),
    ("forearm_l", "cold"): ({"temperature"}, put(temperature_milli_degc=-41_000), put(temperature_milli_degc=25_000)),
    ("forearm_l", "hot"): ({"temperature"}, put(temperature_milli_degc=86_000), put(temperature_milli_degc=25_000)),
    ("forearm_l", "diagnostic"): ({"diagnostic"}, put(diagnostic=True), put(diagnostic=False)),
    ("forearm_r", "absent"): ({"absent"}, put(absent=255), put(absent=None)),
    ("forearm_r", "line low"): ({"absent"}, put(absent=0), put(absent=None)),
    ("forearm_r", "wrong identity"): ({"readback"}, put(spoilt={0: 2}), put(spoilt={})),
    ("forearm_r", "never ready"): ({NEVER}, put(stopped=True), put(stopped=False)),
    ("forearm_r", "saturated high"): ({"saturated"}, level(16_000_000_000), SIGNAL),
    ("forearm_r", "saturated low"): ({"saturated"}, level(-16_000_000_000), SIGNAL),
    ("forearm_r", "stuck"): ({"stuck"}, put(stuck=161_000), put(stuck=None)),
    ("forearm_r", "noisy"): ({"noisy"}, put(noise_lsb=27_000), put(noise_lsb=45)),
    ("forearm_r", "brown-out"): ({"readback"}, lambda chip: chip.power_cycle(), whole),
    ("cuff", "absent"): ({"absent"}, put(dead=True), put(dead=False)),
    ("cuff", "never ready"): ({NEVER}, put(never_ready=True), put(never_ready=False)),
    ("cuff", "saturated high"): ({"saturated"}, level(0, 900_000_000), SIGNAL),
    ("cuff", "stuck"): ({"stuck"}, put(stuck=True), put(stuck=False)),
    ("skin", "absent"): ({"absent"}, put(dead=True), put(dead=False)),
    ("skin", "wrong identity"): ({"readback", "wrong_id"}, other(0x0116), put(identity=0x0117)),
    ("skin", "nak in mid-transfer"): ({"absent"}, nak, whole),
    ("skin", "bus held"): ({"absent"}, held, whole),
    ("skin", "line low"): ({"readback", "wrong_id"}, zeros, whole),
    ("skin", "never ready"): ({NEVER}, put(stopped=True), put(stopped=False)),
    ("skin", "stuck"): ({NEVER}, put(flag_stuck=True), put(flag_stuck=False)),
    ("skin", "cold"): ({"saturated"}, put(forced=-60_000), put(forced=None)),
    ("skin", "hot"): ({"saturated"}, put(forced=151_000), put(forced=None)),
    ("skin", "no result"): ({NEVER}, put(forced=-256_000), put(forced=None)),
    ("skin", "brown-out"): ({"readback"}, lambda chip: chip.power_cycle(), whole),
    ("motion", "absent"): ({"absent"}, put(dead=True), put(dead=False)),
    ("motion", "wrong identity"): ({"readback", "wrong_id"}, other(0x32), put(identity=0x33)),
    ("motion", "nak in mid-transfer"): ({"absent"}, nak, whole),
    ("motion", "bus held"): ({"absent"}, held, whole),
    ("motion", "line low"): ({"readback", "wrong_id"}, zeros, whole),
    ("motion", "never ready"): ({NEVER}, put(stopped=True), put(stopped=False)),
    ("motion", "saturated high"): ({"saturated"}, put(forced=(0, 0, 2047)), put(forced=None)),
    ("motion", "saturated low"): ({"saturated"}, put(forced=(-2048, 0, 0)), put(forced=None)),
    ("motion", "stuck"): ({"stuck"}, put(forced=(300, -200, 100)), put(forced=None)),
    ("motion", "brown-out"): ({"readback"}, lambda chip: chip.power_cycle(), whole),
    # What is behind it fails with it.
    ("multiplexer", "absent"): ({"absent"}, put(dead=True), put(dead=False)),
    ("multiplexer", "nak"): ({"absent"}, unheard, whole),
    ("multiplexer", "reset"): ({"absent"}, reset, whole),
}
# Over at once: a fault that begins and ends in one moment.
MOMENTARY = ("nak in mid-transfer", "brown-out", "nak", "reset")


@pytest.mark.parametrize(("name", "what"), FAULTS)
def test_fault(name: str, what: str) -> None:
    right, begin, end = FAULTS[name, what]
    board = Board(name)
    board.run(BEGIN_S + 0.3)
    begin(board.chip)
    board.run(END_S + 0.3)
    end(board.chip)
    # The tick of the last second may come before a step that goes on until then, or behind it.
    board.run(STOP_S - 0.1)
    last_s = BEGIN_S if what in MOMENTARY else END_S
    failed = {number for number, channel in CHANNELS.items() if channel == name} or BEHIND_THE_MULTIPLEXER
    flagged_s: list[float] = []
    faults: list[tuple[str, int]] = []
    seen = dict.fromkeys(CHANNELS, 0)
    found: set[int] = set()
    for header, body, tail in board.logged():
        if header["kind"] == "fault":
            assert header["channel"] in failed
            found.add(header["channel"])
            faults.append((FAULT_NAMES[body["fault"]], body["state"]))
            flagged_s.append(header["t_s"] + body["t_us"] / 1e6)
        elif header["kind"] == "readings":
            t_s = header["t_s"]
            for entry in unpack_readings(tail):
                number = entry["channel"]
                is_valid = entry["flags"] & VALID
                for flag, said in ((SATURATED, "saturated"), (STUCK, "stuck"), (NOISY, "noisy")):
                    if number in failed and entry["flags"] & flag:
                        found.add(number)
                        faults.append((said, 1))
                        flagged_s.append(t_s)
                if is_valid and not (number in failed and what == "noisy"):
                    expected, tolerance = EXPECTED[number]
                    # Of a motion the posture: what moved is another matter.
                    value = entry["value_milli"] & ~15 if number == 9 else entry["value_milli"]
                    assert abs(value - expected) <= tolerance, (number, t_s)
                if number not in failed or t_s > last_s + RECOVERED_S:
                    assert is_valid or t_s < BEGIN_S - 1, (number, t_s)
                    assert not entry["flags"] & (SATURATED | STUCK | NOISY)
                elif BEGIN_S + 2.3 < t_s <= last_s and what != "noisy":
                    assert not is_valid, t_s
                seen[number] += 1
    assert set(seen.values()) == {STOP_S - 1}
    assert {fault for fault, _ in faults} <= right, faults
    # Over at once, a multiplexer's fault is met by one channel or more.
    assert found == failed or (found and what in MOMENTARY)
    assert flagged_s[0] <= BEGIN_S + 0.3 + 2
    if not right & {"saturated", "stuck", "noisy"}:
        assert faults[-1][1] == 0
