"""`turgor simulate`."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from turgor_host.cli.events import show_events
from turgor_host.cli.options import JsonOption
from turgor_host.errors import TurgorError, UsageError
from turgor_host.sim.patient.episode import STEP_S, Episode, episode
from turgor_host.sim.scenario_file import write_scenario
from turgor_host.trend.played import play

_HOUR_S = 3600.0


def simulate(
    out: Annotated[Path | None, typer.Option("--out", metavar="CSV", help="The scenario to write, a new file.")] = None,
    rules: Annotated[
        bool, typer.Option("--rules", help="Show the alarms that a board would raise, judged second by second.")
    ] = False,
    seed: Annotated[
        int | None,
        typer.Option("--seed", min=0, help="Draw a patient by this number; without it, that of the built-in episode."),
    ] = None,
    hours: Annotated[
        float | None,
        typer.Option("--hours", min=1, max=336, help="How long; without it, the built-in episode's seven days."),
    ] = None,
    step_s: Annotated[
        float, typer.Option("--step", metavar="S", min=1, max=3600, help="Seconds between two rows.")
    ] = STEP_S,
    json_: JsonOption = False,
) -> None:
    """A modelled patient's systemic capillary leak as a scenario, which `sim:CSV` plays.

    Prodrome, leak and return of the fluid: pressures and impedances from the fluid volumes of six regions, a diastolic
    pressure typed every half hour. A model, no patient: its parameters and their sources are in one file, whose hash is
    shown. With `--rules` the board's own rules judge it, one reading a second.
    """
    if out is None and not rules:
        raise UsageError("nothing to do; give --out CSV for a scenario, --rules for its alarms, or both")
    if out and out.exists():
        raise TurgorError(f"{out} exists already and is not overwritten; choose another name")
    if out and not out.parent.is_dir():
        raise TurgorError(f"{out.parent} is no folder; choose one that there is")
    modelled = episode(seed, hours, step_s)
    rows = write_scenario(modelled.scenario, out) if out else None
    file = str(out) if out else None
    summary = {"file": file, "rows": rows, "seed": seed, "step_s": step_s, **modelled.summary()}
    if rules:
        summary["alarms"] = _alarms(modelled, json_)
    if json_:
        print(json.dumps(summary))
        return
    print(_text(summary))
    if rules:
        show_events(summary["alarms"])


def _alarms(modelled: Episode, json_: bool) -> list[dict[str, Any]]:
    columns = (TextColumn("judging"), BarColumn(), TextColumn("{task.percentage:.0f} %"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=json_ or not sys.stderr.isatty()) as bar:
        task = bar.add_task("", total=1.0)
        seconds = round(modelled.trends.time_s[-1])
        alarms = play(modelled.scenario, seconds, progress=lambda share: bar.update(task, completed=share))
    return [alarm.as_event() for alarm in alarms]


def _text(summary: dict[str, Any]) -> str:
    written = f"{summary['file']}: {summary['rows']} rows, " if summary["file"] else ""
    lines = [
        f"{written}{summary['hours']:g} h, parameters {summary['parameters']}",
        f"hematocrit up to {summary['hematocrit_most']:.0%}, plasma lost up to {summary['plasma_lost']:.0%}, "
        f"diastolic pressure down to {summary['diastolic_least_mmhg']:.0f} mmHg",
    ]
    for limb, mmhg in summary["icp_most_mmhg"].items():
        low, dead = _when(summary["ischaemia_s"][limb]), _when(summary["injury_s"][limb])
        lines.append(f"{limb}: up to {mmhg:.0f} mmHg, DBP - ICP at 30 mmHg or less {low}, muscle dies {dead}")
    lines.append(f"pulmonary edema {_when(summary['edema_s'])}")
    return "\n".join(lines)


def _when(t_s: float | None) -> str:
    return "never" if t_s is None else f"from {t_s / _HOUR_S:.1f} h"
