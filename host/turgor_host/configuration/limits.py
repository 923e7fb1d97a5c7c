"""Limits: rows of integers, as the board has them, from and to the tables of a file."""

from typing import Any

from turgor.core.rules import DEFAULT_LIMITS, FIRST_TECHNICAL, RULE_NAMES
from turgor_host.errors import UsageError

Row = tuple[int, int, int, int, int, int, int, int]
# The names of a rule's stages, in their order.
STAGES = {
    "dp_low": ("medium", "high"),
    "pressure_high": ("medium", "high", "high_without_dp"),
    "fluid_gain": ("low", "medium", "high"),
}
# How long a sensor may be in trouble: rules of one stage.
TECHNICAL = RULE_NAMES[FIRST_TECHNICAL:]


def _unit(rule: str) -> tuple[str, int]:
    return ("percent", 10) if rule == "fluid_gain" else ("mmhg", 1000)


def default_table(rule: str) -> dict[str, Any]:
    """The defaults of a rule as its table."""
    rows = [row for row in DEFAULT_LIMITS if RULE_NAMES[row[0]] == rule]
    if rule in TECHNICAL:
        return {"limit_s": rows[0][3], "clear_s": rows[0][6]}
    unit, scale = _unit(rule)
    table: dict[str, Any] = {f"clear_{unit}": rows[0][5] / scale, "clear_s": rows[0][6]}
    for name, row in zip(STAGES[rule], rows, strict=True):
        stage: dict[str, Any] = {f"limit_{unit}": row[3] / scale, "run_s": row[4]}
        if rule == "pressure_high" and name == "medium":
            stage["low_from_dp_mmhg"] = row[7] / 1000
        if rule == "fluid_gain" and name == "high":
            stage |= {"icp_mmhg": row[7] >> 15, "dp_mmhg": row[7] & 0x7FFF}
        table[name] = stage
    return table


def limit_rows(rule: str, table: Any) -> list[Row]:
    """The rows of a rule from its checked table."""
    if rule in TECHNICAL:
        number, _, priority, *_ = next(row for row in DEFAULT_LIMITS if RULE_NAMES[row[0]] == rule)
        return [(number, 0, priority, table.limit_s, 0, 0, table.clear_s, 0)]
    unit, scale = _unit(rule)
    clear = round(getattr(table, f"clear_{unit}") * scale)
    rows = []
    for stage, name in enumerate(STAGES[rule]):
        model = getattr(table, name)
        limit = round(getattr(model, f"limit_{unit}") * scale)
        aux = round(getattr(model, "low_from_dp_mmhg", 0) * 1000)
        if hasattr(model, "icp_mmhg"):
            aux = model.icp_mmhg << 15 | model.dp_mmhg
        priority = next(row[2] for row in DEFAULT_LIMITS if RULE_NAMES[row[0]] == rule and row[1] == stage)
        rows.append((RULE_NAMES.index(rule), stage, priority, limit, model.run_s, clear, table.clear_s, aux))
    # Of a rule whose input falls, the clear limit lies above.
    sign = -1 if rule == "dp_low" else 1
    if sign * clear > sign * rows[0][3]:
        side = "above" if sign < 0 else "below"
        raise UsageError(f"limits.{rule}.clear_{unit}: must not lie within the alarm; it lies at the limit or {side}")
    return rows
