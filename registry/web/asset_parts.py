"""What people do on the page of one asset: files, parts and contents, links, another one like it, its end."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from registry.assets import containers, files, finding, record, serving
from registry.assets.media_types import PICTURES
from registry.assets.models import Asset, AssetLink, Attachment
from registry.page import acting, page, said
from registry.problems import Invalid, Problem

MOST_AT_ONCE = 20  # files of one upload


@page()
def file(request: HttpRequest, file_id: UUID) -> HttpResponse:
    return serving.whole(_file(request, file_id))


@page()
def small(request: HttpRequest, file_id: UUID) -> HttpResponse:
    found = _file(request, file_id)
    if found.file.media_type not in PICTURES:
        raise Http404
    return serving.small(found)


@page("POST")
def add_files(request: HttpRequest, asset_id: UUID) -> HttpResponse:
    """One or several; those that cannot be kept are named, the others are kept."""
    asset = _asset(request, asset_id)
    given = request.FILES.getlist("file")
    kept = 0
    for one in given[:MOST_AT_ONCE]:
        try:
            files.attach(by=acting(request), asset=asset, file=one, name=one.name or "")  # type: ignore[arg-type]  # reads as one
            kept += 1
        except Problem as problem:
            messages.error(request, f"{files.safe_name(one.name or '')}: {said(problem)}", "attention")
    if kept:
        messages.success(request, f"{kept} file{'s' if kept != 1 else ''} added.", "good")
    if not given:
        messages.error(request, "Choose a file first.", "attention")
    if len(given) > MOST_AT_ONCE:
        messages.error(request, f"{MOST_AT_ONCE} files at a time; add the others next.", "attention")
    return _back(asset, "files")


@page("POST")
def change_file(request: HttpRequest, file_id: UUID) -> HttpResponse:
    """`main`: it stands for the asset; `delete`."""
    found = _file(request, file_id)
    if found.asset is None:
        raise Http404
    try:
        if request.POST.get("do") == "delete":
            files.detach(by=acting(request), attachment=found)
            messages.success(request, f"{found.name} is deleted.", "good")
        else:
            files.set_main(by=acting(request), attachment=found)
    except Problem as problem:
        messages.error(request, said(problem), "attention")
    return _back(found.asset, "files")


@page("POST")
def put_into(request: HttpRequest, asset_id: UUID) -> HttpResponse:
    """Lay this asset into the one that `container` names, by number or any code; `asset` lays that one into this."""
    asset = _asset(request, asset_id)
    try:
        other = _named(request, request.POST.get("container") or request.POST.get("asset") or "")
        inner, outer = (asset, other) if request.POST.get("container") else (other, asset)
        containers.put_into(by=acting(request), asset=inner, container=outer, kind=request.POST.get("kind", ""))
        messages.success(request, f"{inner.name} lies in {outer.name} now.", "good")
    except Problem as problem:
        messages.error(request, said(problem), "attention")
    return _back(asset, "parts")


@page("POST")
def take_out(request: HttpRequest, asset_id: UUID) -> HttpResponse:
    asset = _asset(request, asset_id)
    try:
        containers.take_out(by=acting(request), asset=asset)
        messages.success(request, f"{asset.name} is out.", "good")
    except Problem as problem:
        messages.error(request, said(problem), "attention")
    back = _uuid(request.POST.get("back"))
    seen = Asset.objects.visible_to(acting(request)).filter(pk=back).first() if back is not None else None
    return _back(seen or asset, "parts")


@page("POST")
def add_link(request: HttpRequest, asset_id: UUID) -> HttpResponse:
    asset = _asset(request, asset_id)
    try:
        other = _named(request, request.POST.get("to", ""))
        record.add_link(by=acting(request), asset=asset, other=other, kind=request.POST.get("type", ""))
    except Problem as problem:
        messages.error(request, said(problem), "attention")
    return _back(asset, "parts")


@page("POST")
def remove_link(request: HttpRequest, link_id: UUID) -> HttpResponse:
    seen = Asset.objects.visible_to(acting(request))
    found = AssetLink.objects.filter(from_asset__in=seen, to_asset__in=seen).select_related("from_asset")
    link = get_object_or_404(found, pk=link_id)
    try:
        record.remove_link(by=acting(request), link=link)
    except Problem as problem:
        messages.error(request, said(problem), "attention")
    return _back(link.from_asset, "parts")


@page("POST")
def duplicate(request: HttpRequest, asset_id: UUID) -> HttpResponse:
    asset = _asset(request, asset_id)
    try:
        made = record.duplicate_asset(by=acting(request), asset=asset)
    except Problem as problem:
        messages.error(request, said(problem), "attention")
        return _back(asset)
    messages.success(request, f"{made.asset_no} is like {asset.asset_no}. What is its own can be changed here.", "good")
    return redirect("asset-edit", made.pk)


@page("POST")
def dispose(request: HttpRequest, asset_id: UUID) -> HttpResponse:
    asset = _asset(request, asset_id)
    version = request.POST.get("version", "")
    try:
        seen = int(version) if version.isdecimal() and len(version) < 10 else asset.version
        record.dispose_asset(by=acting(request), asset=asset, version=seen)
        messages.success(request, f"{asset.name} is disposed of. Its history stays.", "good")
    except Problem as problem:
        messages.error(request, said(problem), "attention")
    return _back(asset)


def _asset(request: HttpRequest, asset_id: UUID) -> Asset:
    return get_object_or_404(Asset.objects.visible_to(acting(request)), pk=asset_id)


def _file(request: HttpRequest, file_id: UUID) -> Attachment:
    found = Attachment.objects.visible_to(acting(request)).select_related("file", "asset", "location")
    return get_object_or_404(found, pk=file_id)


def _named(request: HttpRequest, text: str) -> Asset:
    """The one asset that a person means by a number or any code. Raises Invalid."""
    text = text.strip()
    found = finding.by_code(Asset.objects.visible_to(acting(request)), text) if text and "\0" not in text else None
    rows: list[Any] = list(found[:2]) if found is not None else []
    if len(rows) != 1:
        raise Invalid(f"{text[:60]!r} is no asset that you may see; scan it, or type its number")
    asset: Asset = rows[0]
    return asset


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None


def _back(asset: Asset, part: str = "") -> HttpResponse:
    return redirect(reverse("asset", args=[asset.pk]) + (f"#{part}" if part else ""))
