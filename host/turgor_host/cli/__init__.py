"""The command `turgor`: one file a command, argument parsing only."""

import sys


def main() -> None:
    """Run `turgor`; every failure is one line on stderr, exit 2 for usage and 1 for the rest."""
    try:
        # Importing takes long enough for a Ctrl-C.
        from turgor_host.cli.commands import run

        code = run()
    except KeyboardInterrupt:
        print("turgor: interrupted; what was recorded so far is whole", file=sys.stderr)
        code = 1
    sys.exit(code)
