"""The zero of a pressure channel: its present median becomes 0 mmHg."""

from collections.abc import Mapping
from typing import Any

from turgor.core.bounds import OFFSET_LIMIT_CODE
from turgor.core.channels import CHANNELS, PRESSURES, channel_id
from turgor_host.calibrate.certificate import Certificate, board_name, calibration_number, encode_certificate
from turgor_host.calibrate.fixed import factor
from turgor_host.calibrate.kept import keep, made_utc
from turgor_host.calibrate.pressure import MMHG_PER_FRACTION
from turgor_host.configuration.sensors import sensor_name
from turgor_host.errors import TurgorError, UsageError
from turgor_host.recording.reader import Recording

# From the last zero or calibration, which the present readings are measured from.
_MOST_MMHG = 10.0
_STEADY_MMHG = 1.0
_MEDIAN_S = 60
_LOW = ("dp_low", "dp_lost")
_CONFIRM = "open the transducer to air, wait a minute, and say so (--open-to-air)"


def check_zero(name: str, state: Mapping[str, Any], open_to_air: bool) -> float:
    """The median that becomes 0, mmHg, by a live state (`Live.state`); TurgorError when now is no time for it."""
    channel = next((each for each in state["channels"] if each["name"] == name), None)
    if channel is None:
        known = " ".join(each["name"] for each in state["channels"])
        raise UsageError(f"no channel {name!r} is recorded; channels: {known or 'none yet'}")
    if CHANNELS[channel_id(name)][1] not in PRESSURES:
        raise UsageError(f"{name} is no pressure channel and has no zero")
    median = channel["median"]
    if median is None or not channel["valid"]:
        raise TurgorError(f"{name} has no steady reading ({channel['reason'] or 'no median yet'}); wait half a minute")
    calibrated_s = channel["calibrated_s"]
    if calibrated_s is not None and calibrated_s <= _MEDIAN_S:
        wait = _MEDIAN_S + 1 - calibrated_s
        raise TurgorError(
            f"{name} was calibrated or zeroed {calibrated_s} s ago; wait {wait} s for readings since then"
        )
    if abs(channel["value"] - median) > _STEADY_MMHG:
        raise TurgorError(
            f"{name} is not steady: {channel['value']:.1f} mmHg now, {median:.1f} in the last minute; wait until it is"
        )
    if open_to_air:
        return float(median)
    if abs(median) > _MOST_MMHG:
        raise TurgorError(
            f"{name} reads {median:.1f} mmHg, more than {_MOST_MMHG:g} from its last zero: not zeroed; {_CONFIRM}"
        )
    low = next((each["rule"] for each in state["alarms"] if each["channel"] == name and each["rule"] in _LOW), None)
    if low or (channel["dp"] is not None and channel["dp"] < state["limits"]["dp_low"]):
        why = f"the alarm {low} stands" if low else f"dP is {channel['dp']:.1f} mmHg"
        raise TurgorError(f"{name}: {why}, and a zero now could hide it: not zeroed; {_CONFIRM}")
    return float(median)


def zeroed(recording: Recording, name: str, median_mmhg: float) -> tuple[Certificate, float]:
    """The calibration under which `median_mmhg` reads 0, and by how much readings move, mmHg.

    It was `made` when the one in force was, 0 where nobody here knows that.
    """
    boot = recording.boots[-1] if recording.boots else None
    setup = boot.setups.get(channel_id(name)) if boot else None
    if boot is None or setup is None:
        raise TurgorError(f"{recording.path}: the set-up of {name} is not in it; record from a start of the board on")
    offset, *gain = setup.calibration()
    moved = round(median_mmhg / (factor(*gain) * MMHG_PER_FRACTION))
    if abs(offset + moved) > OFFSET_LIMIT_CODE:
        raise TurgorError(
            f"{name}: a zero of {median_mmhg:.1f} mmHg is beyond what the board can take; look at the sensor"
        )
    words = (offset + moved, *gain)
    board, sensor = board_name(boot.board), sensor_name(setup.driver)
    made = made_utc(calibration_number(board, name, sensor, (offset, *gain))) or 0.0
    certificate = Certificate(board, name, sensor, words, made)
    return certificate, -moved * factor(*gain) * MMHG_PER_FRACTION


def keep_zeroed(recording: Recording, certificate: Certificate) -> str:
    """Keep it by its number where the calibration that was zeroed is kept; why that failed, "" when it did not."""
    if not certificate.made:
        return ""
    name = recording.path.name
    return keep(certificate, encode_certificate(certificate, name, recording.simulated, ["zeroed = true"]))
