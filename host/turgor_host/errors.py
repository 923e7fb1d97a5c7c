"""What goes wrong, as one line for the user."""


class TurgorError(Exception):
    """Something failed; the message names the offending value and the remedy. Exit code 1."""

    exit_code = 1


class PortGone(TurgorError):
    """A board's port has vanished; it may come back."""


class UsageError(TurgorError):
    """The command was given something it cannot take. Exit code 2."""

    exit_code = 2
