"""`turgor ports`."""

import json
from dataclasses import asdict

from rich.table import Table

from turgor_host.cli.events import print_table
from turgor_host.cli.options import JsonOption
from turgor_host.ports import find_ports


def ports(json_: JsonOption = False) -> None:
    """List the serial ports that may be boards, and what answers there.

    Ports are known by their USB identity. Each is greeted for a second, without a
    change of DTR or RTS, which would reset some boards.
    """
    found = find_ports()
    if json_:
        print(json.dumps([asdict(port) for port in found]))
        return
    if not found:
        print("no port that may be a board; plug one in (a Pico that shows a drive waits for MicroPython's UF2 file)")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("port", "usb", "serial number", "maker", "answers", "board", "version"):
        table.add_column(name, overflow="fold")
    for port in found:
        table.add_row(port.port, port.usb, port.serial_number, port.maker, port.state, port.board_id, port.version)
    print_table(table)
