"""Pins -> ports, one file a platform, named after `sys.platform`."""
