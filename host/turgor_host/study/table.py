"""The study's document for a person."""

from typing import Any

_NAMES = {
    "rules": "rules, high",
    "rules_medium": "rules, medium or high",
    "icp_30": "ICP 30 mmHg, bare",
    "one_dp": "one reading of dP",
    "any_dp": "any dP below 30",
}
_CHESTS = {"full": "at the published sensitivity", "third": "at a third of it"}


def text(found: dict[str, Any]) -> str:
    lines = [
        f"{found['patients']} modelled patients of {found['hours']:g} h, no real ones; seed {found['seed']}, "
        f"parameters {found['parameters']}, limits {found['limits']}",
        "",
    ]
    for burden in found["burdens"]:
        low, high = burden["published_low"], burden["published_high"]
        lines.append(f"{burden['name']}: {_share(burden['modelled'])}, published {low:.0%} to {high:.0%}")
    for name, group in found["groups"].items():
        lines += ["", *_group(name, group)]
    lines += ["", *_alarms(found["alarms"])]
    for name, chest in found["lungs"].items():
        lines += ["", *_chest(name, chest)]
    return "\n".join(lines)


def _group(name: str, group: dict[str, Any]) -> list[str]:
    lines = [
        f"{name}: {group['patients']} patients, muscle dies in {group['true_cases']} of them "
        f"({group['late']} attached after it)",
        f"{'':22} {'told in time':>20} {'told ever':>20} {'quiet without':>20} {'the same, dP > 30':>20} "
        f"{'false a day':>17} {'delay, h':>18} {'ahead, h':>18}",
    ]
    for judge, one in group["judges"].items():
        lines.append(
            f"{_NAMES[judge]:22} {_share(one['sensitivity']):>20} {_share(one['ever']):>20} "
            f"{_share(one['specificity']):>20} {_share(one['specificity_dp_above_30']):>20} "
            f"{_rate(one['false_alarms']):>17} {_middle(one['delay_h']):>18} {_middle(one['lead_h']):>18}"
        )
    silent = group["judges"]["rules"]["missed_in_silence"]
    lines.append(f"missed by the rules without a word that anything was wrong: {silent}")
    return lines


def _alarms(alarms: dict[str, Any]) -> list[str]:
    lines = ["a patient-day, in those without the syndrome or edema"]
    lines += [f"  alarms of at least {name} priority {_rate(one)}" for name, one in alarms["at_least"].items()]
    lines += [f"  {name} {_rate(one)}" for name, one in alarms["by_rule"].items()]
    lines.append("a patient-day, in everybody")
    untrue = _rate(alarms["untrue_compartment"])
    lines.append(f"  of a compartment while neither its true ICP nor its true dP had passed 30 mmHg {untrue}")
    lines.append(f"  technical {_rate(alarms['technical'])}")
    lines += [f"    {name} {_rate(one)}" for name, one in alarms["technical_by_rule"].items()]
    return lines


def _chest(name: str, chest: dict[str, Any]) -> list[str]:
    lines = [
        f"thoraces {_CHESTS[name]}: {chest['patients']} systemic leaks, edema in {chest['edema']}",
        f"{'':22} {'30 min ahead':>20} {'ahead, h':>18} {'told without edema':>20}",
    ]
    for rule in ("lung_fluid", "fluid_return", "either"):
        for priority, one in chest[rule].items():
            lines.append(
                f"{rule + ', ' + priority:22} {_share(one['warned']):>20} {_middle(one['lead_h']):>18} "
                f"{_share(one['told_without_edema']):>20}"
            )
    return lines


def _share(one: dict[str, Any]) -> str:
    if one["share"] is None:
        return "none"
    return f"{100 * one['share']:.1f} % ({100 * one['low']:.1f}-{100 * one['high']:.1f})"


def _rate(one: dict[str, Any]) -> str:
    return "none" if one["per_day"] is None else f"{one['per_day']:.2f} ({one['low']:.2f}-{one['high']:.2f})"


def _middle(one: dict[str, Any]) -> str:
    return "none" if one["median"] is None else f"{one['median']:.1f} ({one['low']:.1f}-{one['high']:.1f})"
