"""`turgor replay`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from turgor.core.channels import channel_id
from turgor_host.calibrate.certificate import Certificate, board_name, read_certificate
from turgor_host.cli.events import show_events
from turgor_host.cli.options import JsonOption
from turgor_host.configuration.sensors import sensor_name
from turgor_host.errors import UsageError
from turgor_host.recording.events import clock
from turgor_host.recording.reader import Recording, open_recording
from turgor_host.recording.replay import replay as run_again
from turgor_host.recording.verify import Report
from turgor_host.recording.verify import verify as compare_again


def replay(
    file: Annotated[Path, typer.Argument(help="A recording.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare every reading and event with the board's; exit 1 on a difference.")
    ] = False,
    calibration: Annotated[
        list[Path] | None,
        typer.Option("--calibration", metavar="TOML", help="Use this certificate instead; give one or several."),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Run the board's own core over the recorded raw codes again and show the events it finds."""
    if verify and calibration:
        raise UsageError("--verify compares with what the board did; leave out --calibration")
    certificates = [read_certificate(path) for path in calibration or ()]
    with open_recording(file) as recording:
        if verify:
            report = compare_again(recording)
            if json_:
                print(json.dumps(report.as_dict()))
            else:
                _show(report)
            if report.result == "different":
                raise typer.Exit(1)
            return
        for certificate in certificates:
            _check(recording, certificate)
        result = run_again(recording, {certificate.channel: certificate.words for certificate in certificates})
    if json_:
        print(json.dumps(result.as_dict()))
        return
    show_events(result.events)
    taken, left_out = result.as_recorded, result.left_out
    if taken or left_out:
        print(f"{taken} readings taken as recorded and {left_out} left out: their codes are not in the recording")


def _check(recording: Recording, certificate: Certificate) -> None:
    """UsageError when it is of another board or sensor than the recording."""
    channel = certificate.channel
    for boot in recording.boots:
        setup = boot.setups.get(channel_id(channel))
        theirs = board_name(boot.board), sensor_name(setup.driver) if setup else certificate.sensor
        if theirs != (certificate.board, certificate.sensor):
            raise UsageError(
                f"the certificate of {channel} is of {certificate.sensor} on board {certificate.board}, the recording "
                f"of {theirs[1]} on board {theirs[0]}; give one that was made there"
            )


def _show(report: Report) -> None:
    for entry in report.differences:
        where = f"{clock(entry['t_s'])} ({entry['t_s']:g} s)  {entry['channel'] or 'board'}"
        what = f"{entry.get('kind', '')} {entry['what']} {entry.get('field', '')}".strip()
        print(f"different: {where}  {what}: expected {entry['expected']}, found {entry['found']}")
    for span in report.unverifiable:
        where = f"{clock(span['from_s'])} to {clock(span['to_s'])}  {span['channel'] or 'board'}  {span['what']}"
        print(f"unverifiable: {where}: {span['reason']}")
    for name in ("readings", "baselines", "events", "states"):
        tally = getattr(report, name)
        print(f"{name}: {tally.equal} equal, {tally.different} different, {tally.unverifiable} unverifiable")
    print(f"records: {report.records}, {report.changed} changed, {report.lost} lost")
    print(report.result)
