"""The page in real Chromium: numbers move, alarms can be acted on, and nothing old looks new."""

import re
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from turgor_host.live import Live
from turgor_host.page.server import Server, make_app

playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
expect = playwright.expect

pytestmark = pytest.mark.browser


# Keeps all that is announced: on a busy machine the next alarm takes the line before anybody looked.
ANNOUNCED = """
window.announced = [];
document.addEventListener("DOMContentLoaded", () => {
  const line = document.getElementById("announce");
  const keep = () => window.announced.push(line.textContent);
  new MutationObserver(keep).observe(line, { childList: true, characterData: true, subtree: true });
});
"""


class Running:
    """A made-up board that goes on, 50 seconds a second, behind a real server."""

    def __init__(self, live: Live, board: Any) -> None:
        self.board = board
        self.live = live
        self.server = Server(make_app(live, board.act))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            self.board.readings[1] = 14.0 + self.board.t_s % 7
            self.board.second()

    def pause(self) -> None:
        self._stop.set()
        self._thread.join()

    def resume(self) -> None:
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.pause()
        self.server.stop()


@pytest.fixture
def running(live: Live, board: Any) -> Iterator[Running]:
    board.act("dbp", mmhg=60)
    board.run(60)
    board.readings[0] = 34.0
    board.run(800)
    running = Running(live, board)
    yield running
    running.stop()


@pytest.fixture
def shown(browser: Any, running: Running) -> Iterator[Any]:
    """The page, opened; at the end it must have asked nobody but its server and thrown no error."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.add_init_script(ANNOUNCED)
    page.goto(running.server.url)
    expect(page.locator("#link-text")).to_have_text("Live")
    yield page
    page.close()
    assert errors == []
    assert {urlsplit(url).hostname for url in asked} == {"127.0.0.1"}
    assert {"/app.js", "/uplot.iife.min.js", "/live", "/history"} <= {urlsplit(url).path for url in asked}


def tile(page: Any, name: str) -> Any:
    return page.locator(f'.tile[data-channel="{name}"]')


def test_a_tile_by_hand(shown: Any) -> None:
    """ICP 34 with DBP 60 gives dP 26, below the limit of 30."""
    calf = tile(shown, "calf_l")
    expect(calf.locator(".big")).to_have_text("34.0mmHg")
    expect(calf.locator(".second")).to_have_text("dP26.0mmHg")
    expect(calf.locator(".third")).to_contain_text("below 30 for")
    expect(tile(shown, "calf_z").locator(".second")).to_have_text("R60.00Ω")


def test_it_says_that_it_is_simulated_and_no_medical_device(shown: Any) -> None:
    expect(shown.locator("#simulated")).to_be_visible()
    expect(shown.locator("#simulated")).to_have_text(
        "SIMULATED60\N{MULTIPLICATION SIGN} speed · virtual board on MicroPython 1.29.0"
    )
    expect(shown.locator("footer")).to_contain_text("not a medical device")


def test_a_due_limb_check_is_said_quietly(live: Live, board: Any, browser: Any, running: Running) -> None:
    page = browser.new_page()
    page.goto(running.server.url)
    due = page.locator("#limb-checks-due")
    buttons = page.locator("#limb-buttons button")
    expect(due).to_have_text("Limb checks")
    expect(buttons).to_have_count(4)
    places = [buttons.nth(i).bounding_box() for i in range(4)]
    running.pause()
    board.run(7200)
    running.resume()
    expect(due).to_have_text("Limb check due")
    expect(buttons.nth(1)).to_have_text("Right calfnever checked")
    # One press, and nothing moves under the finger.
    page.get_by_role("button", name="Right calf never checked").click()
    expect(buttons.nth(1)).to_have_text(re.compile(r"^Right calf(checked now|\d+ min ago)$"))
    expect(buttons.nth(1)).not_to_have_class("due")
    expect(due).to_have_text("Limb check due")
    finding = "limb check: pain no, sensation normal, movement normal, pulse normal"
    expect(page.locator("#note-answer")).to_have_text(f"Right calf: {finding}")
    expect(page.locator("#event-list li").filter(has_text=f"Right calf: {finding}")).to_have_count(1)
    assert [buttons.nth(i).bounding_box() for i in range(4)] == places
    page.close()


def test_a_note_is_entered_by_keys_alone(shown: Any) -> None:
    """A potassium out of range is refused by the server's words, one within stands in the events."""
    answer = shown.locator("#note-answer")
    events = shown.locator("#event-list")
    kinds = shown.get_by_label("What is noted")
    place = events.bounding_box()
    kinds.focus()
    kinds.press("p")
    shown.keyboard.type("ota")
    expect(kinds).to_have_value("potassium")
    kinds.press("Tab")
    field = shown.get_by_label("Potassium, 1 to 12")
    expect(field).to_be_focused()
    shown.keyboard.type("13")
    shown.keyboard.press("Enter")
    expect(answer).to_have_text("potassium of 13 mmol/L is refused; it must lie between 1 and 12 mmol/L")
    expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("4.2")
    expect(answer).to_have_text("")
    field.press("Tab")
    expect(shown.get_by_label("Text", exact=True)).to_be_focused()
    shown.keyboard.type("gas")
    shown.keyboard.press("Enter")
    expect(answer).to_have_text("noted: potassium 4.2 mmol/L (gas)")
    expect(answer).to_have_role("status")
    expect(field).to_have_value("")
    expect(events).to_contain_text("potassium 4.2 mmol/L (gas)")
    assert events.bounding_box() == place


def test_a_limb_is_never_taken_for_granted(shown: Any) -> None:
    shown.get_by_label("What is noted").select_option("limb_check")
    limb = shown.get_by_label("Limb", exact=True)
    answer = shown.locator("#note-answer")
    # Its impedance is the same limb.
    limbs = ["Which?", "Left calf", "Right calf", "Left forearm", "Right forearm"]
    expect(limb.locator("option")).to_have_text(limbs)
    text = shown.get_by_label("Text", exact=True)
    text.press("Enter")
    expect(answer).to_have_text("Choose which limb, then Enter.")
    expect(limb).to_be_focused()
    limb.select_option("calf_r")
    text.press("Enter")
    expect(answer).to_have_text("Choose pain, then Enter.")
    for part, finding in (("Pain", "yes"), ("Sensation", "reduced"), ("Movement", "normal"), ("Pulse", "weak")):
        shown.get_by_label(part, exact=True).select_option(finding)
    text.press("Enter")
    said = "Right calf: limb check: pain yes, sensation reduced, movement normal, pulse weak"
    expect(answer).to_have_text(said)
    expect(shown.locator("#event-list")).to_contain_text(said)
    # The next one may be of another limb.
    expect(limb).to_have_value("")
    expect(shown.get_by_label("Pain", exact=True)).to_have_value("")


def test_a_tile_says_its_state_and_asks_for_another(shown: Any, running: Running) -> None:
    calf = tile(shown, "calf_l")
    place = calf.bounding_box()
    shown.get_by_role("button", name="State of Left calf ICP").click()
    field = shown.get_by_label("State", exact=True)
    expect(field).to_be_focused()
    expect(shown.get_by_label("Limb", exact=True)).to_have_value("calf_l")
    expect(shown.get_by_label("Limb", exact=True).locator("option").nth(5)).to_have_text("Left calf impedance")
    field.select_option("standby")
    shown.locator("#notes").get_by_role("button", name="Enter").click()
    expect(calf.locator(".reason")).to_have_text(re.compile(r"^standby, \d+ min$"))
    # What it was judged by is withdrawn, and half an hour later it is active by itself.
    expect(shown.locator('#alarm-list li[data-channel="calf_l"]')).to_have_count(0)
    assert calf.bounding_box() == place
    running.pause()
    running.board.run(1800)
    running.resume()
    expect(calf.locator(".reason")).to_have_text("")
    expect(calf).to_have_attribute("data-state", "active")


def test_numbers_change(shown: Any) -> None:
    now = tile(shown, "calf_r").locator(".now")
    clock = shown.locator("#board-time")
    before = (now.inner_text(), clock.inner_text())
    expect(now).not_to_have_text(before[0])
    expect(clock).not_to_have_text(before[1])


def test_an_alarm_shows_and_is_acknowledged(shown: Any) -> None:
    row = shown.locator('#alarm-list li[data-rule="pressure_high"]')
    expect(row).to_contain_text("Left calf: compartment pressure high")
    # Colour, shape and word.
    expect(row).to_have_attribute("data-priority", "medium")
    expect(row.locator(".mark")).to_have_text("◆")
    expect(row.locator(".word")).to_have_text("Medium !!")
    said = "Medium alarm. Left calf: compartment pressure high."
    shown.wait_for_function("text => announced.some(said => said.includes(text))", arg=said)
    row.get_by_role("button", name="Acknowledge Left calf: compartment pressure high").click()
    expect(row).to_have_attribute("data-acknowledged", "yes")
    expect(shown.locator("#event-list")).to_contain_text("compartment pressure high, acknowledged")
    # `dp_low` is raised while the page looks on.
    second = shown.locator('#alarm-list li[data-rule="dp_low"]')
    expect(second).to_be_visible(timeout=15000)
    shown.get_by_role("button", name="Acknowledge all").click()
    expect(second).to_have_attribute("data-acknowledged", "yes")


def test_the_sound_is_paused_and_the_time_counts_down(shown: Any) -> None:
    """120 s of the board are 2.4 s here."""
    expect(shown.locator('#alarm-list li[data-rule="pressure_high"]')).to_be_visible()
    shown.get_by_role("button", name="Pause sound").click()
    button = shown.locator("#pause")
    expect(button).to_have_text(re.compile(r"^Sound off [12]:\d\d$"))
    expect(button).to_have_text(re.compile(r"^Sound off 0:\d\d$"))
    expect(button).to_have_text("Pause sound")
    expect(button).to_have_attribute("aria-pressed", "false")


def test_nothing_moves_when_an_alarm_comes(shown: Any) -> None:
    place = tile(shown, "calf_l").bounding_box()
    expect(shown.locator('#alarm-list li[data-rule="dp_low"]')).to_be_visible(timeout=15000)
    assert tile(shown, "calf_l").bounding_box() == place


def test_a_dbp_is_entered_with_enter_and_a_bad_one_is_refused(shown: Any) -> None:
    field = shown.get_by_label("New DBP, mmHg")
    answer = shown.locator("#dbp-answer")
    field.fill("500")
    field.press("Enter")
    expect(answer).to_have_text("a diastolic pressure of 500 mmHg is refused; it must lie between 10 and 200")
    expect(field).to_have_attribute("aria-invalid", "true")
    # Below the highest ICP: once more to confirm.
    field.fill("30")
    field.press("Enter")
    expect(answer).to_contain_text("30 is below ICP 34 of Left calf")
    expect(shown.locator("#dbp-value")).to_have_text("60")
    field.press("Enter")
    expect(shown.locator("#dbp-value")).to_have_text("30")
    expect(field).to_have_value("")
    field.fill("72")
    field.press("Enter")
    expect(shown.locator("#dbp-value")).to_have_text("72")
    expect(tile(shown, "calf_l").locator(".second")).to_have_text("dP38.0mmHg")


def test_an_invalid_reading_is_a_dash_with_its_reason(shown: Any, running: Running) -> None:
    running.board.put("fault", 2, (0, 1, 1, 0))
    running.board.readings[2] = None
    forearm = tile(shown, "forearm_l")
    expect(forearm.locator(".big")).to_have_text("\N{EN DASH}mmHg")
    expect(forearm.locator(".second")).to_have_text("dP\N{EN DASH}mmHg")
    expect(forearm.locator(".reason")).to_have_text("sensor absent")
    expect(forearm.locator(".now")).to_contain_text("no reading for")


def test_a_zoom_survives_updates(shown: Any) -> None:
    over = shown.locator("#pressure-plot .u-over")
    box = over.bounding_box()
    middle = box["y"] + box["height"] / 2
    shown.mouse.move(box["x"] + 40, middle)
    shown.mouse.down()
    shown.mouse.move(box["x"] + 120, middle, steps=4)
    shown.mouse.up()
    what = shown.locator("#shown")
    # The pointer's own reading stands in its place until the pointer leaves.
    shown.mouse.move(10, 10)
    expect(what).to_have_text(re.compile(r"zoomed: 00:\d\d:\d\d .*, \d+ min"))
    zoomed = what.inner_text()
    clock = shown.locator("#board-time").inner_text()
    plots = [shown.locator("#pressure-plot"), shown.locator("#change-plot")]
    # The plots' own scales, looked at over and over while states come in.
    seen = set()
    for _ in range(40):
        seen |= {(p.get_attribute("data-from"), p.get_attribute("data-to")) for p in plots}
        time.sleep(0.04)
    assert len(seen) == 1
    start, end = (int(edge) for edge in seen.pop())
    assert 0 < end - start < 600
    expect(shown.locator("#board-time")).not_to_have_text(clock)
    expect(what).to_have_text(zoomed)
    shown.get_by_role("button", name="Back to live").click()
    expect(what).to_have_text("drag in a plot to zoom")
    # The same by keys.
    shown.locator("#change-plot").press("+")
    expect(what).to_contain_text("zoomed")
    shown.locator("#change-plot").press("Escape")
    expect(what).not_to_contain_text("zoomed")
    shown.get_by_role("button", name="10 min").click()
    expect(shown.get_by_role("button", name="10 min")).to_have_attribute("aria-pressed", "true")


def test_a_silent_board_greys_the_numbers(shown: Any, running: Running) -> None:
    tiles = shown.locator("#tiles")
    expect(tiles).to_have_css("opacity", "1")
    running.pause()
    expect(shown.locator("#old")).to_be_visible(timeout=8000)
    expect(shown.locator("#old")).to_contain_text(re.compile(r"No data since \d\d:\d\d:\d\d UTC"))
    expect(shown.locator("#link-text")).to_have_text("No data from the board")
    assert float(tiles.evaluate("e => getComputedStyle(e).opacity")) < 0.5
    # It speaks again.
    running.board.run(1)
    expect(shown.locator("#old")).to_be_hidden()
    expect(tiles).to_have_css("opacity", "1")


def test_a_dead_server_greys_the_numbers(shown: Any, running: Running) -> None:
    running.stop()
    expect(shown.locator("#link-text")).to_have_text("Connection to Turgor lost", timeout=8000)
    expect(shown.locator("#old")).to_contain_text("These numbers are old")
    assert float(shown.locator("#tiles").evaluate("e => getComputedStyle(e).opacity")) < 0.5
    field = shown.get_by_label("New DBP, mmHg")
    field.fill("70")
    field.press("Enter")
    expect(shown.locator("#dbp-answer")).to_contain_text("Turgor did not answer")


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_it_fits_the_width(shown: Any, width: int) -> None:
    shown.set_viewport_size({"width": width, "height": 844})
    time.sleep(0.3)
    assert shown.evaluate("document.documentElement.scrollWidth") == width
    form = shown.locator("#notes")
    for kind in ("limb_check", "state", "vasopressor"):
        shown.get_by_label("What is noted").select_option(kind)
        assert form.evaluate("e => e.scrollWidth <= e.clientWidth")
        for control in form.locator("input:visible, select:visible, button:visible").all():
            box, outer = control.bounding_box(), form.bounding_box()
            assert outer["x"] <= box["x"]
            assert box["x"] + box["width"] <= outer["x"] + outer["width"]
            assert box["y"] + box["height"] <= outer["y"] + outer["height"]
    for name in ("calf_l", "calf_z"):
        for part in (".big", ".second", ".now"):
            assert tile(shown, name).locator(part).evaluate("e => e.scrollWidth <= e.clientWidth")
