"""The patient behind the virtual board: where fluid goes, and what that does to pressures and impedances. Host only."""
