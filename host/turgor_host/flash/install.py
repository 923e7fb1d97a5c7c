"""`turgor flash`: the firmware onto a board, so that a cut at any moment leaves one of the two versions to start."""

import contextlib
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from turgor.start import LIB, NEW, NEXT, OLD
from turgor_host.errors import PortGone, TurgorError
from turgor_host.flash.board import Board, look
from turgor_host.flash.payload import Payload, compile_for
from turgor_host.flash.plan import ASIDE, MAIN, PACKAGE, Plan, make_plan
from turgor_host.flash.repl import Repl
from turgor_host.greeting import Greeting, greet, to_prompt
from turgor_host.source import Source, open_port

# A running Turgor answers within a fraction of it.
_GREET_S = 1.0
# A Pico takes 3 s to load the firmware; one that has to make room on its flash takes longer.
_START_S = 30.0
# From the order to stay at the prompt until it is there.
_PROMPT_S = 15.0
_STAGED = LIB + NEW


@dataclass(frozen=True)
class Flashed:
    """What was done, or with `dry_run` would be. `before` is the version that ran, empty when none answered."""

    port: str
    board: Board
    before: str
    version: str
    plan: Plan
    written: int
    dry_run: bool

    def as_dict(self) -> dict[str, Any]:
        board = asdict(self.board)
        del board["name"]
        plan = asdict(self.plan)
        return {
            "port": self.port,
            "board": board,
            "before": self.before or None,
            "version": self.version,
            "changed": not self.plan.nothing,
            "dry_run": self.dry_run,
            "written_bytes": self.written,
            "plan": plan,
        }


Progress = Callable[[str, int, int], None]


def flash(
    name: str,
    *,
    dry_run: bool = False,
    progress: Progress = lambda step, done, total: None,
    payload_for: Callable[[Board], Payload] = compile_for,
) -> Flashed:
    """Bring the firmware onto the board at port `name`; `progress` is given the step, and bytes done and in all."""
    source = Source(name, open_port(name))
    try:
        return _Installation(source, progress).run(dry_run, payload_for)
    except PortGone as gone:
        raise TurgorError(
            f"{gone}: pulled cable, or no power; the board starts the version that it had or the new one. Plug it in "
            f"and run `turgor flash {name}` again, which goes on from there"
        ) from None
    finally:
        source.close()


class _Installation:
    def __init__(self, source: Source, progress: Progress) -> None:
        self._name = source.name
        self._source = source
        self._progress = progress
        self._written = 0

    def run(self, dry_run: bool, payload_for: Callable[[Board], Payload]) -> Flashed:
        self._progress("looking at the board", 0, 0)
        greeting = greet(self._source, _GREET_S)
        if greeting.identity.get("platform") == "esp32":
            to_prompt(self._source, _PROMPT_S)
        repl = Repl(self._name, self._source.port)
        try:
            board = look(repl)
            self._progress(f"compiling for {board.architecture}", 0, 0)
            payload = payload_for(board)
            self._progress("looking at the board's files", 0, 0)
            if not dry_run:
                self._recover(repl, payload)
            plan = make_plan(repl, board, payload, greeting.turgor)
            if plan.undo:
                # Somebody may have stopped it.
                starts = self._starts(repl)
                repl = Repl(self._name, self._source.port)
                plan = make_plan(repl, board, payload, starts)
            if not dry_run:
                self._prepare(repl, plan)
                self._upload(repl, payload, plan)
                self._switch(repl, payload, plan)
        except TurgorError:
            # It goes on with what it has.
            with contextlib.suppress(TurgorError):
                repl.restart()
            raise
        except KeyboardInterrupt:
            with contextlib.suppress(TurgorError):
                repl.restart()
            raise
        self._progress("restarting", 0, 0)
        repl.restart()
        if not dry_run:
            self._confirm(payload)
        before = greeting.identity.get("version", "")
        return Flashed(self._name, board, before, payload.version, plan, self._written, dry_run)

    def _starts(self, repl: Repl) -> bool:
        """Whether the version in place answers when it is started."""
        self._progress("starting the version that is there", 0, 0)
        repl.restart()
        greeting = greet(self._source, _START_S)
        if greeting.identity.get("platform") == "esp32":
            to_prompt(self._source, _PROMPT_S)
        return greeting.turgor

    def _recover(self, repl: Repl, payload: Payload) -> None:
        """End a change of versions as the board's start would have."""
        source = payload.start.decode().partition("\nif __name__")[0]
        repl.run(f"{source}\nif not _there({PACKAGE!r}):\n finish()\n")

    def _prepare(self, repl: Repl, plan: Plan) -> None:
        """Room for the upload; what was uploaded and verified, but never started, is an upload again."""
        if plan.undo:
            _undo(repl)
        repl.run(f"if _there({LIB + NEXT!r}):\n _remove({_STAGED!r})\n os.rename({LIB + NEXT!r},{_STAGED!r})")
        if plan.there:
            repl.remove(_STAGED)
            return
        repl.remove(LIB + OLD)
        for path in plan.stale:
            repl.remove(f"{_STAGED}/{path}")

    def _upload(self, repl: Repl, payload: Payload, plan: Plan) -> None:
        """The missing files, then every hash of them all."""
        if plan.there:
            return
        total = sum(len(payload.files[path]) for path in plan.missing)

        def count(n: int) -> None:
            self._written += n
            self._progress("uploading", self._written, total)

        count(0)
        for path in plan.missing:
            repl.write(f"{_STAGED}/{path}", payload.files[path], count)
        self._progress("verifying", 0, 0)
        found = repl.tree(_STAGED)
        wrong = [path for path in {**payload.hashes, **found} if found.get(path) != payload.hashes.get(path)]
        if wrong:
            raise TurgorError(
                f"{self._name}: {wrong[0]} is not on the board as it was sent; run `turgor flash {self._name}` again, "
                "and where that repeats, the board's flash is worn out"
            )

    def _switch(self, repl: Repl, payload: Payload, plan: Plan) -> None:
        """From the last line of this on the board's start puts the new version in place."""
        if plan.aside:
            _copy(repl, MAIN, ASIDE)
        if plan.start:
            new = MAIN + ".new"
            repl.write(new, payload.start)
            # Over a file littlefs renames at once.
            repl.rename(new, MAIN)
        if not plan.there:
            repl.rename(_STAGED, LIB + NEXT)

    def _confirm(self, payload: Payload) -> None:
        """Until the new version answers; one that does not makes way for the one before."""
        self._progress("waiting for the new version", 0, 0)
        greeting = greet(self._source, _START_S)
        if greeting.identity.get("version") == payload.version:
            return
        said = _said(greeting)
        try:
            repl = Repl(self._name, self._source.port)
        except PortGone:
            raise
        except TurgorError:
            raise TurgorError(
                f"{self._name}: version {payload.version} did not start ({said}) and the board shows no prompt; unplug "
                f"it, plug it in and run `turgor flash {self._name}` again"
            ) from None
        back = repl.get(f"_there({LIB + OLD!r})")
        if back:
            _undo(repl)
        repl.restart()
        after = "the version before runs again" if back else "there is none before it"
        raise TurgorError(f"{self._name}: version {payload.version} did not start ({said}); {after}")


def _undo(repl: Repl) -> None:
    """The version before in its place again; a cut in between is ended by the board's start."""
    repl.remove(_STAGED)
    repl.rename(PACKAGE, _STAGED)
    repl.rename(LIB + OLD, PACKAGE)


def _copy(repl: Repl, path: str, target: str) -> None:
    """Copy a file of the board; a cut leaves no half one under the new name."""
    new = target + ".new"
    repl.run(
        f"with open({path!r},'rb') as f:\n with open({new!r},'wb') as g:\n  while 1:\n   b=f.read(512)\n"
        f"   if not b:break\n   g.write(b)\nos.rename({new!r},{target!r})"
    )


def _said(greeting: Greeting) -> str:
    """What a board that did not answer as it should said instead, for people."""
    if greeting.identity:
        return f"version {greeting.identity.get('version')} answers"
    if greeting.turgor:
        return "what answers speaks another wire version"
    text = greeting.text.decode("ascii", "replace")
    # The first one: the prompt takes our greetings for code.
    error = re.search(r"^Traceback .*\n(?: .*\n)*(\S.*?)\r?$", text, re.MULTILINE)
    return error[1] if error else "it shows MicroPython's prompt" if greeting.prompt else "nothing came"
