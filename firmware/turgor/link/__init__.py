"""Bytes <-> records; knows no serial port and no clock."""
