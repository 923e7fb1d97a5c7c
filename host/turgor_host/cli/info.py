"""`turgor info`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from turgor_host.cli.events import episode_line, print_table
from turgor_host.cli.options import JsonOption
from turgor_host.recording.info import describe
from turgor_host.recording.reader import open_recording


def info(
    file: Annotated[Path, typer.Argument(help="A recording, also one that is being written.")],
    check: Annotated[
        bool,
        typer.Option("--check", help="Check the file, each record's CRC-32 and the numbering."),
    ] = False,
    json_: JsonOption = False,
) -> None:
    """What is in a recording.

    `missed` are conversions that a chip made and the board did not read, as while it
    erases flash; each is counted. `lost` are records that the board had to drop, each
    in a declared gap.
    """
    with open_recording(file) as recording:
        result = describe(recording)
        if check:
            result["check"] = recording.check()
    if json_:
        print(json.dumps(result))
    else:
        _show(result)
    if check and not result["check"]["whole"]:
        raise typer.Exit(1)


def _show(result: dict[str, Any]) -> None:
    speed = "maximum" if result["speed"] == "max" else f"{result['speed']:g}x"
    origin = f"SIMULATED at {speed} speed" if result["simulated"] else "recorded"
    print(f"{result['file']}: {origin} from {result['source']}")
    print(f"begun {result['started_utc'] or result['created_utc']}, {result['duration_s']:g} s of board time")
    print(f"board: {result['machine']}, {result['runtime']}, firmware {result['firmware_version']}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("channel", "kind", "samples", "missed", "rate", "readings", "valid", "calibration"):
        table.add_column(name, justify="left" if name in ("channel", "kind", "calibration") else "right", no_wrap=True)
    for channel in result["channels"]:
        rate = "" if channel["rate_hz"] is None else f"{channel['rate_hz']:.3f}/s"
        valid = "" if not channel["readings"] else f"{100 * channel['valid_readings'] / channel['readings']:.1f} %"
        numbers = [str(channel[name]) for name in ("samples", "missed")]
        table.add_row(
            channel["name"],
            channel["kind"],
            *numbers,
            rate,
            str(channel["readings"]),
            valid,
            (channel["calibration"] or "") + (" nominal" if channel["nominal"] else ""),
        )
    print_table(table)
    for episode in result["episodes"]:
        print(episode_line(episode))
    counted = [f"{result[name]} {name}" for name in ("records", "lost", "events", "boots")]
    print(", ".join(counted))
    print(f"samples sha256 {result['samples_sha256']}")
    if "check" in result:
        _show_check(result["check"])


def _show_check(found: dict[str, Any]) -> None:
    if found["whole"]:
        print("check: whole")
    for line in found["integrity"]:
        if line != "ok":
            print(f"check: SQLite says: {line}")
    for changed in found["changed"]:
        print(f"check: record {changed['seq']} of boot {changed['boot']} was changed")
    for hole in found["holes"]:
        print(f"check: records {hole['seq']} to {hole['last_seq']} of boot {hole['boot']} are missing")
