"""What uvicorn runs."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry.settings")
django_application = get_asgi_application()

from registry.body_limits import limited  # noqa: E402 - needs Django's settings

application = limited(django_application)
