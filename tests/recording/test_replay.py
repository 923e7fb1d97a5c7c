"""The events that the core makes of raw codes, with the board's calibrations and with others."""

from typing import Any

import pytest

from turgor.core.rules import MEDIUM, PRESSURE_HIGH
from turgor.link.records import FILTER_STATE, READINGS, SAMPLES, unpack
from turgor.link.records import pack as pack_record
from turgor_host.errors import TurgorError, UsageError
from turgor_host.recording.reader import open_recording
from turgor_host.recording.replay import replay

Records = list[bytes]
# 8000 codes a mmHg, as the board of these tests has them.
EIGHTH = (0, 4096, 0, 5)


def run(path: Any, calibrations: dict[str, tuple[int, ...]] | None = None) -> Any:
    with open_recording(path) as recording:
        return replay(recording, calibrations), recording.events()


def test_by_hand(fake: Any, store: Any) -> None:
    """20 mmHg is no alarm; with an offset of -20 mmHg it reads 40, which is one 5 s after the first median."""
    limits = ((PRESSURE_HIGH, 0, MEDIUM, 30000, 5, 28000, 5, 40000),)
    records = fake.Board({"calf_l": (lambda index: 160000,)}, limits=limits).drained(50_500_000)
    path = store(records)
    assert run(path)[0].events == []
    shifted = (-160000, *EIGHTH[1:])
    (event,) = run(path, {"calf_l": shifted})[0].events
    # Valid from second 3, a median of 30 from second 32, the run begins there.
    assert (event["t_s"], event["rule"], event["state"], event["value"]) == (37, "pressure_high", "raised", 40.0)


def test_the_same_calibration_gives_the_boards_events(eventful: Records, store: Any) -> None:
    again, events = run(store(eventful))
    assert again.events == events
    assert (again.recomputed, again.as_recorded, again.left_out) == (680, 0, 0)


def test_another_calibration_stays_for_the_whole_recording(eventful: Records, store: Any) -> None:
    """Without the calibration that the board took at 120 s calf_l never reads 35 mmHg."""
    again, events = run(store(eventful), {"calf_l": EIGHTH})
    high = ("pressure_high", "calf_l")
    assert high in [(event["rule"], event["channel"]) for event in events]
    assert high not in [(event["rule"], event["channel"]) for event in again.events]


def test_readings_without_codes(eventful: Records, store: Any) -> None:
    """Taken as recorded until the next snapshot with the board's calibration, with another one left out to the end."""
    first = next(i for i, record in enumerate(eventful) if record[0] == SAMPLES and unpack(record)[0]["t_s"] > 100)
    header = unpack(eventful[first])[0]
    gap = pack_record("gap", 255, 7, first, header["t_s"], (first,))
    path = store([*eventful[:first], gap, *eventful[first + 1 :]])
    snapshot = next(i for i in range(first, len(eventful)) if eventful[i][0] == FILTER_STATE)
    assert unpack(eventful[snapshot])[0]["t_s"] == 120
    ticks = [i for i in range(first, len(eventful)) if eventful[i][0] == READINGS]
    until = sum(i < snapshot for i in ticks)
    same, _ = run(path)
    # A sweep is only unknown until the next one.
    assert (same.as_recorded, same.left_out) == (3 * until + 1, 0)
    other, _ = run(path, {"calf_l": EIGHTH})
    assert (other.as_recorded, other.left_out) == (2 * until + 1, len(ticks))


def test_calibrations_that_do_not_go(eventful: Records, store: Any) -> None:
    path = store(eventful)
    with pytest.raises(UsageError, match=r"calibration of calf_l: gain_low = 40000 is not within 0 to 32767"):
        run(path, {"calf_l": (0, 4096, 40000, 5)})
    with pytest.raises(TurgorError, match="has no channel 'forearm_r'"):
        run(path, {"forearm_r": EIGHTH})
