"""Devices in, reads out. Knows nothing of zones, events or MQTT."""
