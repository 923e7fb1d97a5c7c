"""What the page's notes can be, as forms: kinds of `turgor_host.entries`, and what is told of patient or channel."""

from collections.abc import Callable
from typing import Any

from turgor.core.channels import CHANNELS, PRESSURES
from turgor.core.entries import LIMB_CHECK
from turgor.core.rules import RULE_NAMES, RULES
from turgor_host.commands import CONFIRMABLE, MOST_ID, to_number
from turgor_host.entries import (
    AGE_GROUPS,
    ANY,
    BY_NAME,
    KINDS,
    LIMB_CHECK_NORMAL,
    LIMB_CHECK_PARTS,
    ONE,
    STATES,
    Kind,
    channels_of,
    kind_called,
    read_words,
)
from turgor_host.errors import UsageError

Act = Callable[..., str]
Form = dict[str, Any]

# Groups as the page has them, and which of the table's are in each.
TITLES = (
    ("Checks", ("limb check", "position", "body")),
    ("Labs", ("laboratory",)),
    ("Fluids", ("fluids",)),
    ("Drugs", ("drugs",)),
    ("Procedures", ("procedure",)),
    ("Text", ("text",)),
)
_AIR = ("as it is now", "open to air")
_CAUSES = ("systemic", "local")
_ATTACHED = ("in time", "late: the leak has begun")
_SURE = ("yes",)
_OF_PATIENT = ("admit", "discharge")


def forms() -> list[Form]:
    """Groups of forms, each group with `title` and `forms`, each form with what the page has to ask for.

    `name` and `text` say what it is; `fields` have a `label` and either `choices` or the `unit`, `least` and `most` of
    a number, which is `needed` or not; of which `channels` it may be, and whether `of_patient`; `of_limb`: one channel
    of a limb stands for all; `has_text`: a text may be with it; `normal`: what a check finds where all is well.
    """
    groups = [
        {"title": title, "forms": [_form(kind) for name in names for kind in KINDS if kind.group == name]}
        for title, names in TITLES
    ]
    return [*groups, {"title": "Patient", "forms": _of_patient()}, {"title": "Sensors", "forms": _of_channels()}]


def _form(kind: Kind) -> Form:
    is_check = kind.number == LIMB_CHECK
    fields: list[Form] = []
    if is_check:
        fields = [_choice(name, choices) for name, choices in LIMB_CHECK_PARTS]
    elif kind.choices:
        fields = [_choice(kind.name, kind.choices)]
    elif kind.scale:
        fields = [_number(kind, kind.text)]
    return {
        "name": kind.name,
        "text": _capital(kind.name.replace("_", " ") if is_check or kind.choices else kind.text),
        "fields": fields,
        "channels": _names(channels_of(kind)),
        "of_patient": kind.of != ONE,
        "of_limb": is_check or kind.of == ANY,
        "has_text": True,
        "normal": LIMB_CHECK_NORMAL if is_check else None,
    }


def _of_patient() -> list[Form]:
    number = {"label": "Number", "unit": "", "least": 1, "most": MOST_ID, "needed": True}
    choices = (("age group", AGE_GROUPS), ("cause", _CAUSES), ("attached", _ATTACHED))
    return [
        _told("admit", "admit a patient", [], number, *(_choice(label, of) for label, of in choices)),
        _told("discharge", "discharge the patient", [], _choice("the episode ends", _SURE)),
    ]


def _of_channels() -> list[Form]:
    pressures = [number for number, row in enumerate(CHANNELS) if row[1] in PRESSURES]
    level = BY_NAME["level"]
    found = [
        _told("zero", "zero", pressures, _choice("transducer", _AIR)),
        _told("level", "level", channels_of(level), _number(level, level.text)),
        _told("state", "state", list(range(len(CHANNELS))), _choice("state", STATES)),
    ]
    for rule, kind in CONFIRMABLE.items():
        channels = [number for number, row in enumerate(CHANNELS) if row[1] == kind]
        # What the rule judges, as `whether the baseline holds`.
        text = "confirm that " + RULES[RULE_NAMES.index(rule)][1].removeprefix("whether ")
        found.append(_told(rule, text, channels))
    return found


def _told(name: str, text: str, channels: list[int], *fields: Form) -> Form:
    return {
        "name": name,
        "text": _capital(text),
        "fields": list(fields),
        "channels": _names(channels),
        "of_patient": not channels,
        "of_limb": False,
        "has_text": False,
        "normal": None,
    }


def _choice(label: str, choices: tuple[str, ...]) -> Form:
    return {"label": _capital(label), "choices": choices}


def _number(kind: Kind, label: str) -> Form:
    return {"label": _capital(label), "unit": kind.unit, "least": kind.least, "most": kind.most, "needed": kind.asks}


def _names(channels: list[int]) -> list[str]:
    return [CHANNELS[number][0] for number in channels]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def enter(act: Act, form: object, values: object, text: object, channel: object) -> str:
    """Have `act` do what a filled-in form says; UsageError or TurgorError when it is refused.

    `values` are as they were typed, one for each field that is not empty.
    """
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise UsageError("the values of a note are a list of texts")
    if not isinstance(text, str | None) or not isinstance(channel, str | None):
        raise UsageError("the text and the channel of a note are texts")
    name = str(form)
    if name in ("zero", "level", "state", *CONFIRMABLE, *_OF_PATIENT):
        if text:
            raise UsageError(f"{name} has no text; make an entry of its own of it")
        if name in _OF_PATIENT:
            if channel:
                raise UsageError(f"{name} is of the patient; leave the limb out")
            return _episode(act, name, values)
        return _tell(act, name, values[0] if values else "", channel)
    kind = kind_called(name)
    value, rest = read_words(kind, values)
    if rest:
        raise UsageError(f"{kind.name}: {rest!r} is no number" + (f"; give one in {kind.unit}" if kind.unit else ""))
    return act("note", kind=kind.name, value=value, text=text or "", channel=channel)


def _episode(act: Act, name: str, values: list[str]) -> str:
    if name == "discharge":
        if values != list(_SURE):
            raise UsageError("discharge ends the episode; say yes to it")
        return act("discharge")
    if len(values) != 4 or values[2] not in _CAUSES or values[3] not in _ATTACHED:
        raise UsageError("admit wants a number, an age group, a cause and when the sensors were attached")
    is_local, is_late = values[2] == _CAUSES[1], values[3] == _ATTACHED[1]
    return act("admit", id=values[0], age_group=values[1], local=is_local, late=is_late)


def _tell(act: Act, name: str, value: str, channel: str | None) -> str:
    if name == "level":
        return act("level", channel=channel, cm=to_number(value))
    if name == "state":
        return act("state", channel=channel, state=value)
    if name == "zero":
        if value not in _AIR:
            raise UsageError(f"{value!r} is no way to zero; it is {' or '.join(_AIR)}")
        return act("zero", channel=channel, open_to_air=value == _AIR[1])
    return act("confirm", channel=channel, rule=name)
