"""From reads to location events. Pure: time comes in with the data."""
