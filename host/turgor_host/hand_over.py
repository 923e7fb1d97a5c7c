"""What a run begins with, configuration and calibrations, handed to the board until it has taken them."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future

from turgor_host.calibrate.certificate import Certificate
from turgor_host.commands import Commands, explained
from turgor_host.errors import TurgorError


class HandOver:
    """`configuration` is an image or empty; each certificate goes to every boot, as a board without a flash forgets."""

    def __init__(self, commands: Commands, configuration: bytes, certificates: Sequence[Certificate]) -> None:
        self._commands = commands
        self._configuration = configuration
        self._certificates = certificates
        # What the board has not answered yet, calibrations with their certificates.
        self._waiting: list[tuple[Certificate | None, Future[str]]] = []
        self._greeted = False
        # All was taken once.
        self._done = False

    @property
    def is_under_way(self) -> bool:
        return bool(self._waiting)

    def greeted(self, is_new_boot: bool) -> None:
        """The board has answered a greeting."""
        is_first, self._greeted = not self._greeted, True
        if is_first and self._configuration:
            self._waiting += [(None, answer) for answer in self._commands.configure(self._configuration)]
        if is_first or is_new_boot:
            # Half of one is of no use to another boot.
            for certificate, answer in self._waiting:
                if certificate:
                    answer.cancel()
            self._waiting = [waiting for waiting in self._waiting if not waiting[0]]
            for certificate in self._certificates:
                self._waiting += [(certificate, answer) for answer in self._commands.calibrate(certificate)]

    def look(self) -> Iterator[str]:
        """What the user is to be told; TurgorError where the board does not take what the run begins with.

        Long after the start a refusal is told alone: the recording is worth more.
        """
        while self._waiting and self._waiting[0][1].done():
            certificate, answer = self._waiting.pop(0)
            try:
                refusal = answer.result()
            except TimeoutError:
                refusal = "it did not answer"
            if refusal:
                why = (
                    explained(certificate, refusal)
                    if certificate
                    else f"the board has not taken the configuration: {refusal}"
                )
                if not self._done:
                    raise TurgorError(why)
                yield why
            elif certificate is None and not any(other is None for other, _ in self._waiting):
                yield "the configuration is kept; it is in force when the board is restarted"
        self._done = self._done or (self._greeted and not self._waiting)
