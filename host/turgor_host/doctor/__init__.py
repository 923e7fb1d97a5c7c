"""`turgor doctor`: what a board says of itself, what answers on its buses, and what to do about it."""
