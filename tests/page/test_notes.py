"""The page's notes: every form is a row of the table, and what is typed into one goes the way of the command line."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from turgor.core.channels import NO_CHANNEL, channel_id
from turgor.core.rules import RULE_NAMES
from turgor_host.commands import CONFIRMABLE
from turgor_host.entries import BY_NAME, GROUPS, KINDS, LIMB_CHECK_PARTS, commands_of, read_words
from turgor_host.errors import UsageError
from turgor_host.live import Live
from turgor_host.page.notes import TITLES, enter, forms
from turgor_host.page.server import make_app

FORMS = {form["name"]: form for group in forms() for form in group["forms"]}


@pytest.fixture
def client(live: Live, board: Any) -> Iterator[TestClient]:
    with TestClient(make_app(live, board.act), base_url="http://127.0.0.1:8000") as client:
        yield client


def note(client: TestClient, form: str, *values: str, text: str = "", channel: str | None = None) -> dict[str, str]:
    asked = {"form": form, "values": values, "text": text, "channel": channel}
    return dict(client.post("/note", json=asked).json())


def test_by_hand(client: TestClient, live: Live, board: Any) -> None:
    """Potassium 4.25 goes as typed, and stands in the list of events."""
    board.run(1)
    assert note(client, "potassium", "4.25", text="gas") == {"done": "noted: potassium 4.25 mmol/L (gas)"}
    board.run(1)
    assert live.state()["events"][0]["text"] == "potassium 4.25 mmol/L (gas)"


def test_the_forms_are_the_table(client: TestClient) -> None:
    groups = client.get("/forms").json()
    assert [group["title"] for group in groups] == [
        "Checks", "Labs", "Fluids", "Drugs", "Procedures", "Text", "Patient", "Sensors",
    ]  # fmt: skip
    assert sorted(name for _, names in TITLES for name in names) == sorted(GROUPS)
    entered = {kind.name for kind in KINDS if kind.group}
    assert set(FORMS) == entered | {"zero", "level", "state", "admit", "discharge", *CONFIRMABLE}
    potassium = FORMS["potassium"]
    assert potassium["fields"] == [{"label": "Potassium", "unit": "mmol/L", "least": 1, "most": 12, "needed": True}]
    assert (potassium["channels"], potassium["of_patient"], potassium["of_limb"]) == ([], True, False)
    assert FORMS["electrodes"]["channels"] == ["calf_z", "thorax_z", "calf_r_z", "forearm_z"]
    assert (FORMS["electrodes"]["of_patient"], FORMS["electrodes"]["of_limb"]) == (False, False)
    limbs = ["calf_l", "calf_r", "forearm_l", "forearm_r", "calf_z", "calf_r_z", "forearm_z"]
    assert FORMS["limb_check"]["channels"] == limbs
    assert FORMS["diuretic"]["fields"][0]["needed"] is False
    assert all(rule in RULE_NAMES for rule in CONFIRMABLE)


def filled(form: dict[str, Any]) -> list[str]:
    return [str(field["choices"][0] if "choices" in field else field["most"]) for field in form["fields"]]


@pytest.mark.parametrize("name", FORMS)
def test_every_form_that_is_filled_in_can_be_carried_out(name: str) -> None:
    """With each of its channels and, where it may, without one; what is asked carries the command's numbers."""
    form = FORMS[name]
    asked: list[dict[str, Any]] = []

    def act(action: str, **arguments: Any) -> str:
        asked.append({"action": action, **arguments})
        return "done"

    channels = form["channels"] + [None] * form["of_patient"]
    for channel in channels:
        assert enter(act, name, filled(form), "why" if form["has_text"] else "", channel) == "done"
    assert [each.get("channel") for each in asked] == channels
    if asked[0]["action"] == "note":
        kind = BY_NAME[name]
        value, _ = read_words(kind, filled(form))
        for each in asked:
            assert (each["value"], each["text"]) == (value, "why")
            where = NO_CHANNEL if each["channel"] is None else channel_id(each["channel"])
            assert commands_of(kind, value, "why", where)
    else:
        assert asked[0]["action"] == ("confirm" if name in CONFIRMABLE else name)


def test_a_check_that_found_nothing_names_the_first_finding_of_each_part() -> None:
    assert len(FORMS["limb_check"]["normal"]) == len(LIMB_CHECK_PARTS)
    said: list[dict[str, Any]] = []

    def act(name: str, **arguments: Any) -> str:
        said.append(arguments)
        return name

    enter(act, "limb_check", list(FORMS["limb_check"]["normal"]), "", "calf_l")
    assert said == [{"kind": "limb_check", "value": 0b01010101, "text": "", "channel": "calf_l"}]


@pytest.mark.parametrize(
    ("form", "values", "text", "channel", "why"),
    [
        ("potassium", ["13"], "", None, "potassium of 13 mmol/L is refused; it must lie between 1 and 12 mmol/L"),
        ("potassium", [], "", None, "potassium: a number is wanted; type it in mmol/L, such as 3.75"),
        ("potassium", ["4,2"], "", None, "potassium: '4,2' is no number; type it in mmol/L, such as 3.75"),
        ("potassium", ["4.2"], "", "calf_l", "potassium is of the patient"),
        ("diuretic", ["much"], "", None, "diuretic: 'much' is no number; give one in mg"),
        ("flush", [], "", None, "flush is of one channel"),
        ("electrodes", [], "", "calf_l", "electrodes is of an impedance channel"),
        ("limb_check", ["no"], "", "calf_l", "limb_check: sensation is missing"),
        ("text", [], "", None, "text wants a text that says what it was"),
        ("text", [], "x" * 161, None, "a text of 161 bytes is too long for 160"),
        ("text", ["a"], "b", None, "text: 'a' is no number"),
        ("dbp", ["60"], "", None, "dbp has its own command"),
        ("discharge", [], "", None, "discharge ends the episode; say yes to it"),
        ("admit", ["adult", "systemic", "in time"], "", None, "admit wants a number, an age group, a cause"),
        ("admit", ["17", "adult", "systemic", "early"], "", None, "admit wants a number, an age group, a cause"),
        ("admit", ["17", "adult", "local", "in time"], "Ann", None, "admit has no text"),
        ("potassium", [4.2], "", None, "the values of a note are a list of texts"),
        ("potassium", "4.2", "", None, "the values of a note are a list of texts"),
        ("potassium", ["4.2"], 5, None, "the text and the channel of a note are texts"),
        ("state", ["standby"], "why", "calf_l", "state has no text"),
        ("zero", ["perhaps"], "", "calf_l", "'perhaps' is no way to zero"),
        ("level", [], "", "calf_l", "'' is no number"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(
    client: TestClient, live: Live, board: Any, form: str, values: Any, text: Any, channel: Any, why: str
) -> None:
    asked = {"form": form, "values": values, "text": text, "channel": channel}
    response = client.post("/note", json=asked)
    assert response.status_code == 400
    assert response.json()["error"].startswith(why)
    assert "\n" not in response.json()["error"]
    board.run(1)
    assert [event["text"] for event in live.state()["events"]] == []


def test_a_patient_is_admitted_and_discharged(client: TestClient, live: Live, board: Any) -> None:
    board.run(1)
    assert live.state()["episode"] is None
    assert note(client, "admit", "17", "adult", "local", "in time") == {"done": "admitted"}
    board.run(2)
    assert live.state()["episode"] == 17
    assert note(client, "discharge", "yes") == {"done": "discharged"}
    board.run(2)
    assert live.state()["episode"] is None


def test_a_limb_check_is_reminded_of_no_more(client: TestClient, live: Live, board: Any) -> None:
    board.run(7300)
    assert [limb["due"] for limb in live.state()["limb_checks"]["limbs"]] == [True] * 4
    done = note(client, "limb_check", *FORMS["limb_check"]["normal"], channel="calf_r")
    assert done == {"done": "noted: limb check: pain no, sensation normal, movement normal, pulse normal"}
    board.run(1)
    assert [limb["due"] for limb in live.state()["limb_checks"]["limbs"]] == [True, False, True, True]


def test_unknown_keys_and_other_websites_are_refused(client: TestClient, live: Live, board: Any) -> None:
    asked = {"form": "urine", "values": ["100"], "text": "", "channel": None}
    assert client.post("/note", json={**asked, "act": "maintain"}).status_code == 400
    assert client.post("/note", json=asked, headers={"origin": "https://evil.example"}).status_code == 403
    with pytest.raises(UsageError):
        enter(lambda name, **_: name, "maintain", [], "", None)
    board.run(1)
    assert live.state()["events"] == []
