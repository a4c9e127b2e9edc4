"""Tells `check` about labels."""

from django.apps import AppConfig
from django.core import checks


class LabelsConfig(AppConfig):
    name = "registry.labels"

    def ready(self) -> None:
        from registry.labels.checking import findings

        checks.register(findings)
