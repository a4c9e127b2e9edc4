"""Pages that draw on several apps, what they share, and log-in."""
