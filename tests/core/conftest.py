"""Lets the tests of the core import `checked`, the emulator, the signals and the scripts for both Pythons."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "core"), str(TESTS / "dual")]
