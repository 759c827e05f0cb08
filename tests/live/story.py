"""A whole panel with a browser in front: worker, both interfaces behind nginx, a real node, an operator's window."""

import contextlib
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.browser import Window
from tests.lab.fixtures import lent
from tests.lab.nodes import Lab
from tests.live.front import Doors, panel_behind, variables
from tests.live.panel import PAGE, Panel
from tests.unit.portal.name_server import name_server

OPERATOR = "olga@panel.test"
SITE, NAME = "bakery.test", "bakery"
#: Where the customer's second domain is delegated to, as the registries say.
ELSEWHERE = {("muffins.test", "NS"): ["ns1.other.test."], ("muffins.test", "A"): ["203.0.113.9"]}


@dataclass
class Story:
    """What the chapters share; each goes on where the one before it ended."""

    panel: Panel
    doors: Doors
    chromium: Any
    view: Window
    password: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    windows: list[Window] = field(default_factory=list)

    @property
    def page(self) -> Any:
        """The operator's page."""
        return self.view.page

    def address(self, interface: str) -> str:
        """Where people reach an interface."""
        return f"http://127.0.0.1:{self.doors.port(interface)}"

    def window(self, interface: str) -> Window:
        """Another person's browser."""
        context = self.chromium.new_context(viewport={"width": 1440, "height": 900})
        self.windows.append(Window(context, self.address(interface)))
        return self.windows[-1]

    def complaints(self) -> list[str]:
        """What the consoles of all windows have said since the last time: nothing, when all is well."""
        said = [text for window in self.windows for text in window.complaints]
        for window in self.windows:
            window.complaints.clear()
        return said

    def open_service(self, username: str) -> Any:
        """The console's page of a service, by the list."""
        page = self.view.open(f"/admin/hosting/hostingservice/?q={username}")
        page.get_by_role("link", name=username, exact=True).click()
        page.get_by_role("heading", name=username).first.wait_for()
        return page

    def act(self, username: str, action: str) -> Any:
        """Choose an action from a service's menu."""
        page = self.open_service(username)
        page.locator("details.menu summary", has_text="Actions").click()
        page.locator(".popup").get_by_role("link", name=action).click()
        return page

    def apply(self) -> None:
        """Wait for the plan on the operation's page, apply it, and see it end without a reload."""
        self.page.get_by_role("button", name="Apply this plan").click()
        self.see_the_end()

    def see_the_end(self) -> None:
        """The live page comes to the operation's end by itself."""
        self.page.locator(".page-title .badge", has_text="Succeeded").wait_for()

    def confirm(self, username: str, reason: str) -> None:
        """Confirm what the page describes: the name, as asked, and a reason."""
        page = self.page
        page.get_by_label(f"Type {username} to confirm").fill(username)
        page.get_by_label("Reason").fill(reason)
        page.get_by_role("button", name=f"Delete service {username}").click()
        self.see_the_end()

    def letter(self, to: str, about: Callable[[str], object]) -> str:
        """The newest letter to somebody; it is sent beside the request, so it may take a moment."""

        def found() -> list[str]:
            files = sorted((self.panel.folder / "mail").glob("*"), key=lambda path: path.stat().st_mtime_ns)
            texts = [file.read_text() for file in files]
            return [text for text in texts if f"To: {to}" in text and about(text)]

        self.panel.wait(found, f"a letter to {to}")
        return found()[-1]


@contextlib.contextmanager
def told(lab: Lab, folder: Path, chromium: Any) -> Iterator[Story]:
    """A panel and a node for a story of their own."""
    with contextlib.ExitStack() as stack:
        panel = Panel(folder, stack.enter_context(lent(lab, prefer=4)))
        stack.callback(panel.close)
        panel.prepare()
        resolver = stack.enter_context(name_server(ELSEWHERE)).setting[0]
        stack.enter_context(panel.worker(NPANEL_HEALTH_RESOLVERS=resolver))
        environment = panel.environment | {"NPANEL_HEALTH_RESOLVERS": resolver}
        doors = stack.enter_context(panel_behind(variables(folder), folder, environment))
        context = chromium.new_context(viewport={"width": 1440, "height": 900})
        stack.callback(context.close)
        view = Window(context, f"http://127.0.0.1:{doors.port('admin')}")
        story = Story(panel, doors, chromium, view, windows=[view])
        panel.manage("operator_create", OPERATOR, "--password-stdin", given=f"{story.password}\n")
        yield story


def link_in(letter: str) -> str:
    """The address that a letter leads to, undone of its mail's line breaks."""
    found = re.search(r"https?://\S+", letter.replace("=\n", "").replace("=3D", "="))
    assert found, letter
    return found[0]


def upload(story: Story, domain: str, username: str) -> str:
    """Give a site a PHP page of its own; gives what it shows."""
    story.panel.upload(domain, "page.php", PAGE)
    return f"page of {username}"
