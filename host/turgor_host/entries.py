"""Entries about a patient: what can be entered, in which unit and limits, and how it travels in `ENTRY` commands.

`KINDS` is the one table of them. The board knows kinds by number, and no more than that they were entered; a kind keeps
its number for good. Bounds are what can be typed without being a slip of the finger or of the unit, no clinical limits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from struct import unpack

from turgor.core import entries as numbers
from turgor.core.channels import CHANNELS, IMPEDANCE, NO_CHANNEL, NO_LIMB, PRESSURES
from turgor.link.lines import ENTRY, ENTRY_PART_SIZE, NO_VALUE
from turgor_host.errors import UsageError

# Whether a kind is of one channel, may be, or is of the whole patient.
ONE, ANY, PATIENT = "one", "any", "patient"
IN, OUT = 1, -1
TEXT_LIMIT = 160

# A limb check: its parts in order, and what each may be. Two bits each, the first part lowest.
LIMB_CHECK_PARTS = (
    ("pain", ("unknown", "no", "yes")),
    ("sensation", ("unknown", "normal", "reduced", "absent")),
    ("movement", ("unknown", "normal", "reduced", "absent")),
    ("pulse", ("unknown", "normal", "weak", "absent")),
)
# Of a limb where nothing was found.
LIMB_CHECK_NORMAL = ("no", "normal", "normal", "normal")
POSITIONS = ("lying", "prone", "left_side", "right_side", "head_up", "sitting", "standing", "limb_up", "limb_down")


@dataclass(frozen=True)
class Kind:
    """A row of the table: a value is typed in `unit` between `least` and `most`, and travels times `scale`.

    `scale` 0: there is no value, and of `choices` their index travels. `balance` says that a volume goes in or out.
    A `treatment` is what slopes are compared around. `asks`: the value must be given.
    """

    number: int
    name: str
    group: str
    text: str
    unit: str = ""
    scale: int = 0
    least: float = 0
    most: float = 0
    of: str = PATIENT
    balance: int = 0
    treatment: bool = False
    asks: bool = True
    choices: tuple[str, ...] = ()


KINDS = (
    Kind(16, "hematocrit", "laboratory", "hematocrit", "%", 10, 5, 85),
    Kind(17, "albumin", "laboratory", "albumin in the plasma", "g/L", 10, 3, 80),
    Kind(18, "ck", "laboratory", "creatine kinase", "U/L", 1, 1, 500000),
    Kind(19, "potassium", "laboratory", "potassium", "mmol/L", 100, 1, 12),
    Kind(20, "lactate", "laboratory", "lactate", "mmol/L", 100, 0.1, 40),
    Kind(21, "creatinine", "laboratory", "creatinine", "umol/L", 1, 10, 3000),
    Kind(24, "weight", "body", "weight", "kg", 100, 1, 400),
    Kind(25, "abdominal_pressure", "body", "abdominal pressure", "mmHg", 10, 0, 60),
    Kind(28, "crystalloid", "fluids", "crystalloid given", "mL", 1, 1, 10000, balance=IN, treatment=True),
    Kind(29, "albumin_given", "fluids", "albumin solution given", "mL", 1, 1, 5000, balance=IN, treatment=True),
    Kind(30, "blood", "fluids", "blood products given", "mL", 1, 1, 10000, balance=IN, treatment=True),
    Kind(31, "other_in", "fluids", "drink, food, other infusions", "mL", 1, 1, 10000, balance=IN),
    Kind(32, "urine", "fluids", "urine since the last entry", "mL", 1, 0, 10000, balance=OUT),
    Kind(33, "dialysis", "fluids", "fluid taken by dialysis", "mL", 1, 1, 10000, balance=OUT, treatment=True),
    Kind(34, "other_out", "fluids", "drains, blood, stool", "mL", 1, 1, 10000, balance=OUT),
    Kind(numbers.DIURETIC, "diuretic", "drugs", "diuretic", "mg", 100, 0, 10000, treatment=True, asks=False),
    Kind(40, "steroid", "drugs", "steroid", "mg", 100, 0, 5000, treatment=True, asks=False),
    Kind(41, "immunoglobulin", "drugs", "immunoglobulin", "g", 10, 0, 500, treatment=True, asks=False),
    Kind(42, "vasopressor", "drugs", "vasopressor, 0 when stopped", "ug/kg/min", 1000, 0, 20, treatment=True),
    Kind(43, "drug", "drugs", "another drug, named in the text", "mg", 100, 0, 100000, treatment=True, asks=False),
    Kind(numbers.LIMB_CHECK, "limb_check", "limb check", "pain on stretch, sensation, movement, pulse", of=ONE),
    Kind(numbers.POSITION, "position", "position", "position", of=ANY, choices=POSITIONS),
    Kind(numbers.FLUSH, "flush", "procedure", "line flushed", of=ONE, asks=False),
    Kind(numbers.BLOOD_DRAW, "blood_draw", "procedure", "blood drawn through the line", of=ONE, asks=False),
    Kind(numbers.CATHETER, "catheter", "procedure", "catheter moved or replaced", of=ONE, asks=False),
    Kind(numbers.ELECTRODES, "electrodes", "procedure", "electrodes moved or replaced", of=ONE, asks=False),
    Kind(numbers.DRESSING, "dressing", "procedure", "cast or dressing opened or changed", of=ANY, asks=False),
    Kind(48, "procedure", "procedure", "another procedure, named in the text", of=ANY, asks=False),
    Kind(49, "text", "text", "anything else", of=ANY, asks=False),
    # With commands of their own.
    Kind(numbers.ZERO, "zero", "", "zero: readings moved by", "mmHg", 1000, -400, 400, of=ONE),
    Kind(numbers.LEVEL, "level", "", "transducer above the compartment by", "cm", 10, -100, 100, of=ONE),
)
# In order of their numbers in `core.entries`.
STATES = ("active", "standby", "fasciotomy", "removed")
AGE_GROUPS = ("adult", "under_16", "under_10")
BY_NUMBER = {kind.number: kind for kind in KINDS}
BY_NAME = {kind.name: kind for kind in KINDS}
GROUPS = tuple(dict.fromkeys(kind.group for kind in KINDS if kind.group))
# Kinds whose text says what it was.
_TEXT_WANTED = ("drug", "procedure", "text")
_ELSEWHERE = {
    "dbp": "`turgor dbp MMHG`",
    "zero": "`turgor zero CHANNEL`",
    "level": "`turgor level CHANNEL CM`",
}


def kind_called(name: str) -> Kind:
    """The kind that a user may note under this name; UsageError with the nearest names, or the command instead."""
    if name in _ELSEWHERE:
        raise UsageError(f"{name} has its own command: {_ELSEWHERE[name]}")
    if name in BY_NAME:
        return BY_NAME[name]
    names = [kind.name for kind in KINDS if kind.group]
    near = get_close_matches(name.lower().replace(" ", "_").replace("-", "_"), names, 3, 0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "`turgor note --help` lists them"
    raise UsageError(f"nothing is noted as {name!r}; {hint}")


def read_words(kind: Kind, words: Sequence[str]) -> tuple[float | None, str]:
    """What a user typed behind a kind: its value, None where there is none, and the text."""
    rest = list(words)
    value: float | None = None
    if kind.number == numbers.LIMB_CHECK:
        value = _limb_check(rest[: len(LIMB_CHECK_PARTS)])
        rest = rest[len(LIMB_CHECK_PARTS) :]
    elif kind.choices:
        if not rest or rest[0] not in kind.choices:
            given = f"{rest[0]!r} is no {kind.name}" if rest else f"a {kind.name} is wanted"
            raise UsageError(f"{given}; it is one of {' '.join(kind.choices)}")
        value = kind.choices.index(rest.pop(0))
    elif kind.scale and (kind.asks or rest):
        found = _number_in(rest[0]) if rest else None
        if found is not None:
            value = found
            rest.pop(0)
        elif kind.asks:
            given = f"{rest[0]!r} is no number" if rest else "a number is wanted"
            raise UsageError(f"{kind.name}: {given}; type it in {kind.unit}, such as {_example(kind)}")
    return value, " ".join(rest).strip()


def _number_in(word: str) -> float | None:
    try:
        number = float(word)
    except ValueError:
        return None
    return number if abs(number) < 1e9 else None


def _example(kind: Kind) -> str:
    return f"{kind.least + (kind.most - kind.least) / 4:.3g}"


def _limb_check(words: Sequence[str]) -> float:
    form = " ".join("|".join(choices) for _, choices in LIMB_CHECK_PARTS)
    value = 0
    for i, (name, choices) in enumerate(LIMB_CHECK_PARTS):
        if i >= len(words) or words[i] not in choices:
            given = f"{words[i]!r} is no finding of {name}" if i < len(words) else f"{name} is missing"
            raise UsageError(f"limb_check: {given}; type pain on stretch, sensation, movement, pulse: {form}")
        value |= choices.index(words[i]) << 2 * i
    return value


def channels_of(kind: Kind) -> list[int]:
    """The channels that an entry of this kind may be of; none where it is of the patient."""
    if kind.of == PATIENT:
        return []
    numbers_of = range(len(CHANNELS))
    if kind.number == numbers.LIMB_CHECK:
        return [n for n in numbers_of if CHANNELS[n][2] != NO_LIMB]
    if kind.number == numbers.ELECTRODES:
        return [n for n in numbers_of if CHANNELS[n][1] == IMPEDANCE]
    return [n for n in numbers_of if kind.of == ANY or CHANNELS[n][1] in PRESSURES]


def commands_of(kind: Kind, value: float | None, text: str, channel: int) -> list[tuple[int, ...]]:
    """The commands that carry an entry: numbers of command and arguments; UsageError when it cannot be meant.

    `channel` is a channel's number, NO_CHANNEL for the patient.
    """
    where = None if channel == NO_CHANNEL else channel
    _check_channel(kind, where)
    scaled = _scaled(kind, value)
    # What would move a terminal's cursor is not kept.
    content = "".join(each if each.isprintable() else "?" for each in " ".join(text.split())).encode()
    if len(content) > TEXT_LIMIT:
        raise UsageError(f"a text of {len(content)} bytes is too long for {TEXT_LIMIT}; make two entries of it")
    if not content and kind.name in _TEXT_WANTED:
        raise UsageError(f"{kind.name} wants a text that says what it was")
    start = kind.number | channel << 8
    commands: list[tuple[int, ...]] = [(ENTRY, start, scaled, len(content))]
    for part, at in enumerate(range(0, len(content), ENTRY_PART_SIZE), 1):
        words = unpack("<iiii", content[at : at + ENTRY_PART_SIZE].ljust(ENTRY_PART_SIZE, b"\0"))
        commands.append((ENTRY, start | part << 16, *words))
    return commands


def _check_channel(kind: Kind, channel: int | None) -> None:
    if channel is None:
        if kind.of == ONE:
            raise UsageError(f"{kind.name} is of one channel; say which with --limb, such as --limb calf_l")
        return
    if kind.of == PATIENT:
        raise UsageError(f"{kind.name} is of the patient, not of a limb; leave out --limb")
    if channel in channels_of(kind):
        return
    name = CHANNELS[channel][0]
    if kind.number == numbers.LIMB_CHECK:
        raise UsageError(f"{name} is no limb; check one that is, such as calf_l")
    electrodes = kind.number == numbers.ELECTRODES
    wanted = "an impedance channel, such as calf_z" if electrodes else "a pressure channel, such as calf_l"
    raise UsageError(f"{kind.name} is of {wanted}, and {name} is none")


def _scaled(kind: Kind, value: float | None) -> int:
    if value is None:
        if kind.asks:
            raise UsageError(f"{kind.name} wants a value{f' in {kind.unit}' if kind.unit else ''}")
        return int(NO_VALUE)
    if not kind.scale:
        # Which choice; four of them in a limb check.
        most = (len(kind.choices) or 256) - 1 if kind.asks else -1
        if not 0 <= value <= most:
            raise UsageError(f"{kind.name} has no value {value:g}; see `turgor note --help`")
        return int(value)
    if not kind.least <= value <= kind.most:
        raise UsageError(
            f"{kind.name} of {value:g} {kind.unit} is refused; it must lie between {kind.least:g} and {kind.most:g} "
            f"{kind.unit}"
        )
    return round(value * kind.scale)
