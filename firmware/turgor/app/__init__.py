"""The only place where core, link and drivers meet."""
