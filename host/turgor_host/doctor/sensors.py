"""What was seen of buses, sensors and their noise -> findings."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from turgor.app.config import Channel, codes_may_repeat
from turgor.core import channel as core_channel
from turgor.core.channel import READING_ELECTRODE_OFF, READING_NOISY, READING_SATURATED, READING_STUCK
from turgor.core.channels import ARTERIAL, CHANNEL_NAMES, CHANNELS, IMPEDANCE, PRESSURE, SLOW
from turgor.core.filter_words import describe
from turgor.drivers import FAULT_NAMES, WRONG_ID
from turgor.drivers.tca9548a import ADDRESS as MUX_ADDRESS
from turgor.link.records import DAMPED, NO_BEATS, VALID
from turgor_host.configuration.sensors import SENSORS, sensor_of
from turgor_host.doctor.findings import Finding, failure, ok, warning
from turgor_host.doctor.link import Seen
from turgor_host.doctor.look import IDENTITIES, Looked, Place, place_of
from turgor_host.doctor.noise import TOLERATED, noise
from turgor_host.kinds import shown, unit_of

_WIRES = "check its 3.3 V, ground, SDA and SCL (hardware/wiring.md)"
_BRIDGE = "check the four wires of the bridge (hardware/wiring.md), or replace the transducer"
_REMEDIES = {
    "absent": _WIRES + ", and its address and multiplexer port against the configuration",
    "wrong_id": "another chip answers there: fit the one that the configuration names, or name this one there",
    "never_ready": "wire its data-ready pin if it has one (hardware/pinout.csv); where that is done, replace the chip",
    "cal_failed": "its internal calibration failed: " + _BRIDGE,
    "pll_unlocked": "check its 1.8 V supply, the capacitors there, and its clock (hardware/wiring.md)",
    "fifo_overflow": "the board was too slow for it: lower the rates in the configuration",
    "readback": "what is written to it does not read back: shorten the bus, check pull-ups and supply",
    "bus_low": "something holds the bus low: unplug the chips one by one, and check for a short",
    "switched_off": "the watchdog bit three times within ten minutes and no sensor runs: look at the board's supply, "
    "then unplug it and plug it in",
    "brown_out": "its supply was away: check the 1.8 V and 3.3 V at the chip while it runs",
    "stuck": "its words stand still: unplug it and plug it in, or replace it",
    "temperature": "it is outside of the temperatures it is made for: let it warm or cool, or replace it",
    "diagnostic": "it says that it is broken: replace it",
}
_NOISY_REMEDY = "keep limb and cable still, shorten and shield the leads, check ground and supply (hardware/wiring.md)"
# What else may answer on such a bus.
_KNOWN = {
    0x18: "LIS3DH",
    0x19: "LIS3DH",
    0x28: "ABP2 or HSC",
    0x2A: "NAU7802",
    0x48: "TMP117",
    0x68: "MAX30009",
    0x69: "MAX30009",
    0x6A: "LSM6DS3",
    0x70: "TCA9548A",
}


@dataclass(frozen=True)
class Pressure:
    """What is needed of a pressure channel to judge its codes."""

    name: str
    sensor: str
    rate_hz: float
    mmhg_per_code: float
    offset_code: int
    may_repeat: bool


def of_channel(channel: Channel) -> Pressure:
    """Of a configured channel."""
    offset, high, low, shift = describe(channel.words)[9:13]
    return _pressure(channel.name, channel.driver, channel.rate_millihz, offset, high, low, shift)


def of_record(number: int, body: dict[str, Any]) -> Pressure:
    """Of a channel as its set-up record tells it."""
    words = (body[name] for name in ("offset_code", "gain_high", "gain_low", "gain_shift"))
    return _pressure(CHANNEL_NAMES[number], body["driver"], body["rate_millihz"], *words)


def _pressure(name: str, driver: int, rate_millihz: int, offset: int, high: int, low: int, shift: int) -> Pressure:
    # turgor.core.filter_words.set_calibration.
    mmhg = 32 * ((high << 15) + low) / 2 ** (30 + shift) / 1000
    return Pressure(name, sensor_of(driver)[0], rate_millihz / 1000, mmhg, offset, codes_may_repeat(driver))


def noise_finding(pressure: Pressure, codes: list[int]) -> Iterator[Finding]:
    """Noise at rest against that of the sensor; nothing where there are too few codes to tell."""
    name = f"{pressure.name} noise"
    found = noise(codes, pressure.sensor, pressure.rate_hz)
    if found is None:
        return
    per_code = abs(pressure.mmhg_per_code)
    should = f"a {pressure.sensor} at {pressure.rate_hz:g} Hz has {found.expected * per_code:.3f}"
    said = f"{found.rms * per_code:.3f} mmHg rms at {(found.mean - pressure.offset_code) * pressure.mmhg_per_code:.1f}"
    if found.at_limit:
        yield failure(name, "the converter is at its limit", f"the bridge is open or overloaded: {_BRIDGE}")
    elif found.still and not pressure.may_repeat:
        yield failure(name, "none: no code differs from the others", f"the input is dead: {_BRIDGE}")
    elif found.rms * per_code * 1000 >= core_channel._NOISY_MILLI_MMHG:
        yield failure(name, f"{said} mmHg, more than any limb or line makes; {should}", _BRIDGE)
    elif found.rms > TOLERATED * found.expected:
        yield warning(name, f"{said} mmHg; {should}", _NOISY_REMEDY)
    else:
        yield ok(name, f"{said} mmHg; {should}")


def from_link(seen: Seen) -> Iterator[Finding]:
    """Each channel of a running board: what stands in its log of faults, readings and codes."""
    for number, body in sorted(seen.channels.items()):
        name, kind, _ = CHANNELS[number]
        sensor = sensor_of(body["driver"])[0]
        yield _state(name, kind, sensor, seen.faults.get(number, 0), seen.readings.get(number))
        if kind != IMPEDANCE and kind not in SLOW:
            yield from noise_finding(of_record(number, body), seen.codes.get(number, []))


def _state(name: str, kind: int, sensor: str, fault: int, entry: dict[str, int] | None) -> Finding:
    if fault:
        return _fault(name, sensor, fault)
    if entry is None:
        return failure(name, f"{sensor}: no reading came", "run this again; if it stays so, --stop looks closer")
    flags = entry["flags"]
    if kind == IMPEDANCE and flags & READING_ELECTRODE_OFF:
        return warning(name, f"{sensor}: an electrode is off", "attach all four electrodes, or renew their gel")
    if kind in SLOW and flags & (READING_SATURATED | READING_STUCK):
        return failure(name, f"{sensor}: out of its range", "check where it is fixed; where that is right, replace it")
    if flags & READING_SATURATED:
        return failure(name, f"{sensor}: at its limit", _BRIDGE if kind != IMPEDANCE else "check the four leads")
    if kind == PRESSURE and flags & READING_STUCK:
        return failure(name, f"{sensor}: no code differs from the others", f"the input is dead: {_BRIDGE}")
    if kind == PRESSURE and flags & READING_NOISY:
        return failure(name, f"{sensor}: noisier than any limb or line", _BRIDGE)
    if kind == ARTERIAL and flags & (NO_BEATS | DAMPED):
        said = f"{sensor}: {'no beats' if flags & NO_BEATS else 'damped'}"
        return warning(name, said, "flush the line, and look for bubbles, kinks and a closed stopcock")
    if not flags & VALID:
        return warning(name, f"{sensor}: no valid reading yet", "its filter settles 3 s after a start: run this again")
    return ok(name, f"{sensor}: {shown(kind, entry['value_milli']):.1f} {unit_of(kind)}")


def _fault(name: str, where: str, fault: int) -> Finding:
    word = FAULT_NAMES[fault] if fault < len(FAULT_NAMES) else f"fault {fault}"
    return failure(name, f"{where}: {word.replace('_', ' ')}", _REMEDIES.get(word, "turgor flash PORT"))


def from_look(looked: Looked, channels: list[Channel]) -> Iterator[Finding]:
    """Each bus, each configured channel, and what nobody configured."""
    yield from buses(looked, channels)
    wanted = {place_of(channel) for channel in channels if channel.address}
    behind = {channel.bus for channel in channels if channel.address and channel.mux_port >= 0}
    unnamed = [
        (number, port, address)
        for number, bus in looked.buses.items()
        for port, address in bus.found
        if (number, port, address) not in wanted and (number not in behind or address != MUX_ADDRESS)
    ]
    for channel in channels:
        yield _sensor(looked, channel, unnamed)
        tried = looked.tried.get(channel.name)
        if tried and tried.started and channel.words and not channel.is_impedance():
            yield from noise_finding(of_channel(channel), tried.codes)
    for at in unnamed:
        said = f"{_what(looked, at)} answers, and the configuration does not name it"
        yield warning(_where(at), said, "name it in the board's configuration (--config), or unplug it")


def buses(looked: Looked, channels: list[Channel]) -> Iterator[Finding]:
    """What answers on each bus that the board has pins for, or that `channels` want."""
    for number, bus in looked.buses.items():
        wanted = [channel for channel in channels if channel.address and channel.bus == number]
        if wanted or bus.wrong != "no pins":
            yield _bus(looked, number, bool(wanted), any(channel.mux_port >= 0 for channel in wanted))


def _where(at: Place) -> str:
    bus, port, address = at
    return f"0x{address:02X} on bus {bus}" + (f" port {port}" if port >= 0 else "")


def _what(looked: Looked, at: Place) -> str:
    if at in looked.identities:
        identity, value = IDENTITIES[at[2]], looked.identities[at]
        return f"{'a' if identity.fits(value) else 'no'} {identity.chip} ({identity.called} 0x{value:02X})"
    return f"perhaps a {_KNOWN[at[2]]}" if at[2] in _KNOWN else "an unknown chip"


def _bus(looked: Looked, number: int, needed: bool, mux_needed: bool) -> Finding:
    bus = looked.buses[number]
    name = f"I2C bus {number}"
    sda, scl = (looked.pins.get(f"i2c{number}_{line}") for line in ("sda", "scl"))
    pins = f"SDA is GPIO {sda}, SCL GPIO {scl}"
    if bus.wrong == "no pins":
        return failure(name, "this board has no pins for it", "use bus 0 in the configuration, or a Pico")
    if bus.wrong.startswith("held low"):
        return failure(name, bus.wrong, f"unplug the chips there one by one, and check for a short; {pins}")
    if bus.wrong:
        return failure(name, bus.wrong, f"check the multiplexer's supply, and the wires; {pins}")
    if mux_needed and not bus.has_mux:
        said = f"no multiplexer at 0x{MUX_ADDRESS:02X}" + ("" if bus.found else ", and nobody else answers")
        return failure(name, said, f"{_WIRES}; {pins}; its address pins go to ground")
    if not bus.found:
        if needed:
            return failure(name, "nobody answers", f"{_WIRES}; {pins}")
        return ok(name, "nobody answers, and nobody is wanted")
    places: dict[int, list[str]] = {}
    for port, address in bus.found:
        places.setdefault(port, []).append(f"0x{address:02X}")
    said = "; ".join((f"port {port}: " if port >= 0 else "") + " ".join(found) for port, found in places.items())
    return ok(name, said)


def _sensor(looked: Looked, channel: Channel, unnamed: list[Place]) -> Finding:
    sensor, _ = sensor_of(channel.driver)
    name = channel.name
    at = place_of(channel)
    addressed = bool(SENSORS[sensor].addresses)
    if not addressed:
        return _driven(looked, channel, f"{sensor} of the board" if sensor == "VSYS" else f"{sensor} on SPI")
    where = f"{sensor} at {_where(at)}"
    bus = looked.buses[channel.bus]
    if (channel.mux_port, channel.address) not in bus.found:
        hindered = bus.wrong or ("without its multiplexer" if channel.mux_port >= 0 and not bus.has_mux else "")
        if hindered:
            return failure(name, f"{where}: not to be reached, the bus is {hindered}", f"mend bus {channel.bus} first")
        spare = [_where(place) for place in unnamed if place[2] == channel.address]
        hint = f"; or is it the one at {', '.join(spare)}?" if spare else ""
        return failure(name, f"{where}: nobody answers there", _REMEDIES["absent"] + hint)
    if at in looked.identities and IDENTITIES[channel.address].chip == sensor:
        identity, value = IDENTITIES[channel.address], looked.identities[at]
        where += f", {identity.called} 0x{value:02X}"
        if not identity.fits(value):
            return _fault(name, where, WRONG_ID)
    return _driven(looked, channel, where)


def _driven(looked: Looked, channel: Channel, said: str) -> Finding:
    """How its driver fared."""
    name = channel.name
    tried = looked.tried[name]
    if tried.without_pin:
        pin = looked.pins.get(f"drdy_{name}")
        return failure(
            name,
            f"{said}: converts, but its data-ready pin tells nothing",
            f"wire DRDY to GPIO {pin} (hardware/pinout.csv): without it the firmware takes the sensor for dead",
        )
    if tried.fault:
        return _fault(name, said, tried.fault)
    if not tried.started:
        return failure(name, f"{said}: did not start within the time", _REMEDIES["never_ready"])
    if channel.is_slow():
        return ok(name, f"{said}: converts")
    rest = "started; nothing was driven through it" if channel.is_impedance() else f"{len(tried.codes)} codes"
    return ok(name, f"{said}: {rest}")
