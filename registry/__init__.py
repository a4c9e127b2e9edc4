"""The central asset registry: a Django project."""
