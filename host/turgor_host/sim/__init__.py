"""The virtual board: models of chips, limbs and patients around the unmodified firmware."""
