"""What `record`, `monitor` and `demo` have in common: source, recording and session put together and taken apart."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turgor_host.calibrate.certificate import check_age, read_certificate
from turgor_host.calibrate.kept import keep
from turgor_host.calibration_ages import CalibrationAges
from turgor_host.configuration.file import read_configuration
from turgor_host.control import ControlServer
from turgor_host.errors import TurgorError, UsageError
from turgor_host.limb_checks import CHECK_EVERY_S
from turgor_host.live import Live
from turgor_host.live_resume import resume
from turgor_host.lockstep import Lockstep
from turgor_host.playback import Playback
from turgor_host.recording.reader import open_recording
from turgor_host.recording.writer import Writer
from turgor_host.session import Session
from turgor_host.source import RECORDING, SIMULATED, Source, open_source


@dataclass
class Run:
    """An opened run; `session.run()` does the work."""

    source: Source | Playback
    writer: Writer
    live: Live
    session: Session
    file: Path


@contextlib.contextmanager
def open_run(
    name: str,
    file: Path,
    *,
    speed: float,
    runtime: str,
    seed: int,
    seconds: float | None = None,
    progress: Callable[[int], None] | None = None,
    calibration: Sequence[Path] = (),
    config: Path | None = None,
    check_every_s: int = CHECK_EVERY_S,
    say: Callable[[str], None] = lambda text: print(f"turgor: {text}", file=sys.stderr, flush=True),
) -> Iterator[Run]:
    """Open source, recording and local socket; on leaving, everything is committed and closed."""
    calibrations = [read_certificate(path) for path in calibration]
    for certificate in calibrations:
        check_age(certificate, time.time())
    configuration = read_configuration(config) if config else None
    if (config or calibration) and name.endswith(RECORDING):
        raise UsageError(f"--config and --calibration are for boards; {name} plays back what it has")
    if name.startswith(SIMULATED) and file.is_file():
        # Its numbers would be those of the first run again, and its data perhaps not.
        raise TurgorError(f"{file} exists already and the virtual board of {name} begins anew; choose another name")
    for path, certificate in zip(calibration, calibrations, strict=True):
        if trouble := keep(certificate, path.read_bytes()):
            say(trouble)
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(
            contextlib.closing(open_source(name, speed=speed, runtime=runtime, seed=seed, configuration=configuration))
        )
        writer = stack.enter_context(contextlib.closing(Writer(file, name, source.simulated, speed)))
        live = Live(name, source.simulated, speed, str(file), check_every_s)
        ages = CalibrationAges()
        if writer.goes_on and (position := writer.position):
            resume(live, ages, file, position[0])
        image = configuration.image if configuration and not source.simulated else b""
        # At full speed it would keep up with nothing.
        follows = speed != 0 and not isinstance(source, Playback)
        lockstep = stack.enter_context(contextlib.closing(Lockstep(file))) if follows else None
        session = Session(
            source,
            writer,
            live,
            seconds=seconds,
            progress=progress,
            calibrations=calibrations,
            configuration=image,
            lockstep=lockstep,
            ages=None if isinstance(source, Playback) else ages,
            say=say,
        )
        stack.enter_context(contextlib.closing(ControlServer(session.act, file)))
        yield Run(source, writer, live, session, file)


def default_file(prefix: str) -> Path:
    """A new name in the current folder."""
    return Path(time.strftime(f"{prefix}-%Y%m%d-%H%M%S.turgor"))


def summary(run: Run) -> dict[str, Any]:
    """What a finished run amounts to, for `--json`."""
    state = run.live.state()
    alarms = {}
    with open_recording(run.file) as recording:
        for event in recording.events():
            if event["state"] in ("raised", "escalated"):
                alarms[event["rule"], event["channel"]] = event
    return {
        "runtime": state["runtime"],
        "simulated": run.source.simulated,
        "speed": run.source.speed or "max",
        "board_s": run.session.board_s,
        "records": run.writer.records,
        "lost": run.writer.lost,
        "alarms": [
            {key: event[key] for key in ("rule", "channel", "priority", "t_s", "value", "limit")}
            for event in alarms.values()
        ],
        "file": str(run.file),
    }
