"""One TOML file a board: which sensors its channels have, their filters, and the limits of its rules."""
