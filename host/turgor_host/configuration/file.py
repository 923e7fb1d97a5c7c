"""A configuration file -> what a board runs; UsageError names file, key and what is allowed, in one line."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from math import ceil
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from turgor.app.assemble import check_rates
from turgor.app.config import (
    ADS1220,
    LIS3DH,
    MAX30009,
    MAX30009_BF,
    NAU7802,
    TMP117,
    VSYS,
    Channel,
    Config,
    arterial_channel,
    default_channels,
    unpack_config,
)
from turgor.app.journal import PARTS
from turgor.app.keep import STATE_AT
from turgor.app.ring import CONTENT
from turgor.core.channels import ARTERIAL, CHANNEL_NAMES, CHANNELS, CUFF, IMPEDANCE, PRESSURE, SLOW, channel_id
from turgor.core.entries import ADULT
from turgor.core.filter_words import describe, filter_state
from turgor.core.judge import Judge
from turgor.core.judge_state import pack_judge
from turgor.drivers.tca9548a import ADDRESS as MUX_ADDRESS
from turgor_host.calibrate.lowpass import lowpass
from turgor_host.configuration.limits import (
    CONFIGURABLE,
    FIXED_LIMITS,
    Row,
    age_rows,
    check_together,
    default_table,
    limit_rows,
    own_table,
)
from turgor_host.configuration.model import CHANNEL_MODELS, RULE_MODELS, Board, Table
from turgor_host.configuration.sensors import (
    CALIBRATION_WORDS,
    FITTING,
    MMHG,
    SENSORS,
    bridge_words,
    digital_words,
    impedance_words,
    is_digital,
    sensor_name,
)
from turgor_host.entries import AGE_GROUPS
from turgor_host.errors import UsageError

_lowpass = cache(lowpass)
# What filter and threshold of a pressure are where a file is silent.
_FILTERS = {
    PRESSURE: {"lowpass_hz": 1.0, "threshold_mmhg": 30.0, "release_mmhg": 28.0},
    ARTERIAL: {"lowpass_hz": 20.0, "threshold_mmhg": 200.0, "release_mmhg": 190.0},
    CUFF: {"lowpass_hz": 5.0, "threshold_mmhg": 200.0, "release_mmhg": 190.0},
}
# Bus, address and multiplexer port of optional channels.
_OPTIONAL_PLACES = {"calf_r_z": (0, 0x68, 4), "forearm_z": (0, 0x68, 5)}
_RATES_HZ = {"NAU7802": (80, 320), "ADS1220": (90, 330), "ABP2": (80, 80), "HSC": (80, 80)}
# A filter counts as settled after two periods of its cut-off (four at order 4) and half a second: less than a
# thousandth of a step is left then. Fewer samples would pass between two looks at a code that is stuck.
_SETTLE_PERIODS = {2: 2, 4: 4}
_SETTLE_LEAST_S = 0.5
_SETTLE_LEAST_SAMPLES = 49
_USUAL_UV_V_MMHG = 5.0
# More than the state of all channels there are.
_STATE_MOST = 8000


@dataclass(frozen=True)
class Configuration:
    """`config` as the firmware has it, its `image` for a board, and the ranges (milli-mmHg) of digital sensors."""

    config: Config
    image: bytes
    ranges: dict[str, tuple[int, int]]


def default_configuration(with_line: bool = False) -> Configuration:
    """That of a board to which nobody gave one; the arterial line is no part of it."""
    config = Config([*default_channels(), *([arterial_channel()] if with_line else [])])
    return Configuration(config, _image(config), {})


def read_configuration(path: Path) -> Configuration:
    """The configuration of a TOML file."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; give the path of a board's configuration") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not a text file; give the path of a board's configuration") from None
    try:
        return parse_configuration(text)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def nominal_words(channel: str, driver: int, recorded: Sequence[int], path: Path | None) -> tuple[int, ...]:
    """The calibration that a pressure sensor has before any was made: that of the configuration in `path`.

    Without one that of a bridge of 5 uV/V/mmHg, and of a digital sensor the one in `recorded`, its words.
    """
    if path:
        for found in read_configuration(path).config.channels:
            if found.name == channel and found.driver == driver:
                return tuple(describe(found.words)[CALIBRATION_WORDS])
        raise UsageError(f"{path}: has no {sensor_name(driver)} on {channel}, as the recording has; give that board's")
    if is_digital(driver):
        return tuple(recorded[CALIBRATION_WORDS])
    return bridge_words(SENSORS[sensor_name(driver)], _USUAL_UV_V_MMHG)


def parse_configuration(text: str) -> Configuration:
    """The same of a file's text."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"no TOML: {error}") from None
    board: Any = _checked(Board, raw, "")
    ranges: dict[str, tuple[int, int]] = {}
    if board.channels == {}:
        raise UsageError("channels: is empty; name at least one channel, or leave the table out for the usual six")
    tables = {channel.name: {} for channel in default_channels()} if board.channels is None else board.channels
    channels = [_channel(name, dict(table), board.applied_part == "BF", ranges) for name, table in tables.items()]
    _check_places(channels)
    chips = [channel for channel in channels if channel.is_impedance()]
    for chip in chips:
        # One drives at a time, each for a second.
        chip.rate_millihz = 1000 // max(2, len(chips))
    try:
        config = Config(channels, tuple(_limits(board.limits)))
        check_rates(config)
        image = _image(config)
        unpack_config(image, len(image))
        _check_state(config)
    except ValueError as error:
        raise UsageError(str(error)) from None
    return Configuration(config, image, ranges)


def _limits(tables: dict[str, dict[str, Any]]) -> list[Row]:
    """Everybody's rows and those of the age groups; each group's table goes before its own defaults, these before what
    the file has for everybody, and that before everybody's defaults."""
    everybodys = {name: table for name, table in tables.items() if name not in AGE_GROUPS[1:]}
    _known_rules("limits", everybodys)
    for name in AGE_GROUPS[1:]:
        _known_rules(f"limits.{name}", tables.get(name, {}))
    limits = list(FIXED_LIMITS)
    for rule in CONFIGURABLE:
        if rule.is_optional and rule.name not in everybodys:
            for name in AGE_GROUPS[1:]:
                if rule.name in tables.get(name, {}):
                    raise UsageError(f"limits.{name}.{rule.name}: is off for everybody; give limits.{rule.name} too")
            continue
        table = _merged(default_table(rule.name), everybodys.get(rule.name, {}))
        rows = _rows(rule.name, table, f"limits.{rule.name}", ADULT)
        limits += rows
        for age, name in list(enumerate(AGE_GROUPS))[1:]:
            own = _merged(own_table(rule.name, age), tables.get(name, {}).get(rule.name, {}))
            limits += age_rows(age, _rows(rule.name, _merged(table, own), f"limits.{name}.{rule.name}", age), rows)
    for age in range(len(AGE_GROUPS)):
        check_together(limits, age)
    return limits


def _known_rules(where: str, tables: dict[str, Any]) -> None:
    for name, table in tables.items():
        _known(where, name, tuple(RULE_MODELS), "rule")
        if not isinstance(table, dict):
            raise UsageError(f"{where}.{name}: is a value; a rule is a table")


def _rows(name: str, table: dict[str, Any], where: str, age: int) -> list[Row]:
    return limit_rows(name, _checked(RULE_MODELS[name], table, where), where, age)


def _merged(defaults: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """`defaults` with what a file says instead, table by table."""
    merged = dict(defaults)
    for key, value in given.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def _known(where: str, name: str, names: tuple[str, ...], what: str) -> None:
    if name in names:
        return
    near = get_close_matches(name, names, 1)
    raise UsageError(f"{where}.{name}: unknown {what}{_meant(near)}; {what}s are {' '.join(names)}".lstrip("."))


def _meant(near: list[str]) -> str:
    return f", did you mean {near[0]}?" if near else ""


def _checked(model: type[Table], raw: dict[str, Any], where: str) -> Table:
    """`raw` as `model`; the first error as one line."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = [str(part) for part in first["loc"]]
        key = ".".join([*([where] if where else []), *path])
        if first["type"] == "extra_forbidden":
            keys = _keys(model, path[:-1])
            near = get_close_matches(path[-1], keys, 1)
            raise UsageError(f"{key}: unknown key{_meant(near)}; keys are {' '.join(keys)}") from None
        if first["type"] == "missing":
            raise UsageError(f"{key}: is missing; keys are {' '.join(_keys(model, path[:-1]))}") from None
        said = (first["msg"][:1].lower() + first["msg"][1:]).replace("dictionary", "table")
        given = first["input"]
        text = f"0x{given:02X}" if path[-1:] == ["address"] and type(given) is int else repr(given)
        raise UsageError(f"{key} = {text}: {said}") from None


def _keys(model: type[Table], path: list[str]) -> tuple[str, ...]:
    for part in path:
        model = cast(type[Table], model.model_fields[part].annotation)
    return tuple(model.model_fields)


def _channel(name: str, table: dict[str, Any], type_bf: bool, ranges: dict[str, tuple[int, int]]) -> Channel:
    _known("channels", name, CHANNEL_NAMES, "channel")
    where = f"channels.{name}"
    kind = CHANNELS[channel_id(name)][1]
    fitting = FITTING[kind]
    sensor = table.setdefault("sensor", fitting[0])
    if sensor not in fitting:
        raise UsageError(f"{where}.sensor = {sensor!r}: sensors of this channel are {' '.join(fitting)}")
    # Where its sensor is by default, if nothing else is said of it.
    usual = [*default_channels(), arterial_channel()]
    places = {channel.name: (channel.bus, channel.address, channel.mux_port) for channel in usual} | _OPTIONAL_PLACES
    if sensor == fitting[0] and name in places and not {"bus", "mux_port", "address"} & table.keys():
        table["bus"], table["address"], mux_port = places[name]
        table |= {"mux_port": mux_port} if mux_port >= 0 else {}
    elif SENSORS[sensor].addresses:
        table.setdefault("address", SENSORS[sensor].addresses[0])
    if kind == IMPEDANCE:
        chip: Any = _checked(CHANNEL_MODELS[sensor], table, where)
        driver = MAX30009_BF if type_bf else MAX30009
        return Channel(name, driver, chip.bus, chip.address, _port(chip), 500, 0, impedance_words(type_bf))
    if kind in SLOW:
        found: Any = _checked(CHANNEL_MODELS[sensor], table, where)
        driver = {"TMP117": TMP117, "LIS3DH": LIS3DH, "VSYS": VSYS}[sensor]
        bus, address, port = (found.bus, found.address, _port(found)) if SENSORS[sensor].addresses else (0, 0, -1)
        return Channel(name, driver, bus, address, port, 1000 * found.rate_hz, 0, ())
    defaults = dict(_FILTERS[kind])
    defaults["rate_hz"] = _RATES_HZ[sensor][kind == ARTERIAL]
    return _pressure(name, _checked(CHANNEL_MODELS[sensor], defaults | table, where), where, ranges)


def _pressure(name: str, table: Any, where: str, ranges: dict[str, tuple[int, int]]) -> Channel:
    sensor = SENSORS[table.sensor]
    try:
        if sensor.bridge_codes:
            driver = NAU7802 if sensor.addresses else ADS1220
            calibration = bridge_words(sensor, table.sensitivity_uv_v_mmhg)
        else:
            driver = dict(sensor.drivers)[table.transfer]
            low, high = (end * MMHG[table.unit] for end in table.range)
            if not low <= 0 < high:
                raise UsageError(f"{table.range} must rise from 0 or below: a gauge or differential part")
            calibration = digital_words(sensor, table.transfer, low, high)
            ranges[name] = round(1000 * low), round(1000 * high)
    except UsageError as error:
        key = "sensitivity_uv_v_mmhg" if sensor.bridge_codes else "range"
        raise UsageError(f"{where}.{key}: {error}") from None
    try:
        sections = _lowpass(table.lowpass_hz, table.rate_hz, table.lowpass_order).words
    except UsageError as error:
        raise UsageError(f"{where}.lowpass_hz: {error}") from None
    threshold, release = round(1000 * table.threshold_mmhg), round(1000 * table.release_mmhg)
    if release > threshold:
        raise UsageError(f"{where}.release_mmhg = {table.release_mmhg:g}: must not lie above threshold_mmhg")
    settle_s = table.settle_s or max(_SETTLE_PERIODS[table.lowpass_order] / table.lowpass_hz, _SETTLE_LEAST_S)
    settle_samples = ceil(settle_s * table.rate_hz)
    if table.settle_s and settle_samples < _SETTLE_LEAST_SAMPLES:
        least_s = _SETTLE_LEAST_SAMPLES / table.rate_hz
        raise UsageError(f"{where}.settle_s = {table.settle_s:g}: the least at {table.rate_hz} Hz is {least_s:.3g}")
    settle_samples = max(settle_samples, _SETTLE_LEAST_SAMPLES)
    words = filter_state(table.median, sections, calibration, threshold, release, settle_samples)
    bus, address = getattr(table, "bus", 0), getattr(table, "address", 0)
    return Channel(name, driver, bus, address, _port(table), 1000 * table.rate_hz, settle_samples, words)


def _port(table: Any) -> int:
    port = getattr(table, "mux_port", None)
    return -1 if port is None else port


def _check_places(channels: list[Channel]) -> None:
    """No two sensors answer at once."""
    for i, one in enumerate(channels):
        if not one.address:
            continue
        for other in channels[:i]:
            # What is on the bus itself answers whichever port is connected.
            together = one.mux_port == other.mux_port or -1 in (one.mux_port, other.mux_port)
            if one.bus == other.bus and one.address == other.address and together:
                where = f"mux_port {one.mux_port} of bus {one.bus}" if one.mux_port >= 0 else f"bus {one.bus}"
                raise UsageError(
                    f"channels.{one.name}: answers at 0x{one.address:02X} on {where}, as channels.{other.name} does; "
                    "give one another address, bus or mux_port"
                )
    buses = {channel.bus for channel in channels if channel.mux_port >= 0}
    for channel in channels:
        if channel.address == MUX_ADDRESS and channel.bus in buses:
            raise UsageError(f"channels.{channel.name}.address: 0x70 is the multiplexer's")


def _check_state(config: Config) -> None:
    """What the rules leave at a tick, all alarms standing, has to fit what keeps it over a restart and what logs it."""
    judge = Judge([channel.number for channel in config.channels], config.limits)
    for i in range(len(judge.alarms.words)):
        judge.alarms.words[i] = 1
    size = pack_judge(judge, bytearray(_STATE_MOST), 0)
    if size > PARTS * CONTENT - STATE_AT:
        raise UsageError("the rules of so many channels are more than a board can keep; leave a channel out")


def _image(config: Config) -> bytes:
    buffer = bytearray(PARTS * CONTENT)
    try:
        at = config.pack_head(buffer)
        for position in range(len(config.channels)):
            at = config.pack_channel(position, buffer, at)
        return bytes(buffer[: config.pack_limits(buffer, at)])
    except ValueError:
        raise UsageError("the configuration is larger than a board can keep; leave a channel out") from None
