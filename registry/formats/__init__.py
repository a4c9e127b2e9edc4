"""How days and times are written where a page does not say it in its own way (settings.FORMAT_MODULE_PATH)."""
