"""The `.turgor` file: a SQLite database that holds each record of a board's log once.

`records` is the log's replica: header fields as columns, `body` all that follows the header, `crc` the CRC-32 of the
whole record, the one under which it came over the wire. `board` is the u64 board id as a signed number, 0 when the
board had not named itself before the boot's first record came. `meta` says what was recorded and with what, `exchanges`
are what UTC is worked out from (`turgor_host.timebase`): moments of both clocks, `piece` counting the jumps of a clock;
`notes` say what the host did.
"""

from typing import Any

APPLICATION_ID = 0x54555247  # "TURG"
FORMAT_VERSION = 1

TABLES = """
CREATE TABLE records (
    board INTEGER NOT NULL, boot INTEGER NOT NULL, seq INTEGER NOT NULL, kind INTEGER NOT NULL,
    channel INTEGER NOT NULL, t_s INTEGER NOT NULL, crc INTEGER NOT NULL,
    body BLOB NOT NULL, PRIMARY KEY (board, boot, seq)
) WITHOUT ROWID;
CREATE INDEX rare ON records (kind, board, boot, seq) WHERE kind NOT IN (5, 6, 7);
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE exchanges (
    id INTEGER PRIMARY KEY, board INTEGER NOT NULL, boot INTEGER NOT NULL, piece INTEGER NOT NULL,
    sent REAL NOT NULL, taken REAL NOT NULL, answered REAL NOT NULL, received REAL NOT NULL
);
CREATE TABLE notes (id INTEGER PRIMARY KEY, utc REAL NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL);
"""

# Records that are not samples, impedance or readings are few: with this in a query, SQLite finds them by their index.
RARE = "kind NOT IN (5, 6, 7)"

# Keys of a board's identity text that are called otherwise in `meta`.
IDENTITY_KEYS = {"version": "firmware_version"}

Row = tuple[Any, ...]
