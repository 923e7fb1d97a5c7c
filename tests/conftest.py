"""What every test shares: the real recordings, the runtimes, and what a missing one means.

A test that lacks something skips with the reason `no THING: COMMAND THAT ENABLES IT`. The closing
lines list those; with TURGOR_REQUIRE=all they are failures, but for the two that a machine cannot
install.
"""

import os
import shutil
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import runtimes

_MAY_SKIP = ("no UF2", "no shared data")
_LONGEST = (
    *("test_dual.py", "test_impedance_path.py", "test_demo.py", "test_trend_on_board.py", "test_alarms.py"),
    *("test_soak.py", "test_config.py", "test_rules_fluid.py", "test_entries.py", "test_sensors.py", "test_doctor.py"),
)
_NO_CHROMIUM = "no chromium: apt-get install chromium"


def _chromium() -> str | None:
    return shutil.which("chromium")


def _all_required() -> bool:
    return os.environ.get("TURGOR_REQUIRE") == "all"


def pytest_sessionstart(session: pytest.Session) -> None:
    chosen = os.environ.get("TURGOR_REQUIRE", "")
    if chosen not in ("", "all"):
        raise pytest.UsageError(f"TURGOR_REQUIRE={chosen}: only 'all' is known")
    if chosen:
        missing = [reason for reason in map(runtimes.missing, runtimes.NAMES) if reason]
        missing += [] if _chromium() else [_NO_CHROMIUM]
        if missing:
            pytest.exit("required and missing: " + "; ".join(missing), returncode=1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: the others fill what is left of the time on all cores."""
    order = {name: place for place, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure when everything is required."""
    # An expected failure is reported as a skip.
    if report.outcome != "skipped" or hasattr(report, "wasxfail") or not _all_required():
        return
    reason = _reason(report)
    if not reason.startswith(_MAY_SKIP):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: skipped although TURGOR_REQUIRE=all: {reason}"


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


# Outermost, so that the marks of an expected failure are already on the report.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(report)
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    skipped = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", ()))
    if not skipped:
        return
    terminalreporter.section("skipped, and what enables it")
    for reason, count in sorted(skipped.items()):
        what, _, command = reason.partition(": ")
        terminalreporter.line(f"{count} x {what}" + (f"\n    {command}" if command else ""))


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def user_data(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """The user's data folder, another one than the real user's, also for the processes that a test starts."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("user-data")
        patch.setenv("XDG_DATA_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def shared_data(root: Path) -> Path:
    """The folder of real recordings beside the repository."""
    folder = root.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no shared data: put the recordings at ../shared/data, beside this repository")
    return folder


@pytest.fixture(scope="session")
def micropython() -> str:
    """The path of the environment's `micropython` command (unix port)."""
    lacks = runtimes.missing("viper")
    if lacks:
        pytest.skip(lacks)
    return str(runtimes.micropython())


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Chromium."""
    path = _chromium()
    if path is None:
        pytest.skip(_NO_CHROMIUM)
    return path


@pytest.fixture(scope="session")
def base_url() -> None:
    """No base URL. pytest-playwright's stand-in is a method, which pytest deprecates."""
    return None


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any], chromium: str) -> Any:
    """pytest-playwright's launch options for the machine's own Chromium, which calls nobody."""
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    # root may run Chromium only without its sandbox; a page of our own needs none.
    args = ["--no-sandbox", "--no-first-run", "--disable-quic", *quiet]
    return {**browser_type_launch_args, "executable_path": chromium, "args": args}
