"""Findings: what was looked at, how it is, and what to do about it."""

import hashlib
import platform
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from turgor import __version__

OK, WARNING, FAILURE = "ok", "warning", "failure"


@dataclass(frozen=True)
class Finding:
    """`name` is what was looked at, `said` what was found; a warning or failure has its remedy, each in one line."""

    name: str
    status: str
    said: str
    remedy: str = ""


def ok(name: str, said: str) -> Finding:
    return Finding(name, OK, said)


def warning(name: str, said: str, remedy: str) -> Finding:
    return Finding(name, WARNING, said, remedy)


def failure(name: str, said: str, remedy: str) -> Finding:
    return Finding(name, FAILURE, said, remedy)


@dataclass
class Examination:
    """All findings about the board at `port`, in order. `not_looked_at` says what would take more, "" for nothing."""

    port: str
    board: str = ""
    board_id: str = ""
    not_looked_at: str = ""
    _found: dict[str, Finding] = field(default_factory=dict)

    def add(self, findings: Iterable[Finding]) -> None:
        """Take findings in; one of the same name makes way for the closer look."""
        for finding in findings:
            self._found.pop(finding.name, None)
            self._found[finding.name] = finding

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._found.values())

    def count(self, status: str) -> int:
        return sum(finding.status == status for finding in self)

    def as_dict(self) -> dict[str, Any]:
        return {
            "port": self.port,
            "board": self.board,
            "board_id": self.board_id,
            "turgor": __version__,
            "failures": self.count(FAILURE),
            "warnings": self.count(WARNING),
            "findings": [asdict(finding) for finding in self],
            "not_looked_at": self.not_looked_at,
        }

    def lines(self) -> list[str]:
        """All of it for people."""
        width = max((len(finding.name) for finding in self), default=0)
        said = [f"{self.port}: {self.board or 'no board that is known'}"]
        for finding in self:
            said.append(f"{finding.status:8} {finding.name:{width}}  {finding.said}")
            if finding.remedy:
                said.append(f"{'':8} {'':{width}}  -> {finding.remedy}")
        counts = [f"{_plural(self.count(FAILURE), FAILURE)}", f"{_plural(self.count(WARNING), WARNING)}"]
        said.append(", ".join([*counts, f"{self.count(OK)} ok"]))
        if self.not_looked_at:
            said.append(f"not looked at: {self.not_looked_at}")
        return said

    def report(self) -> str:
        """The same for others to read: nothing in it names the user, the computer, the port or the board.

        A board is known from its other reports by eight digits of a hash of its id.
        """
        mark = hashlib.sha256(f"turgor {self.board_id}".encode()).hexdigest()[:8] if self.board_id else "unknown"
        head = [
            f"turgor doctor {__version__}",
            f"computer: {platform.system()} {platform.machine()}, Python {platform.python_version()}",
            f"board: {mark}",
        ]
        text = "\n".join([*head, *self.lines()]) + "\n"
        hidden = {self.port: "PORT", self.board_id: mark, str(Path.home()): "~"}
        for secret in sorted(filter(None, hidden), key=len, reverse=True):
            text = text.replace(secret, hidden[secret])
        return text


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
