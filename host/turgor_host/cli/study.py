"""`turgor study`."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from turgor_host.cli.options import ConfigOption, JsonOption
from turgor_host.configuration.file import default_configuration, read_configuration
from turgor_host.study.study import study as run_study
from turgor_host.study.table import text

_LABELS = {"cohort": "patients", "lungs": "thoraces"}


def study(
    patients: Annotated[int, typer.Option("--patients", min=1, max=100000, help="How many to draw.")] = 1000,
    hours: Annotated[float, typer.Option("--hours", min=24, max=336, help="How long each is followed.")] = 48,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another number draws another cohort.")] = 1,
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """What the rules are worth on modelled patients, beside simpler ones, with intervals.

    Two limbs, level and zero errors, catheters that slip out or clot, damped lines, DBP typed now and then, late
    attachment. Truth is the model's: muscle that dies, pulmonary edema. It stops where the cohort does not reproduce
    published pressures. 1000 patients for 48 h take minutes, with numba installed; without it, days.
    """
    limits = (read_configuration(config) if config else default_configuration()).config.limits
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=json_ or not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task(_LABELS["cohort"], total=1.0)
        found = run_study(
            limits,
            patients,
            hours,
            seed,
            lambda part, share: bar.update(task, description=_LABELS[part], completed=share),
        )
    print(json.dumps(found) if json_ else text(found))
