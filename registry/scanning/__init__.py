"""Scanning with a phone, a camera or a wedge scanner: also without a network, synced later by event id."""
