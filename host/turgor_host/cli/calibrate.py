"""`turgor calibrate`."""

import json
import re
import time
from pathlib import Path
from typing import Annotated

import typer

from turgor_host.calibrate.certificate import WORDS, write_certificate, write_impedance_certificate
from turgor_host.calibrate.impedance import fit as fit_impedance
from turgor_host.calibrate.pressure import Calibration, Point, fit
from turgor_host.cli.options import JsonOption
from turgor_host.control import ask
from turgor_host.errors import UsageError
from turgor_host.recording.reader import Recording, open_recording
from turgor_host.recording.tracks import ImpedanceTrack

calibrate = typer.Typer(help="Fit a calibration and hand its integers to the board.", no_args_is_help=True)

_POINT = re.compile(r"(-?\d+(?:\.\d+)?)@(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)")
_WINDOW = "MMHG@START-END"


@calibrate.callback()
def _group() -> None:
    pass


@calibrate.command()
def pressure(
    file: Annotated[Path, typer.Argument(help="A recording, also one that is being written, of the known pressures.")],
    channel: Annotated[str, typer.Option("--channel", help="The pressure channel, such as calf_l.")],
    point: Annotated[
        list[str],
        typer.Option("--point", metavar=_WINDOW, help="A known pressure and its window in seconds; give two."),
    ],
    check: Annotated[
        list[str] | None, typer.Option("--check", metavar=_WINDOW, help="A further known pressure, not fitted.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the calibration to this TOML file.")] = None,
    upload: Annotated[bool, typer.Option("--upload", help="Hand it to the board of the running session.")] = False,
    json_: JsonOption = False,
) -> None:
    """Fit a two-point pressure calibration from a recording of two known pressures."""
    with open_recording(file) as recording:
        points = [_point(recording, channel, text, True) for text in point]
        points += [_point(recording, channel, text, False) for text in check or []]
        simulated = bool(recording.simulated)
    result = fit(channel, points)
    if out:
        write_certificate(out, result, points, simulated, time.time(), file.name)
    done = ask("calibrate", **{key: getattr(result, key) for key in WORDS}, channel=channel) if upload else ""
    if json_:
        print(json.dumps(result.as_dict() | {"file": str(out) if out else None, "uploaded": upload}))
        return
    _show(result, points)
    if out:
        print(f"written to {out}")
    if done:
        print(done)


@calibrate.command()
def sweeps(
    channel: Annotated[str, typer.Option("--channel", help="The impedance channel, such as calf_z.")],
    number: Annotated[int, typer.Option("--sweeps", min=1, max=100, help="Sweeps in each of the three modes.")] = 10,
    json_: JsonOption = False,
) -> None:
    """Have the board of the running session measure the resistor on a chip's calibration ports, then go on.

    The electrodes are off meanwhile, and the channel has no readings: 2 s a sweep in three modes.
    """
    done = ask("sweeps", channel=channel, sweeps=number)
    print(json.dumps({"done": done, "seconds": 6 * number}) if json_ else f"{done}; they take {6 * number} s")


@calibrate.command()
def impedance(
    file: Annotated[Path, typer.Argument(help="A recording, also one that is being written, of those sweeps.")],
    channel: Annotated[str, typer.Option("--channel", help="The impedance channel, such as calf_z.")],
    ohm: Annotated[float, typer.Option("--ohm", help="The resistor on the calibration ports, measured.")],
    from_s: Annotated[float | None, typer.Option("--from", help="Only sweeps from this second on.")] = None,
    to_s: Annotated[float | None, typer.Option("--to", help="Only sweeps before this second.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the calibration to this TOML file.")] = None,
    json_: JsonOption = False,
) -> None:
    """Fit offset, gain and phase of an impedance channel from `turgor calibrate sweeps` of a known resistor."""
    with open_recording(file) as recording:
        track = recording[channel]
        if not isinstance(track, ImpedanceTrack):
            raise UsageError(f"{channel} is no impedance channel; calibrate it with `turgor calibrate pressure`")
        steps = track.steps(from_s, to_s)
        simulated = bool(recording.simulated)
    result = fit_impedance(channel, steps, ohm)
    if out:
        write_impedance_certificate(out, result, simulated, time.time(), file.name)
    if json_:
        print(json.dumps(result.as_dict() | {"file": str(out) if out else None}))
        return
    print(f"{channel}: {ohm:g} ohm, {result.receivers[0].sweeps} sweeps in each mode")
    for found in result.receivers:
        print(
            f"  {found.frequency_hz / 1000:5.1f} kHz  gain {found.gain_i_percent:+.2f} {found.gain_q_percent:+.2f} %, "
            f"phase {found.phase_i_deg:+.3f} {found.phase_q_deg:+.3f} deg, offset {found.offset_i:+.1f} "
            f"{found.offset_q:+.1f} counts, noise {found.noise_percent:.3f} %"
        )
    print(f"  board: words {' '.join(str(word) for word in result.words)}")
    if out:
        print(f"written to {out}")


def _point(recording: Recording, channel: str, text: str, fitted: bool) -> Point:
    match = _POINT.fullmatch(text)
    if not match or float(match[2]) >= float(match[3]):
        raise UsageError(f"{text!r} is no point; write {_WINDOW}, such as 50@95-155")
    times, codes = recording[channel].code_window(float(match[2]), float(match[3]))
    return Point(float(match[1]), times, codes, fitted)


def _show(result: Calibration, points: list[Point]) -> None:
    print(
        f"{result.channel}: {result.codes_per_mmhg:.1f} codes a mmHg "
        f"({result.slope_against_nominal_percent:+.2f} % from nominal), offset {result.offset_mmhg:+.2f} mmHg"
    )
    for point, noise, error in zip(points, result.noise_mmhg, result.error_mmhg, strict=True):
        kind = "fitted" if point.fitted else "check"
        samples = f"{len(point.codes)} samples, noise {noise:.3f} mmHg, off by {error:+.3f}"
        print(f"  {point.mmhg:6.1f} mmHg  {kind:<6}  {samples}")
    print(
        f"  board: offset_code {result.offset_code}, gain {result.gain_high}/{result.gain_low} >> {result.gain_shift}"
    )
