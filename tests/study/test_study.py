"""A tiny cohort from end to end."""

import json
from typing import Any

import numpy as np
import pytest

from turgor.core.channels import channel_id
from turgor.core.median import ABSENT
from turgor.core.rules import DEFAULT_LIMITS
from turgor_host.errors import TurgorError
from turgor_host.sim.patient.parameters import parameters
from turgor_host.sim.patient.population import draw
from turgor_host.sim.patient.trends import trends
from turgor_host.study.cohort import follow
from turgor_host.study.feed import feed
from turgor_host.study.study import limits_hash, study
from turgor_host.study.table import text

P = parameters()
# So small a cohort reproduces what was published by chance only: this number draws one that does.
_PATIENTS, _HOURS, _SEED = 14, 36, 36


def nothing(*_: Any) -> None:
    """Nobody looks at the progress."""


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    shares: list[float] = []
    made = study(DEFAULT_LIMITS, _PATIENTS, _HOURS, _SEED, lambda _, share: shares.append(share))
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    return made


def test_the_same_number_gives_the_same_table(found: dict[str, Any]) -> None:
    again = study(DEFAULT_LIMITS, _PATIENTS, _HOURS, _SEED, nothing)
    assert json.dumps(again) == json.dumps(found)


def test_everybody_is_counted_once(found: dict[str, Any]) -> None:
    both = [found["groups"][name] for name in ("hypotensive", "normotensive")]
    everybody = found["groups"]["all"]
    assert everybody["patients"] == _PATIENTS == sum(group["patients"] for group in both)
    for name, one in everybody["judges"].items():
        assert one["sensitivity"]["of"] == everybody["true_cases"] == 6
        assert one["specificity"]["of"] == _PATIENTS - 6
        assert one["sensitivity"]["count"] == sum(g["judges"][name]["sensitivity"]["count"] for g in both)
        assert one["sensitivity"]["count"] <= one["ever"]["count"] == one["delay_h"]["of"]
    rules = everybody["judges"]
    assert rules["rules"]["ever"]["count"] <= rules["rules_medium"]["ever"]["count"]
    assert found["alarms"]["at_least"]["low"]["events"] == sum(
        one["events"] for one in found["alarms"]["by_rule"].values()
    )


def test_it_names_what_it_is_of(found: dict[str, Any]) -> None:
    assert found["parameters"] == P.hash
    assert found["limits"] == limits_hash(DEFAULT_LIMITS)
    changed = [list(row) for row in DEFAULT_LIMITS]
    changed[0][3] += 1
    assert limits_hash(changed) != found["limits"]
    shown = text(found)
    assert f"parameters {P.hash}, limits {found['limits']}" in shown
    assert "14 modelled patients of 36 h, no real ones" in shown
    for word in ("rules, high", "ICP 30 mmHg, bare", "one reading of dP", "fluid_return, medium", "dbp_stale"):
        assert word in shown


def test_a_cohort_unlike_what_was_published_is_refused() -> None:
    with pytest.raises(TurgorError, match=r"ever above 40 mmHg: 12.5% of 8 .* published 16.5% to 31.7%"):
        follow(P, DEFAULT_LIMITS, 14, 36, 13, nothing)


def test_a_patient_second_by_second() -> None:
    """Catheters slip out within a second, lines come and go as drawn, and the truth stays the truth."""
    course = trends(draw(P, 80, 4).patients, 6, 60, limbs=("calf_l", "calf_r"), segments=("calf_l", "thorax"), p=P)
    calf, line = channel_id("calf_l"), channel_id("art")
    feeds = [feed(P, course, number, 4) for number in range(80)]
    names = {event.name for told in feeds for event in told.events}
    assert {"dislodged", "electrode_moved", "attached_late", "line_damped", "dbp_irregular"} <= names
    assert 20 < sum(line in told.channels for told in feeds) < 60
    for number, told in enumerate(feeds):
        assert told.readings.shape == (6 * 3600 + 1, len(told.channels))
        assert told.icp_mmhg[0, ::60] == pytest.approx(course.icp_mmhg[number, 0], abs=1e-3)
        before, after = told.readings[: int(told.attached_s)], told.readings[int(told.attached_s) + 1 :]
        assert (before == ABSENT).all()
        assert (after != ABSENT).all()
        icp = told.readings[:, told.channels.index(calf)]
        for event in told.events:
            if event.name == "dislodged" and event.channel == "calf_l" and event.from_s > told.attached_s:
                out = int(np.ceil(event.from_s))
                assert (icp[out:] == 1500).all()
                assert icp[out - 1] != 1500
    assert (feed(P, course, 3, 4).readings == feeds[3].readings).all()
    assert (feed(P, course, 3, 5).readings[:, 0] != feeds[3].readings[:, 0]).any()
