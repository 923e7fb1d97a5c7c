"""The `.turgor` file: written, read, replayed and drawn."""
