"""Entries as a board has logged them, put together from their `ENTRY` commands."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from struct import pack
from typing import Generic, TypeVar

from turgor.core.channels import NO_CHANNEL
from turgor.core.entries import LIMB_CHECK
from turgor.link.lines import ENTRY_PART_SIZE, NO_VALUE
from turgor_host.entries import BY_NUMBER, LIMB_CHECK_PARTS, TEXT_LIMIT, Kind

Tag = TypeVar("Tag")


@dataclass(frozen=True)
class Entry:
    """One entry as it was made. `channel` None: of the patient; `is_whole`: nothing of its text is missing."""

    number: int
    channel: int | None
    value: float | None
    text: str
    is_whole: bool

    @property
    def kind(self) -> Kind | None:
        """None for one of a later version."""
        return BY_NUMBER.get(self.number)

    @property
    def name(self) -> str:
        return self.kind.name if self.kind else f"kind {self.number}"

    def finding(self) -> str | None:
        """What was chosen, in words; None where a number or nothing was entered."""
        if self.kind is None or self.value is None:
            return None
        chosen = int(self.value)
        if self.number == LIMB_CHECK:
            found = []
            for i, (name, choices) in enumerate(LIMB_CHECK_PARTS):
                at = chosen >> 2 * i & 3
                found.append(f"{name} {choices[at] if at < len(choices) else at}")
            return ", ".join(found)
        if self.kind.choices:
            return self.kind.choices[chosen] if chosen < len(self.kind.choices) else str(chosen)
        return None

    def line(self) -> str:
        """It in one line, as `potassium 4.2 mmol/L`."""
        kind = self.kind
        parts = [kind.text if kind and not kind.group else self.name.replace("_", " ")]
        if (found := self.finding()) is not None:
            parts = [f"{parts[0]}:", found]
        elif self.value is not None:
            parts.append(f"{self.value:.10g}" + (f" {kind.unit}" if kind else ""))
        line = " ".join(parts)
        if self.text:
            line += f" ({self.text})" if kind is None or kind.name != "text" else f": {self.text}"
        return line if self.is_whole else line + " [incomplete]"


class Joiner(Generic[Tag]):
    """Puts the entries of a board's `ENTRY` commands together, in the order of its log.

    `take` and `end` give finished entries, each with the `tag` that came with its first part: one that lacks parts is
    finished by what comes after it.
    """

    def __init__(self) -> None:
        self._head: tuple[Tag, int, int, int] | None = None
        self._parts: dict[int, bytes] = {}

    def take(self, words: Sequence[int], tag: Tag) -> Iterator[tuple[Tag, Entry]]:
        """The five arguments of the next command."""
        a, *rest = words
        part = a >> 16
        if not part:
            yield from self.end()
            self._head = (tag, a & 0xFFFF, rest[0], min(max(rest[1], 0), TEXT_LIMIT))
            self._parts = {}
        elif self._head and self._head[1] == a & 0xFFFF and 0 < part <= self._count():
            self._parts[part] = pack("<iiii", *rest)
        if self._head and len(self._parts) == self._count():
            yield from self.end()

    def _count(self) -> int:
        """Parts of the text that has begun."""
        return -(-self._head[3] // ENTRY_PART_SIZE) if self._head else 0

    def end(self) -> Iterator[tuple[Tag, Entry]]:
        """What has begun and will not go on."""
        if self._head is None:
            return
        tag, which, scaled, size = self._head
        count = self._count()
        self._head = None
        is_whole = len(self._parts) == count
        content = b"".join(self._parts.get(part, "…".encode()) for part in range(1, count + 1))
        text = (content[:size] if is_whole else content).rstrip(b"\0").decode("utf-8", "replace")
        kind = BY_NUMBER.get(which & 0xFF)
        scale = kind.scale or 1 if kind else 1
        value = None if scaled == NO_VALUE else scaled / scale
        channel = None if which >> 8 == NO_CHANNEL else which >> 8
        yield tag, Entry(which & 0xFF, channel, value, text, is_whole)


def joined(commands: Sequence[Sequence[int]]) -> Entry:
    """The entry that one entry's commands carry, which are given by their arguments."""
    joiner: Joiner[None] = Joiner()
    found = [entry for words in commands for _, entry in joiner.take([*words, *[0] * (5 - len(words))], None)]
    return (found + [entry for _, entry in joiner.end()])[0]
