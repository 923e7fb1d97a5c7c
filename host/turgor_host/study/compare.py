"""What each judge was worth in a cohort."""

from collections import Counter
from typing import Any

import numpy as np

from turgor.core.rules import HIGH, LOW, MEDIUM, PRIORITY_NAMES, RULE_NAMES
from turgor_host.study.cohort import JUDGES, Case, Cohort
from turgor_host.study.figures import Share, middle, rate
from turgor_host.study.judges import Span

_HOUR_S = 3600.0


def groups(cohort: Cohort, seed: int) -> dict[str, Any]:
    """All, the hypotensive and the normotensive apart."""
    low = cohort.population.hypotensive
    chosen = {"all": np.ones_like(low), "hypotensive": low, "normotensive": ~low}
    return {name: _group(cohort, [c for c in cohort.cases if of[c.number]], seed) for name, of in chosen.items()}


def _group(cohort: Cohort, cases: list[Case], seed: int) -> dict[str, Any]:
    injured = [case for case in cases if cohort.is_injured(case.number)]
    spared = [case for case in cases if not cohort.is_injured(case.number)]
    return {
        "patients": len(cases),
        "true_cases": len(injured),
        "late": sum(case.attached_s > _first(cohort, case)[1] for case in injured),
        "judges": {name: _judge(cohort, name, injured, spared, seed) for name in JUDGES},
    }


def _first(cohort: Cohort, case: Case) -> tuple[int, float, float]:
    """The limb whose muscle dies first; when its dP falls to 30 mmHg, and when it dies."""
    limb = int(np.nanargmin(cohort.injury_s[case.number]))
    return limb, float(cohort.ischaemia_s[case.number, limb]), float(cohort.injury_s[case.number, limb])


def _judge(cohort: Cohort, name: str, injured: list[Case], spared: list[Case], seed: int) -> dict[str, Any]:
    delays, leads = [], []
    found = in_time = silent = 0
    for case in injured:
        limb, onset_s, injury_s = _first(cohort, case)
        # The first that stands at the onset or begins after it.
        told = next((span.from_s for span in case.spans[name][limb] if span.to_s >= onset_s), None)
        if told is not None:
            found += 1
            delays.append((told - onset_s) / _HOUR_S)
            leads.append((injury_s - told) / _HOUR_S)
        if told is not None and told <= injury_s:
            in_time += 1
        else:
            silent += not _is_excused(case, injury_s)
    never_low = [case for case in spared if np.isnan(cohort.ischaemia_s[case.number]).all()]
    quiet = sum(not any(case.spans[name]) for case in spared)
    told_of = [sum(map(len, case.spans[name])) for case in spared]
    made: dict[str, Any] = {
        "sensitivity": Share(in_time, len(injured)).as_dict(),
        "ever": Share(found, len(injured)).as_dict(),
        "specificity": Share(quiet, len(spared)).as_dict(),
        "specificity_dp_above_30": Share(
            sum(not any(case.spans[name]) for case in never_low), len(never_low)
        ).as_dict(),
        "false_alarms": rate(told_of, [case.days for case in spared], seed),
        "delay_h": middle(delays, seed),
        "lead_h": middle(leads, seed),
    }
    if name.startswith("rules"):
        made["missed_in_silence"] = silent
    return made


def _is_excused(case: Case, injury_s: float) -> bool:
    """Nothing was attached, or the board said that it could not judge."""
    return case.attached_s > injury_s or any(span.from_s <= injury_s < span.to_s for span in case.technical)


def false_alarms(cohort: Cohort, seed: int) -> dict[str, Any]:
    """Alarms of our rules in those who had neither the syndrome nor edema, and untrue ones in everybody."""
    well = [case for case in cohort.cases if cohort.is_well(case.number)]
    days = [case.days for case in well]

    by_priority = {
        PRIORITY_NAMES[least]: rate([len(case.alarms[least]) for case in well], days, seed)
        for least in (LOW, MEDIUM, HIGH)
    }
    everybody = [case.days for case in cohort.cases]
    return {
        "at_least": by_priority,
        "by_rule": _by_rule([case.alarms[LOW] for case in well], days, seed),
        "high_by_rule": _by_rule([case.alarms[HIGH] for case in well], days, seed),
        "untrue_compartment": rate([case.untrue for case in cohort.cases], everybody, seed),
        "technical": rate([len(case.technical) for case in cohort.cases], everybody, seed),
        "technical_by_rule": _by_rule([case.technical for case in cohort.cases], everybody, seed),
    }


def _by_rule(spans: list[list[Span]], days: list[float], seed: int) -> dict[str, Any]:
    counts = [Counter(span.rule for span in of) for of in spans]
    return {
        name: rate([count[rule] for count in counts], days, seed)
        for rule, name in enumerate(RULE_NAMES)
        if any(count[rule] for count in counts)
    }
