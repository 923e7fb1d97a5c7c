"""`turgor doctor`: looks at a board over its link, at its prompt, or both, and judges what it sees."""

import time
from collections.abc import Callable

from turgor import __version__
from turgor_host.configuration.file import Configuration, default_configuration
from turgor_host.doctor import look, sensors, state
from turgor_host.doctor.findings import FAILURE, Examination, failure, ok
from turgor_host.doctor.link import Seen, watch
from turgor_host.errors import PortGone, TurgorError, UsageError
from turgor_host.flash.board import OLDEST, Board, look_at
from turgor_host.flash.payload import compile_for
from turgor_host.flash.plan import make_plan
from turgor_host.flash.prompt import at_prompt, running
from turgor_host.flash.repl import Repl
from turgor_host.greeting import Greeting, greet
from turgor_host.source import SIMULATED, Source, VirtualBoard, open_port

# A board that was just plugged in has to start first.
_GREET_S = 4.0
# The virtual board's process begins with its port.
_GREET_VIRTUAL_S = 10.0
# A board that is started again answers within it.
_START_S = 30.0
WATCH_S = 6.0

Progress = Callable[[str], None]


def examine(
    name: str,
    *,
    configuration: Configuration | None = None,
    stop: bool = False,
    seconds: float = WATCH_S,
    progress: Progress = lambda step: None,
) -> Examination:
    """Examine the board at port `name`; TurgorError when there is no such port, or the board goes meanwhile.

    A program that runs on the board is interrupted only with `stop`, and started again.
    """
    found = Examination(name)
    virtual = name.startswith(SIMULATED)
    if virtual and stop:
        raise UsageError(f"{name}: the virtual board has no prompt; leave --stop out")
    if not virtual:
        found.add([state.port_finding(name)])
        if found.count(FAILURE):
            return found
    source = VirtualBoard(name, 1, "auto", 1, configuration) if virtual else Source(name, open_port(name))
    try:
        _Doctor(source, found, configuration, progress).run(stop, seconds, virtual)
    except PortGone as gone:
        raise TurgorError(f"{gone}: pulled cable, or no power; plug it in and run this again") from None
    finally:
        source.close()
    return found


class _Doctor:
    def __init__(
        self, source: Source, found: Examination, configuration: Configuration | None, progress: Progress
    ) -> None:
        self._source = source
        self._name = source.name
        self._found = found
        self._given = configuration is not None
        self._config = (configuration or default_configuration()).config
        # Whether where the board's sensors are is known.
        self._places = True
        self._progress = progress

    def run(self, stop: bool, seconds: float, virtual: bool) -> None:
        self._progress("looking for the board")
        greeting = greet(self._source, _GREET_VIRTUAL_S if virtual else _GREET_S)
        if greeting.turgor:
            self._at_link(greeting, seconds)
        runs = running(greeting)
        if virtual:
            self._found.not_looked_at = "buses, memory and files, which the virtual board does not show"
        elif runs and not stop:
            self._found.not_looked_at = (
                f"what answers on the buses, memory and files: {runs}; --stop interrupts it, looks, and starts it again"
            )
            if not greeting.turgor:
                self._found.add(
                    [failure("Turgor", "nothing answers at the port", f"turgor doctor {self._name} --stop")]
                )
        else:
            with at_prompt(self._source, greeting, stop) as repl:
                self._at_prompt(repl, greeting)
            if greeting.turgor:
                self._confirm()

    def _at_link(self, greeting: Greeting, seconds: float) -> None:
        found, identity = self._found, greeting.identity
        if not identity:
            said = "answers, but serves another host or speaks another wire version than this program's"
            remedy = f"end the other host's recording, or turgor flash {self._name}"
            found.add([failure("Turgor", said, remedy)])
            return
        found.board_id = identity.get("id", "")
        runtime, _, version = identity.get("runtime", "").rpartition(" ")
        found.board = f"{identity.get('machine')}, {runtime} {version}, Turgor {identity.get('version')}"
        found.add([state.turgor_finding(self._name, identity.get("version", ""))])
        if runtime == "MicroPython":
            found.add([state.micropython_finding(_numbers(version))])
        seen = watch(
            self._source, greeting.boot, seconds, lambda s: self._progress(f"listening, {s:.0f} of {seconds:.0f} s")
        )
        if seen.boot:
            found.add([state.reset_finding(seen.boot["reset_cause"])])
        if "flash" in identity:
            found.add([state.region_finding(int(identity["flash"]) if identity["flash"].isdecimal() else 0)])
        found.add(state.clock_finding(seen.exchanges))
        found.add(state.notice_findings(self._name, seen.notices))
        self._judge_channels(seen)

    def _judge_channels(self, seen: Seen) -> None:
        self._found.add([state.configuration_finding(self._name, seen, self._config, self._given)])
        self._places = self._given or not state.differing(seen, self._config)
        self._found.add(sensors.from_link(seen))

    def _at_prompt(self, repl: Repl, greeting: Greeting) -> None:
        found, name = self._found, self._name
        self._progress("looking at the board")
        board = look_at(repl)
        found.board_id = found.board_id or board.board_id
        found.board = f"{board.machine}, MicroPython {board.micropython}" + (
            f", Turgor {greeting.identity['version']}" if greeting.identity else ""
        )
        found.add([state.micropython_finding(board.version)])
        found.add([state.memory_finding(*look.memory(repl))])
        if not greeting.identity:
            found.add([state.turgor_finding(name, _installed(repl))])
            if not self._given:
                found.add([ok("configuration", "the default is taken for the board's; --config names another")])
            self._progress("looking at the clock")
            found.add(state.clock_finding(look.clock(repl)))
        why = board.unfit()
        if why:
            found.not_looked_at = f"buses, sensors and files: {why}"
            if board.version[:2] >= OLDEST:
                found.add([failure("board", why, "install the newest standard build (micropython.org/download)")])
            return
        found.add([ok("board", f"{board.machine}, {board.architecture}")])
        self._files(repl, board, greeting)
        looked = look.look(repl, board, self._config.channels if self._places else [], self._progress)
        if not greeting.identity:
            found.add([state.reset_finding(looked.reset_cause), state.region_finding(looked.sectors)])
        if self._places:
            found.add(sensors.from_look(looked, self._config.channels))
            return
        found.add(sensors.buses(looked, []))
        found.not_looked_at = (
            "whether each sensor is in its place: the board has a configuration of its own; --config names its file"
        )

    def _files(self, repl: Repl, board: Board, greeting: Greeting) -> None:
        self._progress("comparing the board's files")
        try:
            plan = make_plan(repl, board, compile_for(board), greeting.turgor)
        except PortGone:
            raise
        except TurgorError as error:
            said, _, remedy = str(error).removeprefix(f"{self._name}: ").partition("; ")
            self._found.add([failure("file system", said, remedy or f"turgor flash {self._name}")])
            return
        self._found.add(state.files_findings(self._name, plan, __version__, bool(_installed(repl)), greeting.turgor))

    def _confirm(self) -> None:
        """Wait until Turgor runs again."""
        self._progress("waiting for Turgor to run again")
        begun_s = time.monotonic()
        greeting = greet(self._source, _START_S)
        if greeting.turgor:
            self._found.add([ok("start", f"Turgor runs again, {time.monotonic() - begun_s:.1f} s after the restart")])
            return
        remedy = f"unplug it and plug it in; if it stays so, turgor flash {self._name}"
        self._found.add([failure("start", "Turgor does not answer after the restart", remedy)])


def _installed(repl: Repl) -> str:
    """The version of the firmware in the board's files, "" where there is none."""
    code = "try:\n from turgor import __version__ as _v\nexcept ImportError:_v=''\nprint(repr(_v))"
    return repl.run(code).strip().strip("'\"")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
