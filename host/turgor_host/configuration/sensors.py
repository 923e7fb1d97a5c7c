"""The sensors that a channel may name: where they answer, how often they convert, and what their codes mean."""

from collections.abc import Sequence
from dataclasses import dataclass

from turgor.app import config as board
from turgor.core.bounds import OFFSET_LIMIT_CODE
from turgor.core.channels import ARTERIAL, CUFF, IMPEDANCE, MOTION, PRESSURE, SUPPLY, TEMPERATURE
from turgor.drivers import abp2, ads1220, digital, hsc, lis3dh, max30009_writes, nau7802, tmp117, vsys
from turgor_host.calibrate.fixed import coefficient, factor
from turgor_host.calibrate.impedance import Correction, correction_words
from turgor_host.errors import UsageError

# mmHg in a unit, of water at 4 deg C.
MMHG = {"mmHg": 1.0, "kPa": 7.500617, "mbar": 0.7500617, "psi": 51.71493, "inH2O": 1.868268, "cmH2O": 0.7355591}
# The board's filtered value has 5 fraction bits, its calibrated one is in milli-mmHg.
_MILLI_PER_FRACTION = 1000 / 32
# So that a calibration's shift is one that a board takes.
_CODES_PER_MMHG = (250, 2_000_000)
# Of a digital sensor's full scale: `turgor.drivers.digital`.
_DIGITAL_CODES = 1 << 22
# Where a pressure channel's words, as it describes itself, have its calibration.
CALIBRATION_WORDS = slice(9, 13)
# Honeywell's address is ordered with the part; 0x28 is the usual one.
_ORDERED = (0x28, 0x38, 0x48, 0x58, 0x68)
# Names of the drivers, which tell apart what has another calibration.
DRIVERS = {
    name: getattr(board, name)
    for name in (
        "NAU7802",
        "MAX30009",
        "ABP2_A",
        "ABP2_B",
        "HSC_A",
        "HSC_B",
        "HSC_C",
        "HSC_F",
        "ADS1220",
        "MAX30009_BF",
    )
}


# Sensors without a transfer function.
_OTHERS = {
    board.NAU7802: "NAU7802",
    board.ADS1220: "ADS1220",
    board.MAX30009: "MAX30009",
    board.MAX30009_BF: "MAX30009",
    board.TMP117: "TMP117",
    board.LIS3DH: "LIS3DH",
    board.VSYS: "VSYS",
}


@dataclass(frozen=True)
class Sensor:
    """A chip: I2C addresses, the usual one first (none: SPI), and conversions a second."""

    addresses: tuple[int, ...]
    rates_hz: tuple[int, ...] = ()
    # Of a bridge: codes a mmHg for 1 uV/V/mmHg.
    bridge_codes: float = 0.0
    # Of a digital sensor: drivers by the letter of the transfer function, counts at the ends, bits.
    drivers: tuple[tuple[str, int], ...] = ()
    ends: tuple[tuple[str, tuple[int, int]], ...] = ()
    bits: int = 0


SENSORS = {
    "NAU7802": Sensor((nau7802.ADDRESS,), nau7802.RATES_SPS, bridge_codes=128e-6 * 2**24),
    "ADS1220": Sensor((), ads1220.RATES_SPS, bridge_codes=128e-6 * 2**23),
    "ABP2": Sensor(
        _ORDERED,
        digital.RATES_SPS,
        drivers=(("A", board.ABP2_A), ("B", board.ABP2_B)),
        ends=tuple(abp2.TRANSFER.items()),
        bits=24,
    ),
    "HSC": Sensor(
        _ORDERED,
        digital.RATES_SPS,
        drivers=(("A", board.HSC_A), ("B", board.HSC_B), ("C", board.HSC_C), ("F", board.HSC_F)),
        ends=tuple(hsc.TRANSFER.items()),
        bits=14,
    ),
    "MAX30009": Sensor((max30009_writes.ADDRESS, max30009_writes.ADDRESS + 1)),
    "TMP117": Sensor(tmp117.ADDRESSES, tmp117.RATES_SPS),
    "LIS3DH": Sensor(lis3dh.ADDRESSES, lis3dh.RATES_SPS),
    "VSYS": Sensor((), vsys.RATES_SPS),
}
# Those of a channel by its kind, the usual one first.
FITTING: dict[int, tuple[str, ...]] = {
    PRESSURE: ("NAU7802", "ADS1220", "ABP2", "HSC"),
    ARTERIAL: ("NAU7802", "ADS1220", "ABP2", "HSC"),
    CUFF: ("ABP2", "HSC", "NAU7802", "ADS1220"),
    IMPEDANCE: ("MAX30009",),
    TEMPERATURE: ("TMP117",),
    SUPPLY: ("VSYS",),
    MOTION: ("LIS3DH",),
}


def bridge_words(sensor: Sensor, uv_v_mmhg: float) -> tuple[int, int, int, int]:
    """Offset code, gain high, low and shift of a bridge transducer of this sensitivity, without a calibration."""
    return (0, *_gain(sensor.bridge_codes * uv_v_mmhg))


def digital_words(sensor: Sensor, transfer: str, low_mmhg: float, high_mmhg: float) -> tuple[int, int, int, int]:
    """The same of a digital sensor, by its range and the letter of its transfer function."""
    low, high = _end_codes(sensor, transfer)
    codes_per_mmhg = (high - low) / (high_mmhg - low_mmhg)
    offset_code = round(low - low_mmhg * codes_per_mmhg - _DIGITAL_CODES / 2)
    if abs(offset_code) > OFFSET_LIMIT_CODE:
        raise UsageError(f"0 mmHg lies too far from the middle of the counts ({offset_code})")
    return (offset_code, *_gain(codes_per_mmhg))


def is_nominal(driver: int, words: Sequence[int]) -> bool:
    """Whether a sensor's calibration, words in order of `core.bounds`, is none but for a zero.

    Its gain then is that of a sensitivity or a range of at most four digits, which one that was fitted has not.
    """
    if driver in (board.MAX30009, board.MAX30009_BF):
        return tuple(words) == impedance_words(driver == board.MAX30009_BF)
    _, *gain = words
    name, transfer = sensor_of(driver)
    sensor = SENSORS.get(name)
    if sensor is None or factor(*gain) <= 0:
        return False
    codes_per_mmhg = _MILLI_PER_FRACTION / factor(*gain)
    if sensor.bridge_codes:
        found = [sensor.bridge_codes * float(f"{codes_per_mmhg / sensor.bridge_codes:.4g}")]
    else:
        low, high = _end_codes(sensor, transfer)
        spans = [float(f"{(high - low) / codes_per_mmhg / unit:.4g}") * unit for unit in MMHG.values()]
        found = [(high - low) / span for span in spans]
    return any(coefficient(_MILLI_PER_FRACTION / codes) == tuple(gain) for codes in found)


def _end_codes(sensor: Sensor, transfer: str) -> tuple[float, float]:
    low, high = (count / 2**sensor.bits * _DIGITAL_CODES for count in dict(sensor.ends)[transfer])
    return low, high


def _gain(codes_per_mmhg: float) -> tuple[int, int, int]:
    least, most = _CODES_PER_MMHG
    if not least < codes_per_mmhg < most:
        raise UsageError(f"{codes_per_mmhg:.3g} codes a mmHg; there must be {least} to {most}")
    return coefficient(_MILLI_PER_FRACTION / codes_per_mmhg)


def sensor_name(driver: int) -> str:
    """The name of a driver's number."""
    return next((name for name, number in DRIVERS.items() if number == driver), f"driver {driver}")


def is_digital(driver: int) -> bool:
    """Whether its maker has calibrated such a sensor."""
    return bool(board.ABP2_A <= driver <= board.HSC_F)


def impedance_words(type_bf: bool) -> tuple[int, ...]:
    """The words of a MAX30009 without a calibration: equal mixers, no offset."""
    per_count = [nanoohm / 1e6 for nanoohm in max30009_writes.nanoohm_per_count(type_bf)]
    return correction_words([Correction(complex(z), complex(0, z)) for z in per_count])


def sensor_of(driver: int) -> tuple[str, str]:
    """The sensor that a driver of `turgor.app.config` is for, and the letter of its transfer function or ""."""
    for name, sensor in SENSORS.items():
        for letter, number in sensor.drivers:
            if number == driver:
                return name, letter
    return _OTHERS.get(driver, f"driver {driver}"), ""
