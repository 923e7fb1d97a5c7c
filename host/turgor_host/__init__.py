"""The host side of Turgor: flash, calibrate, record, show and replay."""
