"""`turgor calibrate`."""

import json
import re
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from turgor_host.calibrate.certificate import (
    Certificate,
    board_name,
    check_age,
    encode_certificate,
    impedance_lines,
    pressure_lines,
    read_certificate,
    write_certificate,
)
from turgor_host.calibrate.impedance import SWEEPS_LEAST, ImpedanceCalibration
from turgor_host.calibrate.impedance import fit as fit_impedance
from turgor_host.calibrate.kept import keep
from turgor_host.calibrate.pressure import Calibration, Point, fit
from turgor_host.cli.options import JsonOption
from turgor_host.configuration.file import nominal_words
from turgor_host.configuration.sensors import is_digital, sensor_name
from turgor_host.control import ask
from turgor_host.errors import UsageError
from turgor_host.recording.boots import Setup
from turgor_host.recording.reader import Recording, open_recording
from turgor_host.recording.tracks import ImpedanceTrack, PressureTrack
from turgor_host.upload import upload as upload_to

calibrate = typer.Typer(help="Fit a calibration and hand its integers to the board.", no_args_is_help=True)

OutOption = Annotated[Path | None, typer.Option("--out", help="Write the certificate to this TOML file.")]
UploadOption = Annotated[bool, typer.Option("--upload", help="Hand it to the board of the running session.")]
PortOption = Annotated[
    str | None, typer.Option("--port", help="Hand it to the board at this port, which no program is using.")
]

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
        typer.Option(
            "--point",
            metavar=_WINDOW,
            help="A known pressure and its window in seconds; give two, or of an ABP2, HSC or SSC one, its zero.",
        ),
    ],
    check: Annotated[
        list[str] | None, typer.Option("--check", metavar=_WINDOW, help="A further known pressure, not fitted.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="TOML",
            help="The board's configuration, which says what is nominal; without it a bridge of 5 uV/V/mmHg, and of a "
            "digital sensor what the recording began with.",
        ),
    ] = None,
    out: OutOption = None,
    upload: UploadOption = False,
    port: PortOption = None,
    json_: JsonOption = False,
) -> None:
    """Fit a pressure calibration from a recording of known pressures."""
    with open_recording(file) as recording:
        if not isinstance(recording[channel], PressureTrack):
            raise UsageError(f"{channel} is no pressure channel; calibrate it with `turgor calibrate impedance`")
        setup = _setup(recording, channel)
        points = [_point(recording, channel, text, True) for text in point]
        points += [_point(recording, channel, text, False) for text in check or []]
        nominal = nominal_words(channel, setup.driver, setup.words, config)
        result = fit(channel, points, nominal, is_digital(setup.driver))
        certificate = _certificate(recording, setup, result.words)
        _write(certificate, recording, pressure_lines(result, points), out, upload, port)
    done = _hand_over(certificate, upload, port)
    if json_:
        _print_json(result.as_dict(), certificate, out, done)
    else:
        _show(result, points)
        _show_certificate(certificate, out, done)


@calibrate.command()
def upload(
    file: Annotated[Path, typer.Argument(help="A certificate of `turgor calibrate pressure` or `impedance`.")],
    port: PortOption = None,
    json_: JsonOption = False,
) -> None:
    """Hand a certificate to the board of the running session, or with --port to the one there."""
    certificate = read_certificate(file)
    check_age(certificate, time.time())
    _keep(certificate, file.read_bytes())
    done = _hand_over(certificate, True, port)
    print(json.dumps({"done": done, "number": certificate.number}) if json_ else done)


@calibrate.command()
def sweeps(
    channel: Annotated[str, typer.Option("--channel", help="The impedance channel, such as calf_z.")],
    number: Annotated[
        int, typer.Option("--sweeps", min=SWEEPS_LEAST, max=100, help="Sweeps in each of the three modes.")
    ] = 10,
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
    out: OutOption = None,
    upload: UploadOption = False,
    port: PortOption = None,
    json_: JsonOption = False,
) -> None:
    """Fit offset, gain and phase of an impedance channel from `turgor calibrate sweeps` of a known resistor."""
    with open_recording(file) as recording:
        track = recording[channel]
        if not isinstance(track, ImpedanceTrack):
            raise UsageError(f"{channel} is no impedance channel; calibrate it with `turgor calibrate pressure`")
        result = fit_impedance(channel, track.steps(from_s, to_s), ohm)
        certificate = _certificate(recording, _setup(recording, channel), result.words)
        _write(certificate, recording, impedance_lines(result), out, upload, port)
    done = _hand_over(certificate, upload, port)
    if json_:
        _print_json(result.as_dict(), certificate, out, done)
    else:
        _show_impedance(result)
        _show_certificate(certificate, out, done)


def _show_impedance(result: ImpedanceCalibration) -> None:
    print(f"{result.channel}: {result.ohm:g} ohm, {result.receivers[0].sweeps} sweeps in each mode")
    for found in result.receivers:
        print(
            f"  {found.frequency_hz / 1000:5.1f} kHz  gain {found.gain_i_percent:+.2f} {found.gain_q_percent:+.2f} %, "
            f"phase {found.phase_i_deg:+.3f} {found.phase_q_deg:+.3f} deg, offset {found.offset_i:+.1f} "
            f"{found.offset_q:+.1f} counts, noise {found.noise_percent:.3f} %"
        )


def _setup(recording: Recording, channel: str) -> Setup:
    """How the board was set up for it last."""
    for boot in reversed(recording.boots):
        for setup in boot.setups.values():
            if setup.name == channel:
                return setup
    raise UsageError(f"{recording.path}: the set-up of {channel} is not in it; record from a start of the board on")


def _certificate(recording: Recording, setup: Setup, words: tuple[int, ...]) -> Certificate:
    board = board_name(recording.boots[-1].board)
    return Certificate(board, setup.name, sensor_name(setup.driver), words, time.time())


def _write(
    certificate: Certificate, recording: Recording, lines: list[str], out: Path | None, upload: bool, port: str | None
) -> None:
    """Write it where that is wanted; what is written or goes to a board is kept here too."""
    about = (certificate, recording.path.name, recording.simulated, lines)
    if out:
        write_certificate(out, *about)
    if out or upload or port:
        _keep(certificate, encode_certificate(*about))


def _keep(certificate: Certificate, content: bytes) -> None:
    if trouble := keep(certificate, content):
        print(f"turgor: {trouble}", file=sys.stderr)


def _hand_over(certificate: Certificate, upload: bool, port: str | None) -> str:
    """Upload it where it is wanted; what was done, "" for nothing."""
    if not upload and not port:
        return ""
    if port:
        return upload_to(port, certificate)
    fields = ("board", "channel", "sensor", "words")
    return ask("calibrate", **{name: getattr(certificate, name) for name in fields})


def _print_json(result: dict[str, Any], certificate: Certificate, out: Path | None, done: str) -> None:
    more = {"number": certificate.number, "board": certificate.board, "sensor": certificate.sensor}
    print(json.dumps(result | more | {"file": str(out) if out else None, "uploaded": bool(done)}))


def _show_certificate(certificate: Certificate, out: Path | None, done: str) -> None:
    print(f"  board: {' '.join(str(word) for word in certificate.words)}")
    print(f"calibration {certificate.number}" + (f" written to {out}" if out else ""))
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
