"""The real arterial recording played into the channel `art`: codes, filter, and the diastolic pressure in force."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, find_peaks, sosfilt, sosfilt_zi

from turgor_host.recording.reader import open_recording

# 90 counts of 10737.4 a mmHg: the converter model's stated noise.
_NOISE_MMHG = 90 / 10737.4
_CUTOFF_HZ = 20.0
_LEAD_S = 5.0


@pytest.fixture(scope="module")
def played(shared_data: Path, record: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory, micropython: Path):
    with (shared_data / "arterial_041s.csv").open() as file:
        rows = [(float(row["t_s"]), float(row["art_mmhg"])) for row in csv.DictReader(file)]
    path = tmp_path_factory.mktemp("scenario") / "art.csv"
    path.write_text("t_s,art_mmhg\n" + "".join(f"{t + _LEAD_S:.3f},{value}\n" for t, value in rows))
    file = record(f"sim:{path}", int(rows[-1][0] + _LEAD_S))
    with open_recording(file) as recording:
        found = recording["art"].window(_LEAD_S, 1e9), recording["art"].filtered(_LEAD_S, 1e9)
        return np.array(rows), *found, recording.dbp(), file


def test_calibrated_raw_pressure_follows_the_input(played) -> None:
    rows, (time, value, valid), *_ = played
    assert len(time) > 4500
    assert valid.all()
    truth = np.interp(time, rows[:, 0] + _LEAD_S, rows[:, 1])
    assert np.sqrt(np.mean((value - truth) ** 2)) < 0.02 + _NOISE_MMHG


def test_filtered_pressure_follows_the_same_filter_in_float64(played) -> None:
    _, (_, raw, _), (_, filtered, _), *_ = played
    median = np.median(np.stack([raw[2:], raw[1:-1], raw[:-2]]), axis=0)
    # Designed at the nominal rate, like the board's integers.
    sos = butter(2, _CUTOFF_HZ, fs=320, output="sos")
    reference, _ = sosfilt(sos, median, zi=sosfilt_zi(sos) * median[0])
    # The first second settles from another start.
    error = filtered[2:][320:] - reference[320:]
    assert np.sqrt(np.mean(error**2)) < 0.02


def test_the_lines_diastolic_pressure_is_in_force(played, turgor) -> None:
    """Nobody typed one: it comes with the eighth good beat, and is the median of what scipy finds in the input."""
    rows, *_, (time, dbp, age_s), file = played
    known = np.flatnonzero(np.isfinite(dbp))
    assert _LEAD_S + 6 <= time[known[0]] <= _LEAD_S + 13
    assert (age_s[known] == 0).all()
    valleys = find_peaks(-rows[:, 1], distance=50, prominence=15)[0]
    for at in known:
        before = rows[valleys, 1][rows[valleys, 0] + _LEAD_S < time[at]]
        assert abs(dbp[at] - np.median(before[-9:-1])) < 1
    assert json.loads(turgor("replay", file, "--verify", "--json").stdout)["result"] == "equal"
