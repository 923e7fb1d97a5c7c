"""Writes a scenario as the CSV that `read_scenario` reads. Host only."""

import csv
from pathlib import Path

from turgor_host.errors import TurgorError
from turgor_host.sim.scenario import Scenario, column_names

# What is told apart: 0.001 mmHg, 0.1 milliohm, hertz; moments to the millisecond.
_DECIMALS = {"mmhg": 3, "ohm": 4, "hz": 0, "alpha": 4}
_MOMENT_S = 0.001


def write_scenario(scenario: Scenario, path: Path) -> int:
    """Write `scenario` to the new file `path`; the number of rows below the column names.

    A column that never changes has one value, in the first row.
    """
    rows: dict[float, dict[str, str]] = {}
    for name, points in scenario.points.items():
        decimals = _DECIMALS[name.rsplit("_", 1)[1]]
        texts = [f"{value:.{decimals}f}" for _, value in points]
        shown = points if len(set(texts)) > 1 else points[:1]
        for (t_s, _), text in zip(shown, texts, strict=False):
            rows.setdefault(t_s, {})[name] = text
    for t_s, value in scenario.dbp:
        rows.setdefault(t_s, {})["dbp_mmhg"] = f"{value:g}"
    for t_s, name, channel in scenario.faults:
        # A row has one fault.
        while "fault" in rows.get(t_s, {}):
            t_s += _MOMENT_S
        rows.setdefault(t_s, {})["fault"] = f"{name}:{channel}"
    used = {"t_s"}.union(*rows.values())
    try:
        with path.open("x", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, [name for name in column_names() if name in used], lineterminator="\n")
            table.writeheader()
            for t_s in sorted(rows):
                table.writerow({"t_s": f"{t_s:.3f}".rstrip("0").rstrip("."), **rows[t_s]})
    except FileExistsError:
        raise TurgorError(f"{path} exists already and is not overwritten; choose another name") from None
    except OSError as error:
        raise TurgorError(f"{path}: {error.strerror}; choose a place that can be written") from None
    return len(rows)
