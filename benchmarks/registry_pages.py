"""How long pages and lists of a large registry take: 100,000 assets, 300,000 codes, 5,000,000 events, on SQLite and PostgreSQL.

    python -m benchmarks.registry_pages [--database both] [--folder DIR] [--loads 20] [--only TEXT]

The data is large_site.py's; with --folder the SQLite file there is made once and used again. Each page is asked for by an
administrator and by a role that sees one of the 20 sites: once to warm up, then the median of `loads`, from the request to the
last byte (of exports: to the first), through all of Django but the socket. Goal: 200 ms each.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests import postgresql

GOAL_MS = 200.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=["both", "sqlite", "postgresql"], default="both")
    parser.add_argument("--assets", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--loads", type=int, default=20)
    parser.add_argument("--folder", default="")
    parser.add_argument("--only", default="", help="pages whose name holds this")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # one database, in this process
    arguments = parser.parse_args()
    if arguments.here:
        print(json.dumps(run(arguments)))
        return
    figures = {}
    for database in ("sqlite", "postgresql"):
        if arguments.database in (database, "both"):
            figures[database] = _on(database, arguments)
    print(f"machine: load of the last minute {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print(_table(figures))


def _on(database: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure in a process of its own: Django knows one database."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    command = [sys.executable, "-m", "benchmarks.registry_pages", "--here"]
    command += [f"--{name}={getattr(arguments, name)}" for name in ("assets", "events", "loads", "only")]
    server: postgresql.Server | None = None
    with tempfile.TemporaryDirectory(prefix="sightpost-bench-") as made:
        environment["SIGHTPOST_REGISTRY_DATA_DIR"] = arguments.folder if arguments.folder and database == "sqlite" else made
        if database == "postgresql":
            if "DATABASE_URL" in os.environ:
                environment["DATABASE_URL"] = os.environ["DATABASE_URL"]
            else:
                server = postgresql.Server()
                server.start()
                environment["DATABASE_URL"] = server.url
        try:
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        finally:
            if server is not None:
                server.stop()
    return dict(json.loads(done.stdout.splitlines()[-1]))


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry.settings")
    import django

    django.setup()
    from django.conf import settings

    from benchmarks import large_site, large_work
    from registry import migrating
    from registry.assets.models import Asset
    from registry.custody.models import Custody

    settings.ALLOWED_HOSTS = ["*"]
    Path(settings.DATA_DIR).mkdir(parents=True, exist_ok=True)
    migrating.run(settings.CONFIGURATION)
    began = time.monotonic()
    if not Asset.objects.exists():
        large_site.build(arguments.assets, arguments.events)
    if not Custody.objects.exists():
        large_work.build()
        _vacuum()
    built_s = time.monotonic() - began
    figures: dict[str, Any] = {}
    for who, client in _people().items():
        for name, path in (addresses() | large_work.addresses()).items():
            if arguments.only in name:
                figures.setdefault(name, {})[who] = _measured(client, path, arguments.loads)
    return {"built_s": round(built_s), "pages": figures}


def _vacuum() -> None:
    """As PostgreSQL does by itself a minute after so much was written; until then no index alone answers anything."""
    from django.db import connection

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM (ANALYZE)")


def addresses() -> dict[str, str]:
    """What is asked for, by name. One site is `Site 03`; its people see asset 3, 23, ..."""
    from benchmarks.large_site import key_of
    from registry.assets.models import Asset, Category, Location

    asset = Asset.objects.get(asset_no="A-000003")
    room, site = asset.home_location, Location.objects.get(code="S03")
    category = Category.objects.filter(depth=1)[1]
    assert room is not None
    return {
        "overview": "/",
        "list": "/assets/",
        "list, last page by name": "/assets/?sort=-name",
        "list by last seen": "/assets/?sort=-seen",
        "list by number": "/assets/?sort=number",
        "list by cost": "/assets/?sort=-purchase_cost",
        "list by own field": "/assets/?sort=custom.rating&columns=name,asset_no,custom.rating",
        "list by place": "/assets/?sort=place",
        "list by code": "/assets/?sort=identifiers",
        "list, in the middle": f"/assets/?cursor={_middle()}",
        "search part of a name": "/assets/?q=forklift",
        "search rare part of a name": "/assets/?q=0421",
        "search two words": "/assets/?q=acme+pump",
        "search three words": "/assets/?q=acme+pump+0421",
        "search one letter": "/assets/?q=a",
        "search code": f"/assets/?q={key_of(3).partition(':')[2]}",
        "search end of a code": "/assets/?q=INV-000003",
        "search number": "/assets/?q=A-000003",
        "search own field": "/assets/?q=inspector+003",
        "search nothing": "/assets/?q=zzzzqq",
        "facet site": f"/assets/?place={site.pk}",
        "facet room and status": f"/assets/?place={room.pk}&status=in_use",
        "facet category": f"/assets/?category={category.pk}",
        "facet warranty": "/assets/?warranty=90",
        "facet free now": "/assets/?custody=free",
        "facet own field from": "/assets/?custom.rating.from=990",
        "facet models, opened": "/assets/facet/model/",
        "twelve columns": "/assets/?columns=name,asset_no,serial_no,model,supplier,cost_center,purchase_cost,warranty_until,"
        "custodian,tags,identifiers,custom.inspector",
        "find by code": f"/find/?q={key_of(3)}",
        "find by number": "/find/?q=A-000003",
        "palette": "/palette/?q=laptop",
        "asset": f"/assets/{asset.pk}/",
        "places": "/places/",
        "place, room": f"/places/{room.pk}/",
        "place, site": f"/places/{site.pk}/",
        "live": "/live/",
        "export CSV, first byte": "/assets/export.csv",
        "export XLSX, first byte": "/assets/export.xlsx",
        "API assets": "/api/v1/assets",
        "API assets, search": "/api/v1/assets?q=forklift",
        "API asset": f"/api/v1/assets/{asset.pk}",
        "API resolve": f"/api/v1/resolve?code={key_of(3)}",
        "API places": "/api/v1/locations",
        "API what is there": f"/api/v1/locations/{room.pk}/assets",
        "API positions": "/api/v1/positions",
        "API events": "/api/v1/events",
    }


def _middle() -> str:
    """Where the page after half of all assets begins, by name."""
    from registry import paging
    from registry.assets import finding
    from registry.assets.models import Asset

    order = finding.ORDERS["name"]
    row = order.keyed(Asset.objects.only("pk")).order_by("sort_key", "pk")[Asset.objects.count() // 2]
    return paging._pack(order, row, backward=False)


def _people() -> dict[str, Any]:
    from django.test import Client

    from registry.access.models import RoleBinding, User
    from registry.assets.models import Location

    found: dict[str, Any] = {}
    for name, role, place in (("administrator", "administrator", None), ("one site", "manager", "S03")):
        user, _ = User.objects.get_or_create(username=name.replace(" ", "-"))
        where = Location.objects.get(code=place) if place else None
        RoleBinding.objects.get_or_create(user=user, role=role, location=where, category=None)
        client = Client()
        client.force_login(user, backend=_backend())
        found[name] = client
    return found


def _backend() -> str:
    from django.conf import settings

    return str(settings.AUTHENTICATION_BACKENDS[0])


def _measured(client: Any, path: str, loads: int) -> dict[str, Any]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    _load(client, path)
    with CaptureQueriesContext(connection) as captured:
        status = _load(client, path)
    asked = captured.captured_queries  # now: the next request empties what it is read from
    taken = [_timed(lambda: _load(client, path)) for _ in range(loads)]
    slowest = max(asked, key=lambda q: float(q["time"]), default={"sql": "", "time": "0"})
    return {
        "ms": round(statistics.median(taken), 1),
        "least_ms": round(min(taken), 1),
        "most_ms": round(max(taken), 1),
        "queries": len(asked),
        "status": status,
        "slowest": f"{float(slowest['time']) * 1000:.0f} ms {slowest['sql'][:3000]}",
    }


def _load(client: Any, path: str) -> int:
    from asgiref.sync import async_to_sync

    response = client.get(path)
    if getattr(response, "streaming", False):

        async def first() -> None:
            async for _ in response.streaming_content:
                return

        async_to_sync(first)()
    else:
        assert response.content is not None
    return int(response.status_code)


def _timed(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return (time.perf_counter() - began) * 1000


def _table(figures: dict[str, Any]) -> str:
    """Markdown: a line for each page, a column for each database and person; what is above the goal stands out."""
    heads = [(database, who) for database in figures for who in ("administrator", "one site")]
    titles = " | ".join(f"{database}, {who}" for database, who in heads)
    lines = [f"| page: ms (queries) | {titles} |", "|---" * (len(heads) + 1) + "|"]
    names = list(next(iter(figures.values()))["pages"])
    for name in names:
        cells = []
        for database, who in heads:
            cells.append(_cell(figures[database]["pages"][name].get(who)))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    built = ", ".join(f"{one['built_s']} s ({database})" for database, one in figures.items())
    lines.append(f"\nbuilt in {built}")
    return "\n".join(lines)


def _cell(figure: dict[str, Any] | None) -> str:
    if figure is None:
        return ""
    bad = "" if figure["status"] in (200, 302) else f", status {figure['status']}"
    ms = f"**{figure['ms']:.0f}**" if figure["ms"] > GOAL_MS else f"{figure['ms']:.0f}"
    return f"{ms} ({figure['queries']}{bad})"


if __name__ == "__main__":
    main()
