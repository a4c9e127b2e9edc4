"""The pages of labels and the links on them: what is offered, what comes back, and who learns nothing. And the same over REST."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from registry.assets.models import Asset, Identifier
from registry.assets.services import add_identifier, register_asset
from registry.assets.trees import create_location
from registry.labels.assigning import assign_keys
from registry.labels.choices import Scheme
from tests import labels_printed
from tests.integration.registry.test_labels import company
from tests.registry_world import ROOT, make_user

pytestmark = pytest.mark.django_db
JSON = "application/json"


@pytest.fixture(autouse=True)
def _own_company() -> Iterator[None]:
    with company():
        yield


def logged_in(role: str = "operator", **more: Any) -> Client:
    client = Client()
    client.force_login(make_user("otto", role, **more))
    return client


def pump(**more: Any) -> Asset:
    return register_asset(by=ROOT, name="Pump 7", **more)


def chosen(*assets: Asset, **more: Any) -> dict[str, Any]:
    """What the form sends."""
    values = {"stock": "roll-57x32", "code": "datamatrix-number", "company": "on", "scheme": "giai", "dpi": "203", "start": "1"}
    return {"assets": ",".join(str(one.pk) for one in assets)} | values | more


# ---- choosing ------------------------------------------------------------------------------------------------------------------


def test_the_page_shows_the_label_as_it_will_be() -> None:
    one = pump()
    page = logged_in().get("/labels/", {"assets": str(one.pk)}).content.decode()
    assert "Label of Pump 7" in page
    assert "<svg" in page
    assert "Avery L7160" in page
    assert "QR code with the web link" in page
    for gone in ("style=", "onclick", "<script>"):
        assert gone not in page


def test_without_assets_the_page_says_where_to_choose_them() -> None:
    page = logged_in().get("/labels/").content.decode()
    assert "No assets are chosen" in page
    assert 'href="/assets/"' in page


@pytest.mark.parametrize("given", ["x", "00000000-0000-7000-8000-000000000000", "1,2,3", ","])
def test_ids_of_nothing_are_no_error_page(given: str) -> None:
    answer = logged_in().get("/labels/", {"assets": given})
    assert answer.status_code == 200
    assert "label-preview" not in answer.content.decode()


def test_many_come_by_post_as_the_list_sends_them() -> None:
    some = [register_asset(by=ROOT, name=f"Pump {n}") for n in range(30)]
    page = logged_in().post("/labels/", {"asset": [str(one.pk) for one in some]}).content.decode()
    assert "Labels of 30 assets" in page
    assert "30 labels on 2 sheets of Avery L7160" in page


def test_a_change_answers_with_the_preview_alone() -> None:
    one = pump()
    answer = logged_in().post("/labels/", chosen(one, code="code128-number"), headers={"HX-Request": "true"})
    part = answer.content.decode()
    assert part.lstrip().startswith('<div id="preview"')
    assert "<form" not in part
    wrong = logged_in_again().post("/labels/", chosen(one, start="0"), headers={"HX-Request": "true"}).content.decode()
    assert "Correct what is marked" in wrong


def logged_in_again() -> Client:
    client = Client()
    client.force_login(make_user("otto2", "operator"))
    return client


def test_a_viewer_is_not_offered_to_give_codes() -> None:
    one = pump()
    assert "Assets without such a code" not in logged_in("viewer").get("/labels/", {"assets": str(one.pk)}).content.decode()
    viewer = Client()
    viewer.force_login(make_user("vera", "viewer"))
    answer = viewer.post("/labels/print/", chosen(one, assign="on", output="pdf"))
    assert answer.status_code == 200, "the tick of somebody who may not is no tick"
    assert not Identifier.objects.exists()


def test_without_prefix_and_address_what_needs_them_is_not_offered_but_explained() -> None:
    one = pump()
    with company(gs1_prefix=None, digital_link=None, name=""):
        page = logged_in().get("/labels/", {"assets": str(one.pk)}).content.decode()
    assert "with the web link" not in page
    assert "Our name on top" not in page
    assert "name your company prefix" in page


# ---- getting the file ----------------------------------------------------------------------------------------------------------


def test_a_pdf_comes_as_a_file_and_its_code_leads_to_the_asset() -> None:
    one = pump()
    client = logged_in()
    answer = client.post("/labels/print/", chosen(one, code="qr-link", assign="on", output="pdf"))
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"].startswith('attachment; filename="labels-')
    assert answer["Cache-Control"] == "private, no-cache"
    [page] = labels_printed.pages(answer.content)
    [read] = labels_printed.read(page)
    link = read.payload.decode()
    assert link == "https://id.example.com/8004/40123451"
    assert client.get(link.removeprefix("https://id.example.com"))["Location"] == f"/assets/{one.pk}/"


def test_zpl_comes_as_a_file() -> None:
    answer = logged_in().post("/labels/print/", chosen(pump(), code="datamatrix-gs1", assign="on", tags="on", output="zpl"))
    assert answer["Content-Type"] == "application/vnd.zpl"
    assert answer.content.startswith(b"^XA")
    assert b"^RFW,H" in answer.content


def test_frames_to_align_a_printer_with_change_nothing() -> None:
    answer = logged_in().post("/labels/print/", chosen(pump(), stock="avery-l7160", assign="on", output="frames", right="0.5"))
    assert answer["Content-Disposition"].startswith('attachment; filename="frames-')
    assert "right 0.5, down 0 mm" in labels_printed.texts(answer.content)[0]
    assert not Identifier.objects.exists()


def test_what_was_chosen_last_is_chosen_again() -> None:
    one, client = pump(), logged_in()
    client.post("/labels/print/", chosen(one, stock="tape-18", right="0.5", start="1", output="pdf"))
    page = client.get("/labels/", {"assets": str(one.pk)}).content.decode()
    assert '<option value="tape-18" selected>' in page
    assert 'value="0.5"' in page


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"stock": "avery-l7160", "output": "zpl"}, "is a sheet; a label printer needs a roll or a tape"),
        ({"stock": "avery-l4731", "code": "code128-number"}, "Avery L4731 has 25.4 x 10 mm"),
        ({"code": "datamatrix-gs1"}, "has no GS1 key"),
        ({"start": "2"}, "one label a page"),
        ({"right": "11"}, "less than or equal to 10"),
        ({"stock": "nope"}, "not one of the available choices"),
        ({"assets": "nope"}, "choose them in the list again"),
        ({"code": "datamatrix-gs1", "assign": "on", "scheme": "grai", "asset_type": "100000"}, "asset types 0 to 99999"),
    ],
)
def test_what_is_wrong_comes_back_filled_in_with_the_reason(wrong: dict[str, str], said: str) -> None:
    answer = logged_in().post("/labels/print/", chosen(pump()) | {"output": "pdf"} | wrong)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert said in page
    assert 'name="stock"' in page
    assert not Identifier.objects.exists()


# ---- the links on labels -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["8004:4012345A/b?%c", "8003:040123450001221", "01+21:80614141123458|6/21/789", "8004:40123451"])
def test_a_digital_link_opens_the_asset_it_names(code: str) -> None:
    one = pump()
    add_identifier(by=ROOT, asset=one, text=code)
    kind, _, value = code.partition(":")
    path = {"01+21": "/01/" + "/21/".join(quote(part, safe="") for part in value.split("|"))}.get(
        kind, f"/{kind}/{quote(value, safe='')}"
    )
    answer = logged_in().get(path)
    assert (answer.status_code, answer["Location"]) == (302, f"/assets/{one.pk}/")


def test_a_link_asks_to_log_in_first_and_comes_back() -> None:
    answer = Client().get("/8004/40123451")
    assert (answer.status_code, answer["Location"]) == (302, "/login/?next=/8004/40123451")


def test_a_link_says_the_same_of_an_asset_out_of_sight_and_of_none() -> None:
    here, there = create_location(by=ROOT, name="Here", kind="site"), create_location(by=ROOT, name="There", kind="site")
    hidden = register_asset(by=ROOT, name="SECRET", home_location=there)
    [code] = assign_keys(by=ROOT, asset_ids=[hidden.pk], scheme=Scheme.GIAI)
    client = logged_in(place=here)
    answers = [client.get(f"/8004/{value}") for value in (code.key.removeprefix("8004:"), "40123459999")]
    assert [answer.status_code for answer in answers] == [302, 302]
    assert [answer["Location"] for answer in answers] == ["/find/?q=%288004%2940123451", "/find/?q=%288004%2940123459999"]
    pages = [client.get(answer["Location"], follow=True).content.decode() for answer in answers]
    assert "SECRET" not in pages[0]
    assert re.sub(r"40123459999|40123451", "…", shown(pages[0])) == re.sub(r"40123459999|40123451", "…", shown(pages[1]))


@pytest.mark.parametrize("path", ["/8004/", "/8003/12", "/01/80614141123458", "/8004/" + "9" * 31, "/8003/0401234500012\u00e9"])
def test_a_link_that_is_none_is_looked_for_or_not_found(path: str) -> None:
    assert logged_in().get(path).status_code in (302, 404)


def shown(page: str) -> str:
    """The page without its token and the blanks that groups digits."""
    return re.sub(r'X-CSRFToken": "\w+|value="\w{64}"|(?<=\d) (?=\d)', "", page)


# ---- REST ----------------------------------------------------------------------------------------------------------------------


def ask(client: Client, body: dict[str, Any]) -> Any:
    return client.post("/api/v1/labels", json.dumps(body), JSON)


def test_rest_prints_what_pages_print() -> None:
    one, client = pump(), logged_in()
    answer = ask(client, {"assets": [str(one.pk)], "symbol": "datamatrix", "carries": "gs1", "assign": True, "stock": "tape-18"})
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    [page] = labels_printed.pages(answer.content)
    assert labels_printed.read(page)[0].payload == b"800440123451"
    zpl = ask(client, {"assets": [str(one.pk)], "format": "zpl", "stock": "tape-18", "tags": True, "dpi": 300})
    assert (zpl["Content-Type"], zpl.content[:3]) == ("application/vnd.zpl", b"^XA")


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"assets": []}, 422, "/assets"),
        ({"stock": "nope"}, 422, "/stock"),
        ({"start": 0}, 422, "/start"),
        ({"right_mm": 11}, 422, "/right_mm"),
        ({"carries": "gs1"}, 422, "/carries"),
        ({"carries": "number", "tags": True}, 422, "/tags"),
        ({"colour": "red"}, 422, "/colour"),
        ({"assets": ["00000000-0000-7000-8000-000000000000"]}, 404, None),
    ],
)
def test_rest_refuses_in_words(body: dict[str, Any], status: int, pointer: str | None) -> None:
    answer = ask(logged_in(), {"assets": [str(pump().pk)]} | body)
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    if pointer is not None:
        assert pointer in answer.content.decode()


def test_rest_prints_for_a_viewer_and_gives_codes_only_for_who_may() -> None:
    one, viewer = pump(), logged_in("viewer")
    assert ask(viewer, {"assets": [str(one.pk)]}).status_code == 200
    assert ask(viewer, {"assets": [str(one.pk)], "assign": True}).status_code == 403
    assert not Identifier.objects.exists()
