"""`turgor calibrate`."""

import json
import re
import time
from pathlib import Path
from typing import Annotated

import typer

from turgor_host.calibrate.certificate import WORDS, write_certificate
from turgor_host.calibrate.pressure import Calibration, Point, fit
from turgor_host.cli.options import JsonOption
from turgor_host.control import ask
from turgor_host.errors import UsageError
from turgor_host.recording.reader import Recording, open_recording

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
