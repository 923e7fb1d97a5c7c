"""The board's judge fed with trends: one reading a channel and second, no samples. The very same core, compiled."""
