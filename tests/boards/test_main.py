"""How main ends, over resets: currents off, the alarm, what the watchdog does, and what the next boot makes of it."""

import ast
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ABSENT = [(channel, "absent") for channel in range(6)]
OFF = [(channel, "switched_off") for channel in range(6)]
MAINTAIN = 20


def boots(output: str) -> list[tuple[dict[str, str], Any]]:
    """Of each boot how it ended, and the causes, notices, faults and commands in its log."""
    found = []
    lines = output.splitlines()
    for i, line in enumerate(lines):
        match = re.match(
            r"= (?P<way>\S+) (?P<end>\w+) stops (?P<stops>\d+) off (?P<off>\w+) alarm (?P<alarm>\d+) word (?P<word>\w+)"
            r" sounded (?P<sounded>\d+) fed (?P<fed>\w+) stopped (?P<stopped>\w+)",
            line,
        )
        if match:
            log = lines[i + 1] if i + 1 < len(lines) else ""
            found.append((match.groupdict(), ast.literal_eval(log) if log.startswith("[") else []))
    return found


@pytest.mark.parametrize("runtime", ["micropython", "cpython"])
def test_main_ends(runtime: str, tmp_path: Path, run: Callable[..., str], request: pytest.FixtureRequest) -> None:
    interpreter = sys.executable if runtime == "cpython" else request.getfixturevalue("micropython")
    output = run(interpreter, "run_main.py", tmp_path)
    found = boots(output)
    assert [end["way"] for end, _ in found] == [
        *("ctrl-c", "twice", "early", "unarmed", "stuck", "broken", "maintain", "held"),
        *("error", "waiting", "error", "error", "hang", "off", "on"),
    ]
    (ctrl_c, log), (twice, _), (early, _), (unarmed, _), (stuck, _), (broken, _), (maintain, asked), *crashes = found
    (held, _) = crashes.pop(0)
    assert sorted(log, key=str) == sorted([*ABSENT, ("cause", 1)], key=str), "power, and every channel told of"
    for end in (ctrl_c, twice):
        assert (end["end"], end["off"], end["alarm"], end["word"]) == ("returns", "True", "0", "0x0")
        assert (end["fed"], end["stopped"]) == ("True", "True"), (
            "dead sensors keep the watchdog fed; then it is stopped"
        )
    assert twice["stops"] == "2", "a second Ctrl-C does not cut the first one's work short"
    assert (early["end"], early["stopped"], early["off"]) == ("returns", "True", "True")
    assert (unarmed["end"], unarmed["stops"], unarmed["off"]) == ("returns", "0", "True"), "before there is an app"
    assert (stuck["end"], stuck["stops"], stuck["off"]) == ("Reset", "1", "True"), "whatever becomes of the buses"
    assert (broken["end"], broken["off"]) == ("Reset", "True")
    assert int(broken["alarm"]) >= 10
    assert (maintain["end"], maintain["off"], maintain["stopped"]) == ("Reset", "True", "True")
    assert ("command", MAINTAIN) in asked
    assert (held["end"], held["fed"], held["word"]) == ("returns", "False", "0x0"), "the bare prompt, once"

    (error, _), (waiting, after_error), (error_1, _), (error_2, log_2), (hang, log_3), (off, log_4), (on, log_5) = (
        crashes
    )
    for end in (error, error_1, error_2):
        assert (end["end"], end["off"], end["stopped"]) == ("Reset", "True", "False")
        assert int(end["alarm"]) >= 10, "a whole burst"
    assert output.count("a fault of the firmware") == 3
    assert ("cause", 3) in after_error
    assert (waiting["end"], waiting["stopped"]) == ("returns", "True"), "Ctrl-C while it waits gives the prompt"
    assert (hang["end"], hang["stops"]) == ("Reset", "0")
    assert ("cause", 3) in log_2
    assert ("cause", 3) in log_3
    # The runs lasted 2 s each when they were cut, and each cut counts for 10 s.
    assert sorted(log_4, key=str) == sorted([("cause", 3), ("notice", 7, 24), *OFF], key=str)
    assert (off["fed"], off["alarm"]) == ("True", "0")
    # Bursts of ten begin at 0, 8, 16 and 24 s.
    assert off["sounded"] == "40", "the alarm is on until somebody stops it"
    assert ("cause", 2) in log_5, "who stopped it has made an end of the count"
    assert not set(OFF) & set(log_5)
    assert on["sounded"] == "0"
