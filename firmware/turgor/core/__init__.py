"""Integers only: no I/O, no clock, no float, no allocation per sample."""
