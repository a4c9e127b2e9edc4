"""What every command stands under: the settings, Django, whoever gives it, and sentences for what can go wrong.

Django is imported inside the commands only, so that --help and a wrong settings file answer at once."""

import getpass
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from registry import configuration as settings_file
from registry import exits
from registry.configuration import CONFIG_VARIABLE, Configuration
from registry.misconfigured import Misconfigured

if TYPE_CHECKING:
    from registry.access.actors import Actor


@contextmanager
def ready(config: Path | None, *, prepare: bool = True) -> Iterator[Configuration]:
    """Everything a command needs of Django, under one roof with the sentences of what can go wrong."""
    with sentences():
        configuration = read(config)
        if config is not None:
            os.environ[CONFIG_VARIABLE] = str(absolute(config))
        os.environ["DJANGO_SETTINGS_MODULE"] = "registry.settings"
        if prepare:
            from registry.secret_files import prepare as make_folder

            make_folder(configuration.data_dir)
        import django

        django.setup()
        yield configuration


@contextmanager
def sentences() -> Iterator[None]:
    """What a person can do something about ends as a sentence on stderr; everything else keeps its traceback."""
    try:
        yield
    except Misconfigured as exc:
        _end(str(exc), exits.SETTINGS)
    except exits.CannotGoOn as exc:
        _end(str(exc), exits.PERSON)
    except Exception as exc:
        if (sentence := _in_words(exc)) is None:
            raise
        _end(sentence, exits.PERSON)


def operator() -> "Actor":
    """Whoever has this command line may everything; the log of changes says through what."""
    from registry.access.actors import system

    return system("cli", getpass.getuser())


def read(config: Path | None) -> Configuration:
    return settings_file.load(config)


def absolute(config: Path | None) -> Path | None:
    return config.absolute() if config is not None else None


def log_for_the_journal() -> None:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)


def _in_words(exc: Exception) -> str | None:
    from registry.problems import Problem
    from registry.secret_files import ReadableByOthers
    from sync.broker import BrokerMisconfigured

    if isinstance(exc, Problem | ReadableByOthers | BrokerMisconfigured):
        return str(exc)
    if isinstance(exc, OSError) and exc.filename is not None:
        return f"{exc.filename}: {exc.strerror}"
    if "django.db" in sys.modules:
        from django.db import DatabaseError, InterfaceError

        if isinstance(exc, DatabaseError | InterfaceError):
            reason = (str(exc).strip().splitlines() or ["no reason given"])[0]
            return f"The database cannot be used: {reason}. Is it there, and did `sightpost-registry migrate` run?"
    return None


def _end(sentence: str, status: int) -> None:
    print(sentence, file=sys.stderr, flush=True)
    raise typer.Exit(status)
