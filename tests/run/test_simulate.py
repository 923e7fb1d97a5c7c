"""`turgor simulate`, and the modelled patient on the virtual board."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from turgor_host.recording.reader import open_recording


def test_the_file_is_played_by_the_board(turgor: Any, record: Callable[..., Path], tmp_path: Path) -> None:
    """A patient drawn, played from the height of the leak on: the board reads the pressures that the file has."""
    file = tmp_path / "patient.csv"
    done = turgor("simulate", "--out", file, "--seed", 5, "--hours", 30, "--step", 60, "--json")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
    summary = json.loads(done.stdout)
    assert summary["file"] == str(file)
    assert summary["seed"] == 5
    assert summary["rows"] == len(file.read_text().splitlines()) - 1 == 30 * 60 + 2
    assert len(summary["parameters"]) == 12
    late = tmp_path / "late.csv"
    header, *rows = file.read_text().splitlines()
    kept = [row.split(",") for row in rows if float(row.split(",")[0]) >= 25 * 3600]
    alphas = [header.split(",").index(name) for name in ("calf_z_alpha", "thorax_z_alpha")]
    for at in alphas:
        kept[0][at] = rows[0].split(",")[at]
    moved = [",".join([f"{float(row[0]) - 25 * 3600:g}", *row[1:]]) for row in kept]
    late.write_text("\n".join([header, *moved, ""]))
    with open_recording(record(f"sim:{late}", 40)) as recording:
        readings = recording["calf_l"].window(30, 40).value
    assert readings.mean() == pytest.approx(float(kept[0][1]), abs=1)
    assert float(kept[0][1]) > 12


def test_the_built_in_patient_is_played(record: Callable[..., Path]) -> None:
    with open_recording(record("sim:patient", 40)) as recording:
        assert recording["calf_l"].window(30, 40).value.mean() == pytest.approx(9, abs=1)


def test_what_happened_is_said_in_words(turgor: Any, tmp_path: Path) -> None:
    said = turgor("simulate", "--out", tmp_path / "a.csv", "--hours", 60).stdout
    assert "60 h, parameters " in said
    assert "calf_l: up to " in said
    assert "pulmonary edema from " in said


def test_its_alarms_are_shown_without_a_file(turgor: Any, tmp_path: Path) -> None:
    """The built-in patient's calf has taken in 5 % after 11 hours."""
    found = json.loads(turgor("simulate", "--rules", "--hours", 12, "--json", cwd=tmp_path).stdout)
    assert found["file"] is None
    assert list(tmp_path.iterdir()) == []
    first = next(alarm for alarm in found["alarms"] if alarm["rule"] not in ("dbp_stale", "zero_overdue"))
    assert (first["channel"], first["rule"], first["priority"], first["state"]) == (
        "calf_z",
        "fluid_gain",
        "low",
        "raised",
    )
    assert first["t_s"] == pytest.approx(40280, abs=120)
    assert first["value"] >= first["limit"] == 5.0


def test_what_it_cannot_do_is_one_line(turgor: Any, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("mine")
    for arguments, code, word in (
        (("--out", file), 1, "exists already"),
        (("--out", tmp_path / "no" / "a.csv"), 1, "no folder"),
        (("--out", tmp_path / "a.csv", "--hours", 0), 2, "--hours"),
        ((), 2, "--out"),
    ):
        done = turgor("simulate", *arguments, code=code)
        assert done.stderr.count("\n") == 1
        assert word in done.stderr
        assert done.stdout == ""
    assert file.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.csv"]
