"""The tree as a whole: what README promises, one-way imports, names, sizes, licence, pins."""

import csv
import os
import re
import shutil
import subprocess
import sysconfig
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

import turgor
from turgor_host.cli.commands import app

TOP_LEVEL = {"firmware", "host", "hardware", "calibration", "tests"} | {
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
}
# In the order of the columns of wiring.md; `rp2` is the Pico and the Pico 2.
BOARDS = ("rp2", "esp32", "esp32s3", "esp32c3")
SCRIPTS = Path(sysconfig.get_path("scripts"))


def tracked(root: Path) -> list[Path]:
    """Files of the project, relative to its root: git's, or without git all but dot folders."""
    if (root / ".git").exists() and shutil.which("git"):
        listing = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        names = [Path(name) for name in listing.split("\0") if name]
        return [name for name in names if (root / name).is_file()]
    files = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return [path for path in files if not path.parts[0].startswith(".")]


def shell_lines(root: Path) -> list[str]:
    """The commands of README's `sh` blocks, a string a block."""
    text = (root / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^```sh\n(.*?)\n```$", text, flags=re.DOTALL | re.MULTILINE)


def pins(root: Path) -> list[dict[str, str]]:
    with (root / "hardware" / "pinout.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_readme_has_two_commands_of_one_line(root: Path) -> None:
    assert shell_lines(root) == [
        "python3 -m venv .venv && .venv/bin/pip install -q -e '.[all]' && .venv/bin/turgor demo",
        "python3 -m venv .venv && .venv/bin/pip install -q -e '.[dev]' && .venv/bin/pytest",
    ]


def test_ci_runs_the_readme_line_and_fetches_by_package_name_only(root: Path) -> None:
    script = (root / ".ci" / "run").read_text(encoding="utf-8")
    extract = re.search(r"^command=\$\((.+)\)$", script, flags=re.MULTILINE)
    assert extract is not None
    assert 'bash -c "$command"' in script
    found = subprocess.run(["bash", "-c", extract[1]], cwd=root, check=True, capture_output=True, text=True).stdout
    assert found.splitlines() == [shell_lines(root)[1]]
    assert "://" not in script


def test_version_has_one_place_and_a_changelog_entry(root: Path) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", turgor.__version__)
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+)", changelog, flags=re.MULTILINE)[0] == turgor.__version__
    sources = [path for path in tracked(root) if path.suffix == ".py"]
    holders = [
        path.as_posix()
        for path in sources
        if re.search(r"^__version__\s*=", (root / path).read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert holders == ["firmware/turgor/__init__.py"]


def test_licence_is_apache_2(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == "Apache-2.0"
    lines = (root / "LICENSE").read_text(encoding="utf-8").split("\n")
    titles = [line.strip() for line in lines if line.strip()][:2]
    assert titles == ["Apache License", "Version 2.0, January 2004"]
    assert len(lines) > 200


def test_top_level_holds_only_the_houses_names(root: Path) -> None:
    names = {path.parts[0] for path in tracked(root)}
    assert {name for name in names if not name.startswith(".")} == TOP_LEVEL


def test_no_source_file_is_over_500_lines(root: Path) -> None:
    lengths = {
        path.as_posix(): len((root / path).read_text(encoding="utf-8").splitlines())
        for path in tracked(root)
        if path.suffix in {".py", ".js"}
    }
    assert {name: count for name, count in lengths.items() if count > 500} == {}


def test_links_between_pages_lead_somewhere(root: Path) -> None:
    pages = [path for path in tracked(root) if path.suffix == ".md"]
    links = [
        (page.as_posix(), link)
        for page in pages
        for link in re.findall(r"\]\(([^)#:]+)\)", (root / page).read_text(encoding="utf-8"))
    ]
    assert ("README.md", "hardware/wiring.md") in links
    assert [(page, link) for page, link in links if not (root / page).parent.joinpath(link).exists()] == []


def test_readmes_commands_are_the_tools(root: Path) -> None:
    text = (root / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `turgor ([a-z ]+?)(?: [A-Z ]+)?`", text, flags=re.MULTILINE))
    assert "demo" in named
    for words in sorted(named):
        done = CliRunner().invoke(app, [*words.split(), "--help"])
        assert done.exit_code == 0, f"turgor {words} --help: {done.output}"


def lint_imports(root: Path, sources: Path) -> subprocess.CompletedProcess[str]:
    """import-linter with the project's contracts over the packages below `sources`."""
    path = os.pathsep.join(str(sources / folder) for folder in ("firmware", "host"))
    config = str(root / "pyproject.toml")
    return subprocess.run(
        [str(SCRIPTS / "lint-imports"), "--no-cache", "--config", config],
        cwd=sources,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_imports_run_one_way(root: Path) -> None:
    done = lint_imports(root, root)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_import_the_wrong_way_is_found(root: Path, tmp_path: Path) -> None:
    for folder in ("firmware", "host"):
        ignored = shutil.ignore_patterns("__pycache__", "static")
        shutil.copytree(root / folder, tmp_path / folder, ignore=ignored)
    wrong = [
        ("core", "time"),
        ("link", "machine"),
        ("link", "turgor.core"),
        ("drivers", "turgor.app"),
        ("app", "turgor_host"),
    ]
    for folder, module in wrong:
        with (tmp_path / "firmware" / "turgor" / folder / "__init__.py").open("a") as source:
            source.write(f"\nimport {module}\n")
    done = lint_imports(root, tmp_path)
    assert done.returncode == 1
    assert done.stdout.count("BROKEN") == 3, done.stdout
    for folder, module in wrong:
        assert f"turgor.{folder} -> {module}" in done.stdout, done.stdout


def test_boards_have_the_same_signals_each_on_a_pin_of_its_own(root: Path) -> None:
    rows = pins(root)
    assert list(rows[0]) == ["board", "function", "signal", "pin", "note"]
    signals = {board: [r["signal"] for r in rows if r["board"] == board] for board in BOARDS}
    assert all(names == signals["rp2"] for names in signals.values())
    assert len(rows) == len(BOARDS) * len(set(signals["rp2"]))
    taken = [(row["board"], int(row["pin"])) for row in rows if row["pin"]]
    assert len(set(taken)) == len(taken)
    why = ("no free pin", "one I2C", "no divider")
    assert all(any(words in row["note"] for words in why) for row in rows if not row["pin"])


def test_pins_can_do_what_they_are_for(root: Path) -> None:
    for row in pins(root):
        if not row["pin"]:
            continue
        pin = int(row["pin"])
        if row["board"] == "rp2":
            # 29 is on no connector: the board itself has a divider there.
            assert pin <= 22 or pin in (25, 26, 27, 28) or (pin, row["signal"]) == (29, "supply"), row
            # Each signal of an I2C controller reaches every fourth pin; those of SPI 0 are listed.
            place = {"i2c0_sda": 0, "i2c0_scl": 1, "i2c1_sda": 2, "i2c1_scl": 3}.get(row["signal"])
            assert place is None or pin % 4 == place, row
            places = {"spi_miso": (0, 4, 16, 20), "spi_sck": (2, 6, 18, 22), "spi_mosi": (3, 7, 19, 23)}
            assert pin in places.get(row["signal"], (pin,)), row
        elif row["board"] == "esp32":
            # Console, flash, strapping pins (but 2 and an LED's 5, see wiring.md), numbers without a pin.
            assert pin != 5 or row["signal"] == "led_yellow", row
            assert pin not in {0, 1, 3, 6, 7, 8, 9, 10, 11, 12, 15, 20, 24, 28, 29, 30, 31}, row
            # 34 to 39 are inputs without a pull.
            is_input = row["signal"] == "spi_miso" or (row["function"] == "drdy" and "100 kohm" in row["note"])
            assert pin < 34 or is_input, row
        elif row["board"] == "esp32s3":
            # Strapping pins, USB, console, flash and octal memory, the board's RGB LED, numbers without a pin.
            assert pin not in {0, 3, 45, 46, 19, 20, 43, 44, 38, 48, *range(22, 38)}, row
        else:
            assert pin in {0, 1, 3, 4, 5, 6, 7, 10}, row


def test_wiring_page_has_the_pins_of_the_table(root: Path) -> None:
    wanted = {(row["board"], row["signal"]): row["pin"] or "-" for row in pins(root)}
    text = (root / "hardware" / "wiring.md").read_text(encoding="utf-8")
    shown = {}
    for line in re.findall(r"^\| `.+` \|.*$", text.split("## Buses", maxsplit=1)[0], flags=re.MULTILINE):
        names, *cells = line.strip("| ").split(" | ")
        for board, numbers in zip(BOARDS, cells, strict=False):
            for name, number in zip(re.findall(r"`(\w+)`", names), re.findall(r"\d+|-", numbers), strict=True):
                shown[board, name] = number
    assert shown == wanted


SKIPPING = """\
import pytest

if {whole_file}:
    pytest.skip("{reason}", allow_module_level=True)


def test_needs_something():
    pytest.skip("{reason}")


@pytest.mark.skipif(True, reason="{reason}")
def test_marked():
    pass


@pytest.mark.xfail(reason="known")
def test_expected_to_fail():
    raise ValueError
"""


@pytest.mark.usefixtures("micropython", "chromium")
@pytest.mark.parametrize("whole_file", [False, True])
@pytest.mark.parametrize(
    ("require", "reason", "passes"),
    [
        ("", "no thing: apt-get install thing", True),
        ("all", "no thing: apt-get install thing", False),
        ("all", "no UF2: set the path", True),
        ("all", "no shared data: not there", True),
    ],
)
def test_a_skip_fails_when_all_is_required(
    root: Path, tmp_path: Path, whole_file: bool, require: str, reason: str, passes: bool
) -> None:
    shutil.copy(root / "tests" / "conftest.py", tmp_path)
    source = SKIPPING.format(whole_file=whole_file, reason=reason)
    (tmp_path / "test_skipping.py").write_text(source, encoding="utf-8")
    done = subprocess.run(
        [SCRIPTS / "pytest", "-n0", "-c", root / "pyproject.toml", "--rootdir=.", "test_skipping.py"],
        cwd=tmp_path,
        env={**os.environ, "TURGOR_REQUIRE": require},
        capture_output=True,
        text=True,
        check=False,
    )
    good_codes = (0, 5)  # 5: the whole file was skipped, so no test ran
    assert (done.returncode in good_codes) == passes, done.stdout
    if passes:
        what, command = reason.split(": ")
        assert f"{1 if whole_file else 2} x {what}\n    {command}" in done.stdout
    else:
        assert f"skipped although TURGOR_REQUIRE=all: {reason}" in done.stdout
