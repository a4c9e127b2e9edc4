"""The daemon on site."""
