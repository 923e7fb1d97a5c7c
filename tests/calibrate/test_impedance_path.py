"""Impedance through the whole path: chips that are off, MicroPython's board, serial port, recording; fit; upload.

A board's receivers are calibrated with a resistor on the chips' calibration ports; the certificates are handed to the
board, which measures networks of resistors and capacitors with them, and keeps them over a restart.
"""

import cmath
import json
import math
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from virtual_board import VirtualBoard

from turgor.core.channels import channel_id
from turgor.core.impedance import r0_milliohm
from turgor.drivers.max30009_writes import FREQUENCIES_HZ
from turgor_host.calibrate.certificate import read_certificate, write_certificate
from turgor_host.calibrate.impedance import fit
from turgor_host.configuration.file import parse_configuration
from turgor_host.errors import TurgorError, UsageError
from turgor_host.recording.reader import open_recording
from turgor_host.sim.scenario import cole
from turgor_host.source import board_environment

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


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "turgor_host.cli", *(str(argument) for argument in arguments)]


def turgor(*arguments: object, code: int = 0) -> str:
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def board(folder: Path, more: dict[str, Any], **options: Any) -> VirtualBoard:
    """One with nothing but the two chips, which saves the time of the others; its flash is in `folder`."""
    folder.mkdir(exist_ok=True)
    image = parse_configuration("".join(f"[channels.{name}]\n" for name in RECEIVERS)).image
    more = {"image": image.hex(), "receivers": receivers()} | more
    flash = ("--flash", str(folder / "flash.bin"))
    return VirtualBoard(folder, hold=True, runtime="micropython", more=more, options=flash, **options)


def record(folder: Path, seconds: int, more: dict[str, Any]) -> Path:
    file = folder / "out.turgor"
    with board(folder, more, speed=0) as running:
        turgor("record", running.port, file, "--seconds", seconds)
    return file


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory, micropython: str) -> Path:
    """A recording of the sweeps of the resistor, at both chips."""
    sweeps = [[2_000_000, name, SWEEPS] for name in RECEIVERS]
    return record(tmp_path_factory.mktemp("calibration") / "board", 6 * SWEEPS + 10, {"sweeps": sweeps})


@pytest.fixture(scope="module")
def certificates(calibrated: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """What `turgor calibrate impedance` makes of them; it finds what was put in."""
    paths = []
    for name, (*rows, offsets) in RECEIVERS.items():
        paths.append(tmp_path_factory.mktemp("certificates") / f"{name}.toml")
        arguments = ("--channel", name, "--ohm", OHM, "--out", paths[-1], "--json")
        found = json.loads(turgor("calibrate", "impedance", calibrated, *arguments))
        assert read_certificate(paths[-1]).words == tuple(found["words"])
        for receiver, (gain_i, phase_i, gain_q, phase_q) in zip(found["receivers"], rows, strict=True):
            assert receiver["sweeps"] == SWEEPS
            assert receiver["gain_i_percent"] == pytest.approx(100 * (gain_i - 1), abs=0.02)
            assert receiver["gain_q_percent"] == pytest.approx(100 * (gain_q - 1), abs=0.02)
            assert receiver["phase_i_deg"] == pytest.approx(phase_i, abs=0.02)
            assert receiver["phase_q_deg"] == pytest.approx(phase_q, abs=0.02)
            assert (receiver["offset_i"], receiver["offset_q"]) == pytest.approx(offsets, abs=1.5)
    return paths


def spans() -> Iterator[tuple[tuple[float, int], float, float]]:
    """Each load, and from when to when sweeps saw nothing but it."""
    for number, load in enumerate(LOADS):
        yield load, number * SPAN_S + 0.1, (number + 1) * SPAN_S - 1.1


def worst(file: Path, loads: int) -> tuple[float, float, float]:
    """The largest errors: of |Z| in percent and of its phase in degrees at any frequency, by the board's core and the
    calibration in force, and of the board's own readings, the resistance at 5 kHz, in percent of |Z|."""
    errors = []
    with open_recording(file) as recording:
        for name in RECEIVERS:
            sweeps, readings = recording[name].sweeps(), recording[name].readings()
            for load, from_s, to_s in list(spans())[:loads]:
                # A reading is of the sweep of the second before, or the one before that.
                told = (readings.time >= from_s + 2) & (readings.time < to_s)
                assert readings.valid[told].all()
                exact = network(FREQUENCIES_HZ[0], *load)
                read = 100 * abs(readings.value[told].mean() - exact.real) / abs(exact)
                for hz in FREQUENCIES_HZ:
                    taken = (sweeps.time > from_s) & (sweeps.time < to_s) & (sweeps.frequency_hz == hz)
                    assert taken.sum() >= 5
                    assert sweeps.valid[taken].all()
                    z = complex(sweeps.resistance[taken].mean(), sweeps.reactance[taken].mean())
                    ratio = z / network(hz, *load)
                    errors.append((100 * abs(abs(ratio) - 1), abs(math.degrees(cmath.phase(ratio))), read))
    magnitude, phase, reading = np.max(errors, axis=0)
    return float(magnitude), float(phase), float(reading)


@pytest.fixture(scope="module")
def uploaded(certificates: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of all loads by a board to which the certificates were handed before its restart."""
    folder = tmp_path_factory.mktemp("loads") / "board"
    with board(folder, {}, speed=1) as running:
        for path in certificates:
            said = turgor("calibrate", "upload", path, "--port", running.port)
            assert said.startswith(f"{running.port}: calibration {read_certificate(path).number} of {path.stem} taken")
        time.sleep(3)
    return record(folder, len(LOADS) * SPAN_S + 1, {"impedance": dict.fromkeys(RECEIVERS, tracks())})


def test_uploaded_certificates_have_the_board_measure_networks(uploaded: Path, tmp_path: Path) -> None:
    """Within 0.1 % and 0.15 degrees at all frequencies, 20 to 800 ohm, also by its own readings; not without them."""
    magnitude, phase, reading = worst(uploaded, len(LOADS))
    print("calibrated", magnitude, phase, reading)
    assert magnitude < 0.1
    assert phase < 0.15
    assert reading < 0.1
    loads = 2
    more = {"impedance": dict.fromkeys(RECEIVERS, tracks())}
    magnitude, phase, reading = worst(record(tmp_path / "nominal", loads * SPAN_S + 1, more), loads)
    print("nominal", magnitude, phase, reading)
    assert magnitude > 3
    assert phase > 2
    assert reading > 2


SCRIPT = """
import json, sys
from array import array
from turgor.core.impedance import r0_milliohm, reactance_milliohm, resistance_milliohm
words, steps = json.loads(sys.stdin.read())
words = array("i", words)
parts = []
for frequency, sum_i, sum_q, count in steps:
    parts += [f(words, frequency, sum_i, sum_q, count) for f in (resistance_milliohm, reactance_milliohm)]
print(json.dumps(parts + [r0_milliohm(*parts[:4])]))
"""


def test_a_board_keeps_them_and_its_own_core_gives_r0(
    uploaded: Path, certificates: list[Path], micropython: str
) -> None:
    """Its set-up after the restart has the words; with these MicroPython makes R, X and R0 of the recorded sums."""
    channels = json.loads(turgor("info", uploaded, "--json"))["channels"]
    numbers = {channel["name"]: channel["calibration"] for channel in channels}
    assert numbers == {path.stem: read_certificate(path).number for path in certificates}
    errors = []
    with open_recording(uploaded) as recording:
        for path in certificates:
            name = path.stem
            setup = recording.boots[-1].setups[channel_id(name)]
            assert setup.words == read_certificate(path).words
            steps = recording[name].steps()
            for load, from_s, to_s in spans():
                sums = []
                for frequency in range(3):
                    taken = steps[(steps["time"] > from_s) & (steps["time"] < to_s) & (steps["frequency"] == frequency)]
                    mean = (round(taken[field].mean()) for field in ("sum_i", "sum_q"))
                    sums.append((frequency, *mean, 16))
                done = subprocess.run(
                    [micropython, "-c", SCRIPT.replace("sys.stdin.read()", repr(json.dumps([setup.words, sums])))],
                    capture_output=True,
                    text=True,
                    env=board_environment(),
                    check=True,
                )
                *parts, r0 = json.loads(done.stdout)
                exact = [network(hz, *load) for hz in FREQUENCIES_HZ]
                for z, r, x in zip(exact, parts[::2], parts[1::2], strict=True):
                    ratio = complex(r, x) / 1000 / z
                    errors.append((100 * abs(abs(ratio) - 1), abs(math.degrees(cmath.phase(ratio))), 0.0))
                # The same estimate of exact parts.
                wanted = r0_milliohm(*(round(1000 * part) for z in exact[:2] for part in (z.real, z.imag)))
                errors.append((0.0, 0.0, 100 * abs(r0 / wanted - 1)))
    magnitude, phase, r0_error = np.max(errors, axis=0)
    print("MicroPython's core", magnitude, phase, r0_error)
    assert magnitude < 0.1
    assert phase < 0.15
    # An error of 0.1 degrees at 5 kHz is 0.47 % of R0.
    assert r0_error < 0.25


def test_through_a_running_session_or_a_port(
    certificates: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by `record`'s local socket, one straight to the port; both are in what follows, which can be verified."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    calf, thorax = certificates
    first, second = tmp_path / "first.turgor", tmp_path / "second.turgor"
    with board(tmp_path / "board", {}, speed=1) as running:
        with subprocess.Popen(command("record", running.port, first), stdout=subprocess.DEVNULL) as session:
            until = time.monotonic() + 60
            while not first.exists() or not any(tmp_path.glob("**/*.sock")):
                assert time.monotonic() < until
                time.sleep(0.1)
            time.sleep(3)
            said = turgor("calibrate", "upload", calf)
            assert f"calibration {read_certificate(calf).number} of calf_z taken" in said
            # The port is the session's.
            assert "another program has this port open" in turgor(
                "calibrate", "upload", thorax, "--port", running.port, code=1
            )
            time.sleep(3)
            session.send_signal(signal.SIGINT)
        assert session.returncode == 0
        turgor("calibrate", "upload", thorax, "--port", running.port)
        time.sleep(3)
        # They count from where the first run ended.
        turgor("record", running.port, first, "--seconds", 40)
        turgor("record", running.port, second, "--seconds", 30)
    # Both begin behind the board's start. A calibration moves the resistance as electrodes do, which the board takes
    # out: for a minute behind the first snapshot no median is certain. Nothing differs.
    for file, result in ((first, "unverifiable"), (second, "unverifiable")):
        report = json.loads(turgor("replay", file, "--verify", "--json"))
        assert (report["result"], report["states"]["different"]) == (result, 0)
        channels = json.loads(turgor("info", file, "--json"))["channels"]
        found = [channel["calibration"] for channel in channels]
        assert found == [read_certificate(path).number for path in (calf, thorax)]


def test_whose_a_certificate_is(certificates: list[Path], tmp_path: Path) -> None:
    """Another board's, another sensor's, an old one: refused in one line, the second by the board itself."""
    given = read_certificate(certificates[0])
    cases = (
        ({"board": "0" * 16}, 2, "calibrate this board"),
        ({"sensor": "MAX30009_BF"}, 1, "driver = 10 is not within 2 to 2; another sensor than the certificate's"),
        ({"made": 1e9}, 2, "make it again with `turgor calibrate`"),
    )
    with board(tmp_path / "board", {}, speed=1) as running:
        for change, code, message in cases:
            path = tmp_path / "other.toml"
            write_certificate(path, replace(given, **{"made": time.time()} | change), "a.turgor", True, [])
            said = turgor("calibrate", "upload", path, "--port", running.port, code=code)
            assert message in said
            assert said.count("\n") == 1


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
