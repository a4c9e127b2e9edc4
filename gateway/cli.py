"""`sightpost`: each command calls one function. Exit codes: 0 fine, 1 not fine or not reachable, 2 wrong settings or wrong use.

`sightpost run` is told apart before typer is imported: the daemon that runs for months carries no command-line library.
"""

import sys
from pathlib import Path

SETTINGS = Path("/etc/sightpost/gateway.toml")
BAD_SETTINGS = 2


def main() -> None:
    """The entry point of the console script."""
    config = _plain_run(sys.argv[1:])
    if config is not None:
        sys.exit(run(config))
    from gateway.commands import app

    app(prog_name="sightpost")


def run(config: Path) -> int:
    """Be the gateway until told to stop. Every problem of the settings is printed at once."""
    from gateway.problems import read

    reading = read(config)
    for line in (*reading.warnings, *reading.problems):
        print(line, file=sys.stderr)
    from gateway.app import start, start_page_of_problems

    if reading.settings is None:
        start_page_of_problems(config, reading)
        return BAD_SETTINGS
    return start(reading.settings, config.absolute())


def _plain_run(words: list[str]) -> Path | None:
    """Return the settings file of `run [-c FILE]`; None for everything that wants a real parser (help, mistakes, others)."""
    match words:
        case ["run"]:
            return SETTINGS
        case ["run", "-c" | "--config", file]:
            return Path(file)
        case ["run", option] if option.startswith("--config="):
            return Path(option.removeprefix("--config="))
        case _:
            return None
