"""SFTP and SSH on pages: keys and access in the portal and in the console, on a node that lets them in or not."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.choices import MemberAccess
from hosting.models import HostingService, SshKey
from hosting.services.ssh import add_ssh_key
from tests import people
from tests.factories import make_plan
from tests.ssh_keys import ed25519_pair
from tests.unit.services.world import World
from tests.web.pages import words
from tests.web.portal import signed_in

pytestmark = pytest.mark.django_db
LAPTOP = ed25519_pair("kim@laptop")
MARKUP = "<script>alert(1)</script>"


@pytest.fixture
def service(world: World) -> HostingService:
    """A service whose plan has a shell."""
    return world.host("example.com", username="alice", plan=make_plan(ssh="shell"))


@pytest.fixture
def person(customer_interface: None, service: HostingService) -> Client:
    return signed_in(people.member(service.customer))


@pytest.fixture
def console(service: HostingService) -> Client:
    return signed_in(people.admin())


def test_a_customer_adds_a_key_signs_in_and_removes_it(world: World, service: HostingService, person: Client) -> None:
    page = person.get(reverse("portal:ssh", args=(service.pk,)))
    assert "No keys yet." in words(page) and "sftp alice@192.0.2.1" in words(page) and "SHA256:" in words(page)
    form = {"key": f"{LAPTOP.public}\r\n", "name": MARKUP, "approval": "at_once"}
    assert person.post(reverse("portal:ssh_key_add", args=(service.pk,)), form).status_code == 302
    world.work()
    assert world.server.ssh.admits("alice", LAPTOP.blob) == "sftp"
    key = SshKey.objects.get()
    page = person.get(reverse("portal:ssh", args=(service.pk,)))
    assert key.fingerprint in words(page) and MARKUP not in page.content.decode()
    person.post(reverse("portal:ssh_access", args=(service.pk,)), {"mode": "shell", "approval": "at_once"})
    world.work()
    assert world.server.ssh.admits("alice", LAPTOP.blob) == "shell"
    assert "ssh alice@192.0.2.1" in words(person.get(reverse("portal:ssh", args=(service.pk,))))
    planned = person.post(reverse("portal:ssh_key_remove", args=(key.pk,)), {"approval": "plan"})
    world.work()
    assert "Closes SFTP and SSH: there is no key left." in words(person.get(planned.headers["Location"]))
    assert world.server.ssh.admits("alice", LAPTOP.blob) == "shell"


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (LAPTOP.private, "This is a private key."),
        (f'command="id" {LAPTOP.public}', "Options of keys are not offered."),
        ("hello", "This is no public key that is known here."),
        ("", "This field is required."),
    ],
)
def test_what_is_no_key_is_refused_at_the_field(service: HostingService, person: Client, key: str, said: str) -> None:
    page = person.post(reverse("portal:ssh_key_add", args=(service.pk,)), {"key": key, "approval": "at_once"})
    assert page.status_code == 200 and said in str(page.context["form"].errors["key"])
    assert not SshKey.objects.exists()


def test_a_viewer_looks_and_changes_nothing(world: World, customer_interface: None, service: HostingService) -> None:
    world.run(add_ssh_key(actor=world.actor, service=service, key=LAPTOP.public))
    client = signed_in(people.member(service.customer, MemberAccess.VIEWER))
    page = client.get(reverse("portal:ssh", args=(service.pk,)))
    assert page.status_code == 200 and reverse("portal:ssh_key_add", args=(service.pk,)) not in page.content.decode()
    key = SshKey.objects.get()
    for name, pk in (("ssh_key_add", service.pk), ("ssh_access", service.pk), ("ssh_key_remove", key.pk)):
        for method in (client.get, client.post):
            assert method(reverse(f"portal:{name}", args=(pk,))).status_code == 403
    assert SshKey.objects.count() == 1


def test_a_plan_without_it_says_so(customer_interface: None, world: World) -> None:
    service = world.host("example.net", username="bare", plan=make_plan(ssh="none"))
    client = signed_in(people.member(service.customer))
    page = client.get(reverse("portal:ssh", args=(service.pk,)))
    assert "Your plan comes without SFTP and SSH." in words(page) and "How to sign in" not in words(page)
    form = {"key": LAPTOP.public, "approval": "at_once"}
    answer = client.post(reverse("portal:ssh_key_add", args=(service.pk,)), form)
    assert "Ask for another plan." in str(answer.context["form"].errors) and not SshKey.objects.exists()


def test_an_operator_adds_changes_and_removes(world: World, service: HostingService, console: Client) -> None:
    base = reverse("admin:hosting_hostingservice_change", args=(service.pk,)).removesuffix("change/")
    assert "No SSH keys." in words(console.get(f"{base}change/"))
    console.post(f"{base}add-ssh-key/", {"key": LAPTOP.public, "name": MARKUP, "approval": "at_once"})
    world.work()
    assert world.server.ssh.admits("alice", LAPTOP.blob) == "sftp"
    key = SshKey.objects.get()
    page = console.get(f"{base}change/")
    assert key.fingerprint in words(page) and MARKUP not in page.content.decode()
    console.post(f"{base}ssh/", {"mode": "none", "approval": "at_once"})
    world.work()
    assert world.server.ssh.admits("alice", LAPTOP.blob) == ""
    own = reverse("admin:hosting_sshkey_change", args=(key.pk,))
    assert key.fingerprint in words(console.get(own))
    assert own in console.get(reverse("admin:hosting_sshkey_changelist")).content.decode()
    console.post(own.removesuffix("change/") + "remove/", {"approval": "at_once"})
    world.work()
    assert not SshKey.objects.exists() and not world.server.exists("/etc/npanel/ssh/keys/alice")
