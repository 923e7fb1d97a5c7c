"""Readings records, many at once."""

from struct import pack

import pytest

from turgor.link.records import READING
from turgor_host.recording.decode import decode_readings

FIXED = "<iHB"
CALF = pack(READING, 0, 1, 80, 20000, 19000)
IMPEDANCE = pack(READING, 4, 3, 2, 60000, 60000)


def test_by_hand() -> None:
    """One reading of one channel, before any diastolic pressure was typed."""
    ticks = decode_readings([pack(FIXED, -1, 65535, 0) + CALF])
    assert (ticks.dbp_milli_mmhg.tolist(), ticks.dbp_age_s.tolist(), ticks.dbp_source.tolist()) == ([-1], [65535], [0])
    assert ticks.entries.tolist() == [(0, 1, 80, 20000, 19000)]
    assert ticks.owner.tolist() == [0]


def test_readings_of_different_length() -> None:
    ticks = decode_readings([pack(FIXED, -1, 65535, 0) + CALF, pack(FIXED, 60000, 5, 1) + CALF + IMPEDANCE])
    assert ticks.owner.tolist() == [0, 1, 1]
    assert ticks.entries["channel"].tolist() == [0, 0, 4]
    assert ticks.dbp_milli_mmhg.tolist() == [-1, 60000]


def test_what_is_not_whole_is_refused() -> None:
    with pytest.raises(ValueError, match="not whole entries"):
        decode_readings([pack(FIXED, -1, 65535, 0) + CALF[:-1]])
    with pytest.raises(ValueError, match="too short"):
        decode_readings([pack(FIXED, -1, 65535, 0)[:-1]])


def test_nothing_gives_nothing() -> None:
    assert len(decode_readings([]).entries) == 0
