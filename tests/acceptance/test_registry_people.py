"""People, roles, tokens, the second factor and the log in a real browser, as administrators and as those they let in."""

import re
import time
from collections.abc import Iterator

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.test import Client
from playwright.sync_api import Page, expect

from registry.access.models import Person, RoleBinding, User
from registry.assets.services import change_asset
from tests.acceptance.conftest import DESK, PHONE, OpenPage, fits
from tests.acceptance.registry_site import Picture, Site, pick, serving
from tests.registry_world import ROOT, World, actor, make_user, make_world

pytestmark = [pytest.mark.usefixtures("async_unsafe"), pytest.mark.django_db(transaction=True)]
OWN_PASSWORD = "four words of my own"


@pytest.fixture
def async_unsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright runs an event loop in our thread; Django would refuse to work beside it."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture
def world(transactional_db: None) -> World:
    world = make_world()
    Person.objects.create(name="Anna Berg", number="1001", department="Head office", user=make_user("anna"))
    return world


@pytest.fixture
def site(world: World, open_page: OpenPage) -> Iterator[Site]:
    with serving(open_page) as site:
        yield site


def log_in(page: Page, username: str, password: str) -> None:
    page.get_by_label("Name").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def code_now(secret: str, *, steps_ahead: int = 0) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps_ahead)))


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_a_person_is_added_let_in_and_sees_what_the_role_allows(
    site: Site, open_page: OpenPage, picture: Picture, width: int
) -> None:
    page = site.open("/people/", width=width, expected="422")
    page.get_by_role("link", name="New person").click()
    page.get_by_role("button", name="Add the person").click()
    expect(page.get_by_label("Name", exact=True)).to_have_attribute("aria-invalid", "true")
    picture(page, f"people-new-{width}")
    page.get_by_label("Name", exact=True).fill("Jan Novak")
    page.get_by_label("Staff number").fill("2002")
    page.get_by_label("Name to log in with").fill("jan")
    page.get_by_role("button", name="Add the person").click()
    one_time = page.locator("[data-copy]").first.get_attribute("data-copy")
    assert one_time is not None
    expect(page.get_by_text("may see nothing yet")).to_be_visible()
    page.get_by_label("Role", exact=True).select_option("operator")
    pick(page, "Place", "hall a")
    page.get_by_role("button", name="Give the role").click()
    expect(page.get_by_text("Operator at Hall A")).to_be_visible()
    expect(page.get_by_text(one_time)).to_have_count(0)
    picture(page, f"people-person-{width}")
    assert fits(page)
    page.goto(f"{site.url}/people/")
    expect(page.get_by_text("Operator at Hall A")).to_be_visible()
    picture(page, f"people-list-{width}")
    assert fits(page)

    jan = open_page(f"{site.url}/login/", width=width)
    log_in(jan, "jan", one_time)
    expect(jan).to_have_url(f"{site.url}/password/")
    picture(jan, f"people-password-{width}")
    jan.get_by_label("Password until now").fill(one_time)
    jan.locator("#id_new_password1").fill(OWN_PASSWORD)
    jan.locator("#id_new_password2").fill(OWN_PASSWORD)
    jan.locator("main form button").first.click()
    jan.goto(f"{site.url}/assets/")
    expect(jan.get_by_text("Ladder long")).to_be_visible()
    expect(jan.get_by_text("Drill", exact=True)).to_have_count(0)
    jan.goto(f"{site.url}/people/")
    expect(jan.get_by_text("Jan Novak")).to_be_visible()
    expect(jan.get_by_role("link", name="New person")).to_have_count(0)


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_a_token_is_made_used_and_revoked(site: Site, picture: Picture, width: int) -> None:
    page = site.open("/tokens/", width=width)
    picture(page, f"tokens-none-{width}")
    page.get_by_label("Name", exact=True).fill("shop-floor display")
    page.get_by_role("button", name="Make the token").click()
    text = page.locator("[data-copy]").first.get_attribute("data-copy")
    assert text is not None
    assert text.startswith("spt_")
    picture(page, f"tokens-made-{width}")
    assert fits(page)
    program = Client(headers={"Authorization": f"Bearer {text}"})
    assert program.get("/api/v1/assets").json()["items"]
    assert program.post("/api/v1/assets", {"name": "X"}, "application/json").status_code == 403, "it only reads"
    page.goto(f"{site.url}/tokens/")
    expect(page.get_by_text(text)).to_have_count(0)
    page.get_by_role("button", name="Revoke shop-floor display").click()
    expect(page.get_by_text("shop-floor display is revoked")).to_be_visible()
    picture(page, f"tokens-revoked-{width}")
    assert fits(page)
    assert program.get("/api/v1/assets").status_code == 401


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_a_second_factor_is_set_up_asked_for_and_replaced_by_a_recovery_code(
    site: Site, open_page: OpenPage, picture: Picture, width: int
) -> None:
    bert = make_user("bert", "viewer")
    bert.set_password(OWN_PASSWORD)
    bert.save()
    page = open_page(f"{site.url}/login/?next=/account/second-factor/", width=width, expected_errors="422")
    log_in(page, "bert", OWN_PASSWORD)
    expect(page.get_by_role("img")).not_to_have_count(0)
    secret = page.locator("[data-copy]").first.get_attribute("data-copy")
    assert secret is not None
    picture(page, f"factor-set-up-{width}")
    assert fits(page)
    page.locator("input[name=code]").fill("000000" if code_now(secret) != "000000" else "111111")
    page.locator("main form button").first.click()
    expect(page.get_by_text("not the code of this moment")).to_be_visible()
    page.locator("input[name=code]").fill(code_now(secret))
    page.locator("main form button").first.click()
    codes = re.findall(r"\b[0-9]{10}\b", page.locator("main").inner_text().replace(" ", "").replace("\xa0", ""))
    assert len(codes) == 10
    picture(page, f"factor-codes-{width}")
    assert fits(page)

    again = open_page(f"{site.url}/login/", width=width)
    log_in(again, "bert", OWN_PASSWORD)
    expect(again).to_have_url(f"{site.url}/login/second-factor/")
    picture(again, f"factor-ask-{width}")
    again.goto(f"{site.url}/assets/")
    expect(again).to_have_url(re.compile("/login/"))
    again.goto(f"{site.url}/login/second-factor/")
    again.locator("input[name=code]").fill(code_now(secret, steps_ahead=1))  # the code of the set-up is used up
    again.locator("main form button").first.click()
    expect(again).to_have_url(f"{site.url}/")

    lost = open_page(f"{site.url}/login/", width=width)
    log_in(lost, "bert", OWN_PASSWORD)
    lost.locator("input[name=code]").fill(codes[0])
    lost.locator("main form button").first.click()
    expect(lost).to_have_url(f"{site.url}/")


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_who_changed_what_stands_in_the_log(site: Site, world: World, picture: Picture, width: int) -> None:
    anna, pump = User.objects.get(username="anna"), world.assets["Pump 7"]
    changes = {"name": "Pump 7b", "home_location": world.places["Office"]}
    change_asset(by=actor(anna), asset_id=pump.pk, version=pump.version, changes=changes)
    page = site.open("/changes/", width=width)
    newest = page.locator("ol.timeline > li").first
    expect(newest).to_contain_text("by Anna Berg")
    expect(newest.locator("del").first).to_have_text("Store room")
    expect(newest.locator("ins").first).to_have_text("Office")
    assert fits(page)
    picture(page, f"changes-{width}")
    place = newest.get_by_role("link", name="Office")
    expect(place).to_have_attribute("title", str(world.places["Office"].pk))
    newest.get_by_role("link", name="all of that moment").click()
    expect(page.get_by_text("All that one request, import or run changed")).to_be_visible()
    expect(page.locator("ol.timeline > li")).to_have_count(1)
    page.get_by_role("link", name="Show all").click()
    page.get_by_label("What").select_option("category")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("ol.timeline > li").first).to_contain_text("Category")
    place_of = page.goto(f"{site.url}/changes/?kind=asset&object={pump.pk}")
    assert place_of is not None
    expect(page.locator("ol.timeline > li").first).to_contain_text("Pump 7b")


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_a_person_is_erased_only_by_their_name_and_leaves_a_pseudonym(site: Site, picture: Picture, width: int) -> None:
    user = make_user("leaver", "viewer")
    person = Person.objects.create(name="Lea Leaver", email="lea@example.org", user=user)
    page = site.open(f"/people/{person.pk}/", width=width, expected="422")
    page.get_by_text("Erase the person").click()
    page.get_by_label("Type “Lea Leaver” to confirm").fill("somebody else")
    page.get_by_role("button", name="Erase", exact=True).click()
    expect(page.get_by_text("Type the name as it stands above")).to_be_visible()
    picture(page, f"people-erase-{width}")
    assert fits(page)
    page.get_by_label("Type “Lea Leaver” to confirm").fill("Lea Leaver")
    page.get_by_role("button", name="Erase", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Erased person")
    picture(page, f"people-erased-{width}")
    expect(page.get_by_text("Lea Leaver")).to_have_count(0)
    assert not RoleBinding.objects.filter(user=user).exists()
    page.goto(f"{site.url}/changes/?kind=person")
    expect(page.locator("ol.timeline")).not_to_contain_text("Lea")


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_every_page_of_the_console_opens(site: Site, world: World, picture: Picture, width: int) -> None:
    from registry.console.site import site as console
    from registry.work.models import Outgoing, Run

    Run.objects.create(kind="bulk_edit", request_id=ROOT.request_id, total=7, done=3, state="failed", message="The disk was full")
    Outgoing.objects.create(
        sink="mail", topic="a@example.org", key="k", payload={}, dead=True, error="no such mailbox", next_at="2026-01-01T00:00Z"
    )
    world.gateway.say("events", b"garbage")
    page = site.open("/admin/", width=width)
    picture(page, f"console-{width}")
    names = [(model._meta.app_label, str(model._meta.model_name)) for model in console._registry]
    for path in ("/admin/retention/", *(f"/admin/{app}/{name}/" for app, name in names)):
        answer = page.goto(site.url + path)
        assert answer is not None
        assert answer.status == 200, path
        expect(page.locator("#main")).to_be_visible()
        picture(page, f"console-{path.strip('/').rpartition('/')[2]}-{width}")
    page.goto(f"{site.url}/admin/access/user/")
    page.get_by_role("link", name="anna").first.click()
    expect(page.get_by_text("Anna Berg").first).to_be_visible()
    picture(page, f"console-one-user-{width}")
    page.goto(f"{site.url}/admin/work/run/")
    page.locator("tbody input[type=checkbox]").first.check()
    page.locator("select[name=action]").first.select_option("resume")
    page.get_by_role("button", name=re.compile("^(Run|Go)")).first.click()
    expect(page.get_by_text("1 gone on with")).to_be_visible()
    picture(page, f"console-done-{width}")
    assert Run.objects.get().state == "waiting"
