"""What a page shows from the start where a recording is gone on with: the run as its file has it."""

import contextlib
from pathlib import Path
from struct import pack

from turgor.link.records import GAP, HEADER, READINGS, unpack
from turgor_host.calibration_ages import CalibrationAges
from turgor_host.live import Live
from turgor_host.recording.schema import RARE
from turgor_host.recording.store import Store

# Readings of so long: what the course looks at, and half an hour.
_SPAN_S = 9000


def resume(live: Live, ages: CalibrationAges, path: Path, boot: int) -> None:
    """Feed both with what `path` has of `boot`: all but its samples and, of the readings, the last hours.

    What was lost then was said then.
    """
    columns = "SELECT seq, kind, channel, t_s, body FROM records WHERE boot = ?"
    with Store(path) as store:
        newest = store.query(f"{columns} ORDER BY seq DESC LIMIT 1", boot)
        if not newest:
            return
        rows = store.query(f"{columns} AND {RARE} AND kind <> ?", boot, GAP)
        rows += store.query(f"{columns} AND kind = ? AND t_s >= ?", boot, READINGS, newest[0][3] - _SPAN_S)
    for seq, kind, channel, t_s, body in sorted(rows, key=lambda row: int(row[0])):
        # What is no record, `turgor info --check` tells.
        with contextlib.suppress(ValueError):
            record = unpack(pack(HEADER, kind, channel, boot, seq, t_s) + body)
            live.feed(*record)
            ages.take(*record)
    live.resumed()
