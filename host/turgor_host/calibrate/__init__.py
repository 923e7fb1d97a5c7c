"""Fits in floating point that become integers for the board."""
