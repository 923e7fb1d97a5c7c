"""Impedance through the whole path: chips that are off, MicroPython's board, serial port, recording; fit; and again.

One board's receivers are calibrated with a resistor on the chips' calibration ports; another board, with the words
that came out, measures networks of resistors and capacitors.
"""

import cmath
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from virtual_board import VirtualBoard

from turgor.drivers.max30009_writes import FREQUENCIES_HZ
from turgor_host.calibrate.impedance import fit
from turgor_host.configuration.file import parse_configuration
from turgor_host.errors import TurgorError, UsageError
from turgor_host.recording.reader import open_recording
from turgor_host.sim.scenario import cole

OHM = 100.03
SWEEPS = 10
# Gain and phase (degrees) of I and Q by frequency, offsets in counts: several percent, lags that grow.
RECEIVERS = {
    "calf_z": ((0.964, -0.12, 0.987, -0.06), (0.958, -0.93, 0.982, -0.81), (0.941, -2.10, 0.969, -1.83), (-485, -281)),
    "thorax_z": ((1.031, -0.09, 1.012, -0.15), (1.02, -1.2, 1.003, -1.05), (0.99, -2.6, 0.985, -2.45), (311, -707)),
}
CAPACITOR_F = 68e-9
SPAN_S = 12


def network(hz: float, total_ohm: float, kind: int) -> complex:
    """A resistor in series with one beside a capacitor, a Cole model, or a plain resistor; `total_ohm` at 0 Hz."""
    if kind == 0:
        return 0.4 * total_ohm + 1 / (1 / (0.6 * total_ohm) + 2j * math.pi * hz * CAPACITOR_F * 50 / total_ohm)
    if kind == 1:
        return cole(hz, total_ohm, 0.55 * total_ohm, 45e3, 0.69)
    return complex(total_ohm)


LOADS = [(20.0, 2), (25.0, 0), (60.0, 1), (60.0, 0), (280.0, 1), (800.0, 0), (800.0, 1), (800.0, 2)]


def receivers() -> dict[str, Any]:
    found = {}
    for name, (*rows, offsets) in RECEIVERS.items():
        mixers = []
        for hz, (gain_i, phase_i, gain_q, phase_q) in zip(FREQUENCIES_HZ, rows, strict=True):
            parts = [cmath.rect(g, math.radians(p)) * 2**30 for g, p in ((gain_i, phase_i), (gain_q, phase_q))]
            mixers.append([hz, *(round(x) for part in parts for x in (part.real, part.imag)), *offsets])
        found[name] = [round(OHM * 1e6), mixers]
    return found


def tracks() -> list[list[Any]]:
    """Each load in turn for SPAN_S seconds."""
    rows = []
    for hz in FREQUENCIES_HZ:
        times, re, im = [], [], []
        for number, load in enumerate(LOADS):
            z = network(hz, *load)
            for t_s in (number * SPAN_S, (number + 1) * SPAN_S - 1):
                times.append(round(t_s * 1e6))
                re.append(round(z.real * 1e6))
                im.append(round(z.imag * 1e6))
        rows.append([hz, times, re, im])
    return rows


def turgor(*arguments: object) -> str:
    command = [sys.executable, "-m", "turgor_host.cli", *(str(argument) for argument in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def record(folder: Path, seconds: int, more: dict[str, Any]) -> Path:
    folder.mkdir()
    file = folder / "out.turgor"
    # Nothing but the two chips, which saves the time of the others.
    image = parse_configuration("".join(f"[channels.{name}]\n" for name in RECEIVERS)).image
    more = {"image": image.hex()} | more
    with VirtualBoard(folder, speed=0, hold=True, runtime="micropython", more=more) as board:
        turgor("record", board.port, file, "--seconds", seconds)
    return file


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory, micropython: str) -> Path:
    """A recording of the sweeps of the resistor, at both chips."""
    sweeps = [[2_000_000, name, SWEEPS] for name in RECEIVERS]
    more = {"receivers": receivers(), "sweeps": sweeps}
    return record(tmp_path_factory.mktemp("calibration") / "board", 6 * SWEEPS + 10, more)


def test_a_resistor_makes_words_that_measure_networks(calibrated: Path, tmp_path: Path) -> None:
    """Within 0.1 % and 0.15 degrees at all frequencies, 20 to 800 ohm; not without the calibration."""
    words = {}
    for name, (*rows, offsets) in RECEIVERS.items():
        out = tmp_path / f"{name}.toml"
        found = json.loads(
            turgor("calibrate", "impedance", calibrated, "--channel", name, "--ohm", OHM, "--out", out, "--json")
        )
        assert str(found["words"]) in out.read_text()
        words[name] = found["words"]
        for receiver, (gain_i, phase_i, gain_q, phase_q) in zip(found["receivers"], rows, strict=True):
            assert receiver["sweeps"] == SWEEPS
            assert receiver["gain_i_percent"] == pytest.approx(100 * (gain_i - 1), abs=0.02)
            assert receiver["gain_q_percent"] == pytest.approx(100 * (gain_q - 1), abs=0.02)
            assert receiver["phase_i_deg"] == pytest.approx(phase_i, abs=0.02)
            assert receiver["phase_q_deg"] == pytest.approx(phase_q, abs=0.02)
            assert (receiver["offset_i"], receiver["offset_q"]) == pytest.approx(offsets, abs=1.5)
    worst = {}
    for case, more in (("nominal", {}), ("calibrated", {"words": words})):
        impedance = dict.fromkeys(RECEIVERS, tracks())
        more |= {"receivers": receivers(), "impedance": impedance}
        loads = LOADS if more.get("words") else LOADS[:3]
        file = record(tmp_path / case, len(loads) * SPAN_S + 1, more)
        errors = []
        with open_recording(file) as recording:
            for name in RECEIVERS:
                sweeps = recording[name].sweeps()
                for number, load in enumerate(loads):
                    for hz in FREQUENCIES_HZ:
                        taken = (sweeps.time > number * SPAN_S) & (sweeps.time < (number + 1) * SPAN_S - 1.1)
                        taken &= sweeps.frequency_hz == hz
                        assert taken.sum() >= 5
                        assert sweeps.valid[taken].all()
                        z = complex(sweeps.resistance[taken].mean(), sweeps.reactance[taken].mean())
                        ratio = z / network(hz, *load)
                        errors.append((100 * abs(abs(ratio) - 1), abs(math.degrees(cmath.phase(ratio)))))
        worst[case] = np.max(errors, axis=0)
        print(case, worst[case])
    assert worst["calibrated"][0] < 0.1
    assert worst["calibrated"][1] < 0.15
    assert worst["nominal"][0] > 3
    assert worst["nominal"][1] > 2


def test_while_it_is_calibrated_there_is_no_reading(calibrated: Path) -> None:
    with open_recording(calibrated) as recording:
        track = recording["calf_z"]
        steps = track.steps()
        assert [int(((steps["leads"] >> 8) == mode).sum()) for mode in (1, 2, 3)] == [3 * SWEEPS] * 3
        times = steps["time"][steps["leads"] >> 8 > 0]
        readings = track.readings()
        inside = (readings.time > times[0] + 3) & (readings.time < times[-1])
        assert inside.sum() > 50
        assert not readings.valid[inside].any()
        # Then it measures again by itself.
        assert readings.valid[readings.time > times[-1] + 4].all()


@pytest.mark.parametrize(
    ("change", "ohm", "message"),
    [
        ({}, 10.0, "must lie within 20 and 800"),
        ({}, 130.0, "gain of I is .* from nominal"),
        ({"frequency": 3}, OHM, "0 sweeps with the drive in reset, at least 5"),
        ({"max_i": 2**19 - 1}, OHM, "saturated"),
    ],
)
def test_nonsense_is_refused(calibrated: Path, change: dict[str, int], ohm: float, message: str) -> None:
    with open_recording(calibrated) as recording:
        steps = recording["calf_z"].steps()
    for field, value in change.items():
        steps[field] = value
    with pytest.raises(UsageError if ohm < 20 else TurgorError, match=message):
        fit("calf_z", steps, ohm)
