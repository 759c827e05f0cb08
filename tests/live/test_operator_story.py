"""An operator's days and a customer's first hour, in a browser: the real panel, a real worker, a real server.

The chapters follow one another: each uses what the ones before it left.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser import chromium
from tests.lab.nodes import Lab
from tests.live.panel import NODE
from tests.live.story import ELSEWHERE, NAME, OPERATOR, SITE, Story, link_in, told, upload
from tests.live.test_neighbours import NGINX_SITES, name_server
from tests.unit.accounts.doors import code

__all__ = ["chromium"]

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.browser]
CROWD = 50
OWNER = "anna@bakery.test"
#: Fifty services, asked for in one process; the worker makes them.
MAKE_A_CROWD = f"""
from accounts.models import Customer
from audit.actor import Actor
from hosting.models import HostingPlan, Node
from hosting.services.customers import create_customer
from hosting.services.sites import create_service
actor = Actor.system("test")
customer = create_customer(actor=actor, name="A crowd")
node, plan = Node.objects.get(), HostingPlan.objects.get()
for number in range({CROWD}):
    name = f"crowd{{number:02}}"
    create_service(actor=actor, customer=customer, node=node, plan=plan, domain=f"{{name}}.test", username=name)
"""


@pytest.fixture(scope="module")
def story(lab: Lab, tmp_path_factory: pytest.TempPathFactory, chromium: Any) -> Iterator[Story]:
    """The panel, its node and the operator's browser for all chapters."""
    with told(lab, tmp_path_factory.mktemp("story"), chromium) as story:
        yield story


@pytest.fixture(autouse=True)
def nothing_to_complain_about(story: Story) -> Iterator[None]:
    """No chapter breaks the content security policy, or leaves an error on a browser's console."""
    yield
    assert story.complaints() == []


def test_signing_in_with_an_authenticator_app(story: Story) -> None:
    """Password, then an app is added; after signing out the password alone opens nothing."""
    page = sign_in(story)
    page.wait_for_url("**/admin/")
    story.view.open("/admin/account/").get_by_role("link", name="Add app").click()
    secret = page.locator("#totp-key").inner_text()
    page.get_by_label("Code").fill(code(secret))
    page.get_by_role("button", name="Add app").click()
    assert page.locator(".codes li").count() == 10
    story.view.open("/admin/account/").locator("details.menu summary").last.click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login/")
    sign_in(story).wait_for_url("**/second-factor/step/")
    page.get_by_label("Code").fill(code(secret, ahead=1))
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url("**/admin/")


def sign_in(story: Story) -> Any:
    """The first step."""
    page = story.view.open("/admin/account/login/")
    page.get_by_label("E-mail address").fill(OPERATOR)
    page.get_by_label("Password").fill(story.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    return page


def test_from_a_customer_to_a_served_page(story: Story) -> None:
    """A customer, a hosting service, its plan, the operation as it runs, and the page that visitors get."""
    page = story.view.open("/admin/accounts/customer/add/")
    page.get_by_label("Name").fill("Anna's bakery")
    page.get_by_role("button", name="Create customer").click()
    page.get_by_role("heading", name="Anna's bakery").wait_for()
    page = story.view.open("/admin/hosting/hostingservice/add/")
    page.get_by_label("Customer").fill("Anna's bakery")
    page.get_by_label("Plan", exact=True).select_option(index=1)
    page.get_by_label("Node").select_option(label=NODE)
    page.get_by_label("Main domain").fill(SITE)
    page.get_by_label("User name").fill(NAME)
    page.get_by_role("button", name="Plan the service").click()
    page.get_by_role("button", name="Apply this plan").wait_for()
    assert SITE in page.inner_text("main")
    assert story.panel.traces(NAME) == [], "a plan changes nothing"
    story.apply()
    assert "Tried as a user would" in page.inner_text("main")
    assert story.panel.visitor.get(SITE).status == 200
    expected = upload(story, SITE, NAME)
    assert story.panel.visitor.get(SITE, "/page.php").text == expected


def test_what_is_changed_by_hand_is_adopted_or_repaired(story: Story) -> None:
    """A vhost is edited, a record changed, a home opened; the record is kept, the others are put right."""
    add_record(story, "news", "192.0.2.10")
    panel = story.panel
    path = f"{NGINX_SITES}/{NAME}.{SITE}.conf"
    panel.node.write(path, panel.node.read(path) + "# quick fix\n")
    name_server("PATCH", f"/zones/{SITE}.", record_body(f"news.{SITE}.", "192.0.2.11"))(panel)
    panel.node.exec(["chmod", "0755", f"/home/{NAME}"], check=True)
    page = story.view.open("/admin/hosting/node/")
    page.get_by_role("link", name=NODE, exact=True).click()
    page.get_by_role("link", name="Scan now").click()
    page.get_by_role("button", name="Scan now").click()
    panel.wait(lambda: len(open_drift(story)) == 3, "three differences")

    page = story.view.open("/admin/hosting/driftitem/")
    page.get_by_role("link", name=re.compile(r"^DNS zone")).click()
    assert "192.0.2.11" in page.inner_text(".drift")
    page.get_by_role("button", name="Adopt what the node has").click()
    page.get_by_text("Adopted: from now on this is what is wanted.").wait_for()
    panel.ended(NAME)
    repaired = [kind for kind in open_drift(story) if repair(story, kind)]
    assert sorted(repaired) == ["system_user", "virtual_host"]
    assert panel.drift() == []
    assert panel.visitor.dig(f"news.{SITE}", "A") == ["192.0.2.11"]
    assert "192.0.2.11" in records_page(story).inner_text("main")
    assert "quick fix" not in panel.node.read(path)
    assert panel.visitor.get(SITE, "/page.php").text == f"page of {NAME}"


def add_record(story: Story, name: str, content: str) -> None:
    """An A record, by the console's form."""
    page = records_page(story)
    page.get_by_role("link", name="Add DNS record").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Content").fill(content)
    page.get_by_role("button", name="Plan").click()
    story.apply()
    assert story.panel.visitor.dig(f"{name}.{SITE}", "A") == [content]


def records_page(story: Story) -> Any:
    """The domain's page, from the service's."""
    page = story.open_service(NAME)
    page.get_by_role("link", name=SITE, exact=True).first.click()
    page.get_by_role("heading", name="DNS records").wait_for()
    return page


def record_body(name: str, content: str) -> str:
    """What PowerDNS' own API is sent to change an A record."""
    record = f'[{{"content": "{content}", "disabled": false}}]'
    rrset = f'"name": "{name}", "type": "A", "ttl": 3600, "changetype": "REPLACE", "records": {record}'
    return f'{{"rrsets": [{{{rrset}}}]}}'


def open_drift(story: Story) -> list[str]:
    """Kinds of the differences that are open."""
    rows = story.panel.rows("SELECT kind FROM hosting_driftitem WHERE state = 'open' ORDER BY kind")
    return [row["kind"] for row in rows]


def repair(story: Story, kind: str) -> bool:
    """Look at a difference, plan its repair and apply it."""
    (item,) = story.panel.rows("SELECT id FROM hosting_driftitem WHERE state = 'open' AND kind = %s", kind)
    page = story.view.open(f"/admin/hosting/driftitem/{item['id']}/change/")
    page.get_by_role("button", name="Repair the node").click()
    story.apply()
    return True


def test_an_operation_is_rolled_back(story: Story) -> None:
    """A second domain is added at once, and taken back from the operation's page."""
    page = story.open_service(NAME)
    page.get_by_role("link", name="Add domain").click()
    page.get_by_label("Domain").fill("cakes.test")
    page.get_by_role("button", name="Apply at once").click()
    story.see_the_end()
    assert story.panel.visitor.get("cakes.test").status == 200
    page.get_by_role("link", name="Roll back").click()
    page.get_by_label("Reason").fill("the wrong name")
    page.get_by_role("button", name="Plan the rollback").click()
    story.apply()
    assert story.panel.visitor.get("cakes.test").status != 200
    assert story.panel.visitor.dig("cakes.test", "A") == ["REFUSED"]
    assert story.panel.visitor.get(SITE, "/page.php").text == f"page of {NAME}"


def test_fifty_services_are_suspended_in_one_go(story: Story) -> None:
    """The live page follows fifty operations; each row has a result, and each site its suspended page."""
    panel = story.panel
    panel.manage("shell", "--no-imports", "--command", MAKE_A_CROWD, plain=True)
    made = "SELECT COUNT(*) AS n FROM hosting_operation WHERE kind = 'service_create' AND state = 'succeeded'"
    panel.wait(lambda: panel.rows(made)[0]["n"] == CROWD + 1, "fifty services")
    page = story.view.open("/admin/hosting/hostingservice/?q=crowd")
    page.get_by_label("Choose crowd00").check()
    page.get_by_label("All on this page").check()
    assert f"{CROWD} chosen" in page.inner_text(".bulk-bar")
    page.locator(".bulk-bar").get_by_role("button", name="Suspend").click()
    page.get_by_label("Reason").fill("unpaid")
    page.get_by_role("button", name=f"Suspend {CROWD} services").click()
    page.wait_for_url("**/admin/hosting/bulkrun/*/change/")
    page.locator("section").get_by_text(f"Of {CROWD}: {CROWD} succeeded.").wait_for(timeout=180_000)
    rows = page.locator("tbody tr")
    assert rows.count() == CROWD
    assert all("Succeeded" in text for text in rows.all_inner_texts())
    for number in (0, CROWD // 2, CROWD - 1):
        answer = panel.visitor.get(f"crowd{number:02}.test")
        assert (answer.status, "This site is suspended" in answer.text) == (503, True)
    assert panel.visitor.get(SITE, "/page.php").text == f"page of {NAME}", "a neighbour is served as before"


def test_a_service_is_deleted_restored_and_deleted_again(story: Story) -> None:
    """The name has to be typed; a wrong one changes nothing. What comes back is what was there."""
    page = prepare_deletion(story)
    page.get_by_label(f"Type {NAME} to confirm").fill("barkery")
    page.get_by_label("Reason").fill("contract ended")
    page.get_by_role("button", name=f"Delete service {NAME}").click()
    page.get_by_text(f"Type {NAME} to confirm. Nothing was changed.").wait_for()
    assert story.panel.visitor.get(SITE).status == 200
    story.confirm(NAME, "contract ended")
    assert story.panel.visitor.get(SITE).status != 200
    assert story.panel.traces(NAME) == []

    page = story.open_service(NAME)
    page.get_by_role("link", name="Restore service").click()
    page.get_by_role("button", name="Plan the restore").click()
    story.apply()
    assert story.panel.visitor.get(SITE, "/page.php").text == f"page of {NAME}"
    assert story.panel.visitor.dig(f"news.{SITE}", "A") == ["192.0.2.11"]

    prepare_deletion(story)
    story.confirm(NAME, "contract ended after all")
    assert story.panel.visitor.get(SITE).status != 200
    reasons = "SELECT reason FROM hosting_operation WHERE kind = 'service_delete' ORDER BY created_at"
    assert [row["reason"] for row in story.panel.rows(reasons)] == ["contract ended", "contract ended after all"]


def prepare_deletion(story: Story) -> Any:
    """From the menu to the page that describes what would happen."""
    page = story.act(NAME, "Delete service")
    page.get_by_role("button", name="Prepare the deletion").click()
    page.get_by_role("heading", name="What will happen").wait_for()
    return page


def test_everything_is_found_by_the_search(story: Story) -> None:
    """Customer, service, domain and operation by the first letters; a trace by its id leads to its timeline."""
    trace = story.panel.last(NAME)["trace_id"]
    wanted = {"crowd07": "crowd07.test", "customer:Anna": "Anna's bakery", "domain:crowd1": "crowd10.test",
              "op:bakery": "Delete service bakery", f"trace:{trace}": "Delete service bakery"}  # fmt: skip
    for text, expected in wanted.items():
        story.view.open("/admin/").keyboard.press("/")
        field = story.page.get_by_role("combobox", name="Search everything")
        field.wait_for()
        story.page.keyboard.type(text)
        story.page.get_by_role("option", name=re.compile(re.escape(expected))).first.wait_for()
    story.page.keyboard.press("Enter")
    story.page.wait_for_url("**/admin/timeline/*/")


# --- the customer ---------------------------------------------------------------------------------------------------


def test_a_customer_comes_in_by_a_letter(story: Story) -> None:
    """The owner is let in, asks for a password where the letter says, and signs in to the portal."""
    bring_the_service_back(story)
    page = people_of_the_bakery(story)
    page.get_by_role("link", name="Let somebody in").click()
    page.get_by_label("E-mail address").fill(OWNER)
    page.get_by_label("Access").select_option("owner")
    page.get_by_role("button", name="Let in").click()
    page.get_by_text("They may sign in now; a letter is on its way.").wait_for()
    view = story.window("customer")
    view.page.goto(link_in(story.letter(OWNER, lambda text: "Choose a password first" in text)))
    assert view.page.url.startswith(story.address("customer"))
    view.page.get_by_label("E-mail address").fill(OWNER)
    view.page.get_by_role("button", name="Send the letter").click()
    view.page.goto(link_in(story.letter(OWNER, lambda text: "reset/key" in text)))
    choose_password(view.page, "muffins at five o'clock")
    view.open("/portal/account/login/")
    view.page.get_by_label("E-mail address").fill(OWNER)
    view.page.get_by_label("Password").fill("muffins at five o'clock")
    view.page.get_by_role("button", name="Sign in", exact=True).click()
    view.page.wait_for_url("**/portal/")


def people_of_the_bakery(story: Story) -> Any:
    """The customer's page, where it says who may sign in."""
    page = story.view.open("/admin/accounts/customer/?q=Anna")
    page.get_by_role("link", name="Anna's bakery").click()
    page.get_by_role("navigation", name="Views").get_by_role("link", name="People").click()
    return page


def bring_the_service_back(story: Story) -> None:
    """The customer needs something to look at."""
    story.panel.manage("service_restore", NAME, "--yes")
    assert story.panel.visitor.get(SITE).status == 200


def choose_password(page: Any, password: str) -> None:
    """On the page that the letter leads to."""
    page.get_by_label("New password", exact=True).fill(password)
    page.get_by_label("New password once more").fill(password)
    page.get_by_role("button", name="Change password").click()
    page.wait_for_url("**/password/reset/done/")


def test_a_customers_first_hour(story: Story) -> None:
    """A domain that still points elsewhere, a record that is undone, and a database; all on the real server."""
    page = story.windows[-1].page
    page.get_by_role("link", name=re.compile("Begin.*Add your domain")).click()
    page.get_by_label("Domain", exact=True).fill("Muffins.test")
    page.get_by_role("button", name="Check the name").click()
    page.get_by_text(f"Your domain still points to {ELSEWHERE[('muffins.test', 'NS')][0]}").wait_for()
    page.get_by_role("button", name="See what is set up").click()
    apply_in_portal(page)
    assert story.panel.visitor.get("muffins.test").status == 200

    page.get_by_role("link", name="muffins.test").last.click()
    page.get_by_role("link", name="DNS records").click()
    page.get_by_role("link", name="Add record").click()
    page.get_by_label("Name", exact=True).fill("shop")
    page.get_by_label("IPv4 address").fill("192.0.2.33")
    page.get_by_role("button", name="See what changes").click()
    apply_in_portal(page)
    assert story.panel.visitor.dig("shop.muffins.test", "A") == ["192.0.2.33"]
    page.get_by_role("button", name="Undo").click()
    apply_in_portal(page)
    assert story.panel.visitor.dig("shop.muffins.test", "A") == ["NXDOMAIN"]

    story.windows[-1].open("/portal/databases/").get_by_role("link", name="Add database").first.click()
    page.get_by_label("Name", exact=True).fill("shop")
    page.get_by_role("button", name="Apply at once").click()
    page.get_by_text("Done.", exact=True).wait_for()
    shown = story.panel.node.exec(["mariadb", "-Ne", f"SHOW DATABASES LIKE '{NAME}%'"], check=True)
    assert shown.stdout.strip() == f"{NAME}_shop"


def apply_in_portal(page: Any) -> None:
    """Wait for the plan, apply it, wait for the end."""
    page.get_by_role("button", name="Apply", exact=True).click()
    page.get_by_text("Done.", exact=True).wait_for()


def test_the_operator_acts_as_the_customer(story: Story) -> None:
    """From the console to the portal and back; the bar says who acts as whom, and ends it."""
    page = people_of_the_bakery(story)
    page.get_by_role("link", name="Sign-in and sessions").click()
    page.get_by_role("link", name="Act as this person").click()
    page.get_by_label("Reason").fill("Ticket 4711")
    page.get_by_role("button", name="Act as").click()
    page.get_by_role("button", name="Open the portal").click()
    page.wait_for_url(re.compile(re.escape(story.address("customer")) + r"/portal/(?!account/impersonate/)"))
    bar = page.get_by_role("region", name="Impersonation")
    assert f"{OPERATOR} acts as {OWNER}" in bar.inner_text() and "Ticket 4711" in bar.inner_text()
    page.goto(f"{story.address('customer')}/portal/domains/")
    assert bar.is_visible() and "muffins.test" in page.inner_text("main")
    bar.get_by_role("button", name="Stop acting").click()
    page.get_by_role("heading", name="You are yourself again").wait_for()
    assert page.title() == "You are yourself again · NPanel"
    page.goto(f"{story.address('customer')}/portal/")
    page.wait_for_url("**/portal/account/login/**")
    assert "Anna's bakery" in story.view.open("/admin/accounts/customer/").inner_text("main"), "the console stays open"
