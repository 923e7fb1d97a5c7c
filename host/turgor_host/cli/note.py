"""`turgor note`."""

from typing import Annotated

import typer

from turgor_host.cli.options import JsonOption, show_done
from turgor_host.control import ask
from turgor_host.entries import GROUPS, KINDS, LIMB_CHECK_PARTS, ONE, Kind, kind_called, read_words
from turgor_host.errors import UsageError


def note(
    kind: Annotated[str, typer.Argument(help="What was measured, given or done, of the lists above.")],
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[VALUE] [TEXT]...", help="Its value where it has one, then any text.")
    ] = None,
    limb: Annotated[
        str | None, typer.Option("--limb", metavar="CHANNEL", help="Of which limb, such as calf_l.")
    ] = None,
    json_: JsonOption = False,
) -> None:
    found = kind_called(kind)
    # A negative number is no option here, so options are not told from texts by themselves.
    if strange := next((word for word in words or [] if word.startswith("--")), None):
        raise UsageError(f"no such option: {strange}; see `turgor note --help`")
    value, text = read_words(found, words or [])
    show_done(ask("note", kind=found.name, value=value, text=text, channel=limb), json_)


def _listed(kind: Kind) -> str:
    """Its lines of the help. Square brackets would be taken for markup."""
    words = [kind.name]
    if kind.name == "limb_check":
        words += [part.upper() for part, _ in LIMB_CHECK_PARTS]
    elif kind.choices:
        words.append(kind.name.upper())
    elif kind.unit:
        words.append(kind.unit if kind.asks else f"({kind.unit})")
    if kind.of == ONE:
        words.append("--limb CHANNEL")
    line = "  " + " ".join(words)
    if kind.text != kind.name.replace("_", " "):
        line += f": {kind.text}"
    choices = LIMB_CHECK_PARTS if kind.name == "limb_check" else [(kind.name, kind.choices)] if kind.choices else []
    return "\n".join([line, *(f"    {name.upper()}: {' '.join(each)}" for name, each in choices)])


note.__doc__ = "\n\n".join(
    [
        "Note in the running session what was measured, given or done.",
        "A value is wanted where a unit stands, in that unit; it may be left out where the unit stands in brackets.",
        *(
            "\n".join(["\b", group.upper(), *(_listed(kind) for kind in KINDS if kind.group == group)])
            for group in GROUPS
        ),
    ]
)
