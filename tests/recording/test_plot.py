"""What the picture shows: alarms as spans, every peak, whose data it is."""

from typing import Any

import matplotlib
import numpy as np
import pytest

from turgor_host.recording.plot import Span, _draw, _thinned, alarm_spans
from turgor_host.recording.reader import open_recording

matplotlib.use("Agg")


def event(t_s: float, state: str, priority: str) -> dict[str, Any]:
    return {"t_s": t_s, "rule": "dp_low", "channel": "calf_l", "state": state, "priority": priority}


def test_by_hand() -> None:
    found = [
        event(10, "raised", "medium"),
        event(15, "acknowledged", "medium"),
        event(20, "escalated", "high"),
        event(30, "cleared", "high"),
        event(40, "raised", "medium"),
    ]
    assert alarm_spans(found, 50) == [
        Span("dp_low", "calf_l", "medium", 10, 20),
        Span("dp_low", "calf_l", "high", 20, 30),
        Span("dp_low", "calf_l", "medium", 40, 50),
    ]


def test_a_peak_of_one_second_survives_a_day() -> None:
    time = np.arange(86400.0)
    value = np.full(86400, 10.0)
    value[50000] = 99
    value[60000] = np.nan
    value[70000:71000] = np.nan
    thin_time, thin_value = _thinned(time, value)
    assert len(thin_time) == len(thin_value) < 5000
    peak = int(np.nanargmax(thin_value))
    assert thin_value[peak] == 99
    assert thin_time[peak] == pytest.approx(50000, abs=50)
    # A gap stays a gap, a single missing second does not make one.
    assert 900 < np.isnan(thin_value).sum() / len(thin_value) * 86400 < 1100


@pytest.fixture
def figure(eventful: list[bytes], store: Any) -> Any:
    from matplotlib import pyplot

    with open_recording(store(eventful)) as recording:
        drawn = _draw(pyplot, recording, 0, recording.duration_s)
    yield drawn
    pyplot.close(drawn)


def test_says_what_it_is(figure: Any) -> None:
    title = figure.get_suptitle()
    assert "SIMULATED (MicroPython 1.29.0, 60x speed)" in title
    assert "not a medical device" in title


def test_shows_every_channel_and_alarm(figure: Any) -> None:
    pressures, perfusion, impedances, strip = figure.axes
    labels = [
        [text.get_text() for text in axis.get_legend().get_texts()] for axis in (pressures, perfusion, impedances)
    ]
    limbs = ["calf_l", "calf_r", "forearm_l"]
    assert labels == [[*limbs, "DBP"], limbs, ["calf_z"]]
    shown = [text.get_text() for text in strip.get_yticklabels()]
    assert shown == ["dp_low calf_l", "dp_low forearm_l", "fluid_gain calf_z", "pressure_high calf_l"]
    assert [line.get_ydata()[0] for line in pressures.lines if line.get_label().startswith("_")] == [30]


def test_lines_follow_the_readings(figure: Any) -> None:
    dp = next(line for line in figure.axes[1].lines if line.get_label() == "calf_l")
    time, value = dp.get_xdata(), dp.get_ydata()
    assert value[(time > 45) & (time < 95)] == pytest.approx(40, abs=0.02)
    change = figure.axes[2].lines[0].get_ydata()
    assert change[-1] == pytest.approx(-4.5, abs=0.01)
