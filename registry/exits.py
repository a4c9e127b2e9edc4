"""How the commands end. Documented in README.md; `up` reads them of its children."""

OK = 0
FAILED = 1  # the unexpected: a traceback stands above
USAGE = 2  # the command line is wrong
SETTINGS = 3  # registry.toml is wrong: each problem stands on a line
PERSON = 4  # a person has to do something first: free a port, install mosquitto, correct a file; the sentence says what
NEEDS_A_PERSON = (SETTINGS, PERSON)


class CannotGoOn(Exception):
    """A person has to do something first; the text says what."""
