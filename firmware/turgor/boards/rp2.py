"""Raspberry Pi Pico (RP2040)."""

from rp2 import Flash

from turgor.boards.flash import region_behind_files
from turgor.boards.ports import Ports

PINS = {
    "i2c0_sda": 4,
    "i2c0_scl": 5,
    "i2c1_sda": 6,
    "i2c1_scl": 7,
    "drdy_calf_l": 10,
    "drdy_calf_r": 11,
    "drdy_forearm_l": 12,
    "drdy_forearm_r": 13,
    "drdy_art": 14,
    "alarm": 15,
    "led": 25,
    "button_ack": 16,
    "button_mark": 17,
}


def make_ports(least_sectors):
    """The board's ports; `flash` has at least `least_sectors` or is None."""
    return Ports(PINS, "rp2", True, region_behind_files(Flash(), least_sectors))
