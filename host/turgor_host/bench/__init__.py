"""`turgor bench`: what the core's routines take on a board."""
