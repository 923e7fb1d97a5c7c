"""`turgor simulate`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from turgor_host.cli.options import JsonOption
from turgor_host.errors import TurgorError
from turgor_host.sim.patient.episode import STEP_S, episode
from turgor_host.sim.scenario_file import write_scenario

_HOUR_S = 3600.0


def simulate(
    out: Annotated[Path, typer.Option("--out", metavar="CSV", help="The scenario to write, a new file.")],
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
    shown.
    """
    if out.exists():
        raise TurgorError(f"{out} exists already and is not overwritten; choose another name")
    if not out.parent.is_dir():
        raise TurgorError(f"{out.parent} is no folder; choose one that there is")
    modelled = episode(seed, hours, step_s)
    rows = write_scenario(modelled.scenario, out)
    summary = {"file": str(out), "rows": rows, "seed": seed, "step_s": step_s, **modelled.summary()}
    print(json.dumps(summary) if json_ else _text(summary))


def _text(summary: dict[str, Any]) -> str:
    lines = [
        f"{summary['file']}: {summary['rows']} rows, {summary['hours']:g} h, parameters {summary['parameters']}",
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
