"""The registry's pages under uvicorn in a thread, on the test database, with people logged in."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module

import uvicorn
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import connections
from django.utils import timezone
from playwright.sync_api import Page

from registry.access.models import User
from registry.serve import Server, bind
from registry.tracking.models import IngestWorker
from tests.acceptance.conftest import DESK, OpenPage
from tests.registry_world import make_user

Picture = Callable[[Page, str], None]


@dataclass
class Site:
    port: int
    session: str
    _open_page: OpenPage

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def open(
        self, path: str, *, width: int = DESK, theme: str = "light", javascript: bool = True, expected: str = "(?!)"
    ) -> Page:
        """Open a page as Anna, who is logged in."""
        page = self._open_page(f"{self.url}/login/", width=width, theme=theme, javascript=javascript, expected_errors=expected)
        page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": self.session, "url": self.url}])
        page.goto(self.url + path)
        return page


def pick(page: Page, label: str, text: str) -> None:
    """Type into a field that picks one of thousands, and take the first that it offers; without scripts the text counts."""
    field = page.get_by_label(label, exact=True).and_(page.locator("input"))
    field.fill(text)
    if field.get_attribute("role") == "combobox":
        page.locator(".picks [role=option]").first.click()


@contextmanager
def serving(open_page: OpenPage) -> Iterator[Site]:
    """Serve until left; whoever is connected then is cut off."""
    from registry.asgi import application

    listening = bind("127.0.0.1", 0)
    config = uvicorn.Config(application, lifespan="off", log_config=None, ws="none", http="h11", timeout_graceful_shutdown=1)
    server = Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])), name="registry-pages")
    user = User.objects.filter(username="anna").first() or make_user("anna")
    with listening:
        thread.start()
        try:
            yield Site(listening.getsockname()[1], _session(user), open_page)
        finally:
            server.should_exit = True
            thread.join(10)
            connections.close_all()


def beat() -> None:
    """Ingest is alive, as far as the pages can tell."""
    now = timezone.now()
    values = {
        "pid": 1,
        "started_at": now,
        "heartbeat_at": now,
        "connected": True,
        "counters": {"events": 12, "refused_bad_mac": 1},
    }
    IngestWorker.objects.update_or_create(worker="1", defaults=values)


def _session(user: User) -> str:
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    key: str = session.session_key
    return key
