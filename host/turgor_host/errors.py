"""What goes wrong, as one line for the user."""


class TurgorError(Exception):
    """Something failed; the message names the offending value and the remedy. Exit code 1."""

    exit_code = 1


class PortGone(TurgorError):
    """A board's port has vanished; it may come back."""


class UsageError(TurgorError):
    """The command was given something it cannot take. Exit code 2."""

    exit_code = 2


class DiskFull(TurgorError):
    """A recording's place cannot take more now (full, over quota, failing, held by another program).

    Nothing is lost by it: what was committed is whole, the rest is kept and may be tried again.
    """
