"""Puts the triggers in after every migrate."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from registry import triggers


class TrackingConfig(AppConfig):
    name = "registry.tracking"

    def ready(self) -> None:
        post_migrate.connect(triggers.install, sender=self)
