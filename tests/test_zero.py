"""The zero of a pressure channel: when it may be, and that what it was then reads 0."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

from turgor.core.bounds import OFFSET_LIMIT_CODE
from turgor_host.calibrate.fixed import factor
from turgor_host.calibrate.pressure import MMHG_PER_FRACTION
from turgor_host.errors import TurgorError, UsageError
from turgor_host.recording.boots import Setup
from turgor_host.zero import check_zero, zeroed

# Nominal: 10737.4 codes a mmHg.
GAIN = (6103, 16896, 6)


def state(alarms: tuple[tuple[str, str], ...] = (), **channel: Any) -> dict[str, Any]:
    """A live state in which calf_l reads 4 mmHg with a dP of 66."""
    calf = {
        "name": "calf_l",
        "value": 4.1,
        "median": 4.0,
        "valid": True,
        "reason": "",
        "calibrated_s": None,
        "dp": 66.0,
    }
    return {
        "channels": [calf | channel, calf | {"name": "calf_z"}],
        "alarms": [{"channel": name, "rule": rule} for name, rule in alarms],
        "limits": {"dp_low": 30.0},
    }


def recording(offset: int, name: str = "calf_l") -> Any:
    setup = Setup(0, name, 1, 1, 160, 80000, (3, *[1] * 8, offset, *GAIN, 30000, 29000))
    return SimpleNamespace(path="a.turgor", boots=[SimpleNamespace(board=5, setups={0: setup})])


def test_by_hand() -> None:
    """10 codes a milli-mmHg or so: 4 mmHg are 42950 codes more."""
    certificate, moved = zeroed(recording(1000), "calf_l", check_zero("calf_l", state(), False))
    assert certificate.words == (1000 + 42950, *GAIN)
    assert (certificate.board, certificate.channel, certificate.sensor) == ("0000000000000005", "calf_l", "NAU7802")
    assert moved == pytest.approx(-4, abs=1e-4)


@pytest.mark.parametrize("mmhg", [-10.0, -0.3, 0.0, 7.77, 90.0])
def test_what_it_was_then_reads_nothing(mmhg: float) -> None:
    slope = factor(*GAIN) * MMHG_PER_FRACTION
    code = 500 + mmhg / slope
    certificate, moved = zeroed(recording(500), "calf_l", mmhg)
    assert (code - certificate.words[0]) * slope == pytest.approx(0, abs=1e-4)
    assert moved == pytest.approx(-mmhg, abs=1e-4)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (state(median=10.01, value=10.0), "calf_l reads 10.0 mmHg, more than 10 from its last zero: not zeroed; open"),
        (state(median=-10.01, value=-10.0), "calf_l reads -10.0 mmHg, more than 10 from its last zero"),
        (
            state(dp=29.9),
            "calf_l: dP is 29.9 mmHg, and a zero now could hide it: not zeroed; open the transducer to air",
        ),
        (state((("calf_l", "dp_low"),)), "calf_l: the alarm dp_low stands, and a zero now could hide it"),
        (state((("calf_l", "dp_lost"),)), "calf_l: the alarm dp_lost stands"),
    ],
)
def test_what_wants_to_be_open_to_air(found: dict[str, Any], message: str) -> None:
    with pytest.raises(TurgorError, match=re.escape(message)):
        check_zero("calf_l", found, False)
    assert check_zero("calf_l", found, True) == found["channels"][0]["median"]


@pytest.mark.parametrize(
    "found",
    [
        state(median=10.0, value=10.0),
        state(dp=30.0),
        # No DBP: what hides a low dP is a pressure, which is not there.
        state(dp=None),
        state((("calf_r", "dp_low"), ("calf_l", "stuck"))),
    ],
)
def test_at_the_limits_it_is_zeroed(found: dict[str, Any]) -> None:
    check_zero("calf_l", found, False)


@pytest.mark.parametrize("open_to_air", [False, True])
@pytest.mark.parametrize(
    ("name", "found", "error", "message"),
    [
        ("calf_l", state(median=None), TurgorError, "calf_l has no steady reading (no median yet); wait half a minute"),
        ("calf_l", state(valid=False, reason="stuck"), TurgorError, "calf_l has no steady reading (stuck)"),
        ("calf_l", state(calibrated_s=60), TurgorError, "calf_l was calibrated or zeroed 60 s ago; wait 1 s"),
        ("calf_l", state(value=5.1), TurgorError, "calf_l is not steady: 5.1 mmHg now, 4.0 in the last minute"),
        ("calf_z", state(), UsageError, "calf_z is no pressure channel and has no zero"),
        ("art", state(), UsageError, "no channel 'art' is recorded; channels: calf_l calf_z"),
    ],
)
def test_what_is_never_zeroed(
    name: str, found: dict[str, Any], error: type[TurgorError], message: str, open_to_air: bool
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        check_zero(name, found, open_to_air)


def test_a_zero_that_no_board_can_take() -> None:
    with pytest.raises(TurgorError, match="beyond what the board can take; look at the sensor"):
        zeroed(recording(OFFSET_LIMIT_CODE - 100), "calf_l", 1.0)
    with pytest.raises(TurgorError, match="the set-up of calf_r is not in it"):
        zeroed(recording(0), "calf_r", 1.0)
