"""Short, and never to be taken for another day."""

DATE_FORMAT = "j M Y"
DATETIME_FORMAT = r"j M Y H:i \U\T\C"
