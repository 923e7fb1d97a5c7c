"""What may stand in a configuration file: one pydantic model a sensor and a rule, unknown keys forbidden."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model
from pydantic_core import PydanticCustomError

from turgor_host.configuration.limits import CONFIGURABLE, Rule
from turgor_host.configuration.sensors import SENSORS

Bus = Annotated[int, Field(ge=0, le=1)]
MuxPort = Annotated[int, Field(ge=0, le=7)]
# A run is kept over a restart for no longer.
Seconds = Annotated[int, Field(ge=0, le=0xFFFFFF)]
Mmhg = Annotated[float, Field(ge=-700, le=700)]
Range = Annotated[list[float], Field(min_length=2, max_length=2)]


def _one_of(values: Sequence[int], spelt: Callable[[int], str] = str) -> AfterValidator:
    """Addresses and rates are those of the drivers' own tables."""
    *others, last = map(spelt, values)
    allowed = f"{', '.join(others)} or {last}" if others else last

    def check(value: int) -> int:
        if value not in values:
            raise PydanticCustomError("one_of", "input should be {allowed}", {"allowed": allowed})
        return value

    return AfterValidator(check)


def _address(sensor: str) -> AfterValidator:
    return _one_of(SENSORS[sensor].addresses, "0x{:02X}".format)


def _rate(sensor: str) -> AfterValidator:
    return _one_of(SENSORS[sensor].rates_hz)


class Table(BaseModel):
    """One table of the file."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class _Filtered(Table):
    """What becomes of a pressure sensor's codes. The settling time is that until readings are valid."""

    sensor: str
    median: Literal[1, 3, 5] = 3
    lowpass_hz: float
    lowpass_order: Literal[2, 4] = 2
    settle_s: Annotated[float, Field(gt=0, le=60)] | None = None
    threshold_mmhg: Mmhg
    release_mmhg: Mmhg


class Nau7802(_Filtered):
    bus: Bus = 0
    address: Annotated[int, _address("NAU7802")]
    mux_port: MuxPort | None = None
    rate_hz: Annotated[int, _rate("NAU7802")]
    sensitivity_uv_v_mmhg: Annotated[float, Field(gt=0.5, le=100)] = 5.0


class Ads1220(_Filtered):
    rate_hz: Annotated[int, _rate("ADS1220")]
    sensitivity_uv_v_mmhg: Annotated[float, Field(gt=0.5, le=100)] = 5.0


class _Digital(_Filtered):
    bus: Bus = 0
    address: Annotated[int, _address("ABP2")]
    mux_port: MuxPort | None = None
    rate_hz: Annotated[int, _rate("ABP2")]
    range: Range
    unit: Literal["mmHg", "kPa", "mbar", "psi", "inH2O", "cmH2O"]


class Abp2(_Digital):
    transfer: Literal["A", "B"]


class Hsc(_Digital):
    transfer: Literal["A", "B", "C", "F"]


class Max30009(Table):
    sensor: str
    bus: Bus = 0
    address: Annotated[int, _address("MAX30009")]
    mux_port: MuxPort | None = None


class _Slow(Table):
    """Its readings are its codes: there is nothing to filter."""

    sensor: str
    bus: Bus = 0
    mux_port: MuxPort | None = None


class Tmp117(_Slow):
    address: Annotated[int, _address("TMP117")]
    rate_hz: Annotated[int, _rate("TMP117")] = SENSORS["TMP117"].rates_hz[0]


class Lis3dh(_Slow):
    address: Annotated[int, _address("LIS3DH")]
    rate_hz: Annotated[int, _rate("LIS3DH")] = SENSORS["LIS3DH"].rates_hz[0]


class Vsys(Table):
    """The board's own converter."""

    sensor: str
    rate_hz: Annotated[int, _rate("VSYS")] = SENSORS["VSYS"].rates_hz[0]


CHANNEL_MODELS: dict[str, type[Table]] = {
    "NAU7802": Nau7802,
    "ADS1220": Ads1220,
    "ABP2": Abp2,
    "HSC": Hsc,
    "MAX30009": Max30009,
    "TMP117": Tmp117,
    "LIS3DH": Lis3dh,
    "VSYS": Vsys,
}


def _rule_model(rule: Rule) -> type[Table]:
    """The table of a rule, with one for each of its stages."""
    if rule.is_trouble:
        # How long a sensor may be in trouble, and well again before the alarm ends.
        fields: dict[str, Any] = {"limit_s": (Annotated[int, Field(ge=1, le=86400)], ...), "clear_s": (Seconds, ...)}
        return create_model(rule.name, __base__=Table, **fields)
    limit = Mmhg if rule.unit.startswith("mmhg") else Annotated[float, Field(ge=0, le=rule.most)]
    fields = {rule.clear_key: (limit, ...), "clear_s": (Seconds, ...)}
    for stage in rule.stages:
        keys: dict[str, Any] = {} if stage.is_timed else {rule.limit_key: (limit, ...)}
        keys["run_s"] = (Seconds, ...)
        for extra in stage.extras:
            keys[extra.key] = (Annotated[float if extra.scale > 1 else int, Field(ge=0, le=extra.most)], ...)
        fields[stage.name] = (create_model(f"{rule.name}_{stage.name}", __base__=Table, **keys), ...)
    return create_model(rule.name, __base__=Table, **fields)


RULE_MODELS: dict[str, type[Table]] = {rule.name: _rule_model(rule) for rule in CONFIGURABLE}


class Board(Table):
    """The whole file; channels and limits are looked at one by one."""

    applied_part: Literal["CF", "BF"] = "CF"
    channels: dict[str, dict[str, object]] | None = None
    limits: dict[str, dict[str, object]] = {}
