"""A virtual board that outlives its hosts: it runs in a process of the test, behind a pty that the test holds."""

import json
import os
import pty
import subprocess
import tty
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from turgor_host.sim.episode import leak_episode
from turgor_host.sim.scenario import read_scenario, write_compiled
from turgor_host.source import board_command, board_environment


class VirtualBoard:
    """The board at `port`, a name that `turgor record` takes like a real board's; until the `with` block ends.

    `speed` is board seconds per second, 0 for as fast as possible. With `hold` the board's clock waits while its log
    has no room, so that nothing is dropped however long no host is there. `options` go to `turgor_host.sim.board`.
    `more` goes into the compiled scenario: what no column can say. Another wire may give the descriptor that is the
    board's port: `ends` is called for it, and `port` is empty then.
    """

    def __init__(
        self,
        folder: Path,
        *,
        scenario: Path | None = None,
        speed: int = 1,
        hold: bool = False,
        runtime: str = "auto",
        seed: int = 1,
        options: tuple[str, ...] = (),
        ends: Callable[[], int] | None = None,
        more: dict[str, Any] | None = None,
    ) -> None:
        compiled = folder / "scenario.json"
        write_compiled(read_scenario(scenario) if scenario else leak_episode(), seed, compiled)
        if more:
            compiled.write_text(json.dumps(json.loads(compiled.read_text()) | more))
        self._errors = folder / "board-errors.txt"
        # Open until the end: what the board writes while no host is there waits in it, and the board sees no hang-up.
        self._host_end = -1
        self.port = ""
        if ends:
            board_end = ends()
        else:
            board_end, self._host_end = pty.openpty()
            tty.setraw(self._host_end)
            os.set_blocking(board_end, False)
            self.port = os.ttyname(self._host_end)
        command = [*board_command(runtime), "-m", "turgor_host.sim.board", str(compiled), "--speed", str(speed)]
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [*command, *(["--hold"] if hold else []), *options],
                stdin=board_end,
                stdout=board_end,
                stderr=errors,
                env=board_environment(),
                start_new_session=True,
            )
        os.close(board_end)

    @property
    def errors(self) -> str:
        """What the board's process said on stderr."""
        return self._errors.read_text()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)
        if self._host_end >= 0:
            os.close(self._host_end)
