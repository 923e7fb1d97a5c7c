"""`turgor demo`: what somebody sees who has just arrived, and what acts on a run."""

import contextlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

_ALARM_MS = 60_000


@contextlib.contextmanager
def _demo(file: Path, *options: str) -> Iterator[str]:
    """A running demo; gives the address of its page."""
    command = [
        sys.executable,
        "-u",
        "-m",
        "turgor_host.cli",
        "demo",
        "--no-browser",
        "--port",
        "0",
        "--file",
        str(file),
    ]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        found = re.search(r"http://127\.0\.0\.1:\d+/?", process.stdout.readline())
        assert found, process.stderr.read() if process.stderr else ""
        yield found[0]
    finally:
        process.terminate()
        output, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert errors == ""
    assert str(file) in output


def test_page_shows_the_boards_own_alarm(tmp_path: Path, page: Page, turgor: Any, micropython: Path) -> None:
    file = tmp_path / "demo.turgor"
    hosts = set()
    page.on("request", lambda request: hosts.add(re.split("[/:]+", request.url)[1]))
    with _demo(file) as url:
        page.set_viewport_size({"width": 1280, "height": 800})
        page.goto(url)
        # A busy computer may take its time to begin; from here on the alarm's minute counts.
        expect(page.get_by_text("SIMULATED", exact=True)).to_be_visible(timeout=_ALARM_MS)
        expect(page.get_by_text(re.compile(r"60\S speed"))).to_be_visible()
        expect(page.get_by_text(re.compile(r"MicroPython \d")).first).to_be_visible()
        for name in ("Left calf", "Right calf", "Left forearm", "Right forearm", "Thorax"):
            expect(page.get_by_text(name).first).to_be_visible()
        first = page.inner_text("body")
        started = time.monotonic()
        expect(page.get_by_text("perfusion pressure low").first).to_be_visible(timeout=_ALARM_MS)
        assert time.monotonic() - started < _ALARM_MS / 1000
        assert page.inner_text("body") != first
        assert "DBP 71 mmHg taken" in turgor("dbp", "71").stdout
        assert "sound paused for 90 s" in turgor("pause", "90").stdout
        assert "the pause is over" in turgor("pause", "0").stdout
        assert "1 to 120" in turgor("pause", "121", code=2).stderr
        assert "acknowledged" in turgor("ack", "calf_l", "dp_low").stdout
        assert "no such alarm" in turgor("ack", "calf_r", code=1).stderr
        assert "no channel" in turgor("ack", "calf", code=2).stderr
        assert "10 and 200" in turgor("dbp", "700", code=2).stderr
        expect(page.get_by_text(re.compile("71")).first).to_be_visible()
        # By the page itself.
        page.get_by_label("What is noted").select_option("hematocrit")
        field = page.get_by_label("Hematocrit, 5 to 85")
        field.fill("620")
        field.press("Enter")
        expect(page.locator("#note-answer")).to_have_text(
            "hematocrit of 620 % is refused; it must lie between 5 and 85 %"
        )
        field.fill("62")
        field.press("Enter")
        expect(page.locator("#note-answer")).to_have_text("noted: hematocrit 62 %")
        page.locator("#limb-buttons").get_by_role("button", name="Right calf").click()
        expect(page.locator("#event-list")).to_contain_text("Right calf: limb check: pain no, sensation normal")
        expect(page.get_by_text("acknowledged", exact=False).first).to_be_visible()
    assert hosts == {"127.0.0.1"}
    events = json.loads(turgor("events", file, "--json").stdout)
    states = [(e["rule"], e["channel"], e["state"]) for e in events]
    assert ("dp_low", "calf_l", "raised") in states
    assert ("dp_low", "calf_l", "acknowledged") in states
    entered = [(e["channel"], e["line"]) for e in json.loads(turgor("entries", file, "--json").stdout)["entries"]]
    assert (None, "hematocrit 62 %") in entered
    assert ("calf_r", "limb check: pain no, sensation normal, movement normal, pulse normal") in entered
    turgor("replay", file, "--verify")


def test_headless_says_what_happened(turgor: Any, tmp_path: Path, micropython: Path) -> None:
    done = turgor("demo", "--headless", "--seconds", 40, "--json", "--file", tmp_path / "demo.turgor")
    result = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert re.fullmatch(r"MicroPython \d+\.\d+\.\d+", result["runtime"])
    assert result["speed"] == 60
    assert result["records"] > 10_000
    assert result["lost"] == 0
    assert {alarm["rule"] for alarm in result["alarms"]} >= {"pressure_high", "dp_low"}
    assert all(alarm["channel"] and alarm["priority"] for alarm in result["alarms"])
    assert Path(result["file"]).exists()
