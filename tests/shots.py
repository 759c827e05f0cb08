"""Takes pictures of the console's main pages, wide and narrow, light and dark, into build/shots/."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "build" / "shots"
WIDTHS = (1440, 390)
#: Pages before there is anything but the operator.
EMPTY = {
    "start-empty": "/admin/",
    "services-empty": "/admin/hosting/hostingservice/",
    "drift-empty": "/admin/hosting/driftitem/",
    "missing": "/admin/nothing/",
}
CHROMIUM = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb")


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Pictures need no access log."""


class _Server(WSGIServer):
    daemon_threads = True


def prepare(folder: str, interface: str = "admin") -> None:
    """Point Django at a throw-away installation in a folder and make its tables."""
    os.environ.update(
        NPANEL_VAR_DIR=folder,
        NPANEL_DATABASE_URL=f"sqlite:///{folder}/shots.sqlite3",
        NPANEL_INTERFACE=interface,
        NPANEL_LOG_LEVEL="ERROR",
        DJANGO_SETTINGS_MODULE="npanel.settings",
        DJANGO_ALLOW_ASYNC_UNSAFE="1",  # Playwright's sync interface runs a loop of its own in this thread
    )
    from npanel.env import prepare_metrics_directory

    prepare_metrics_directory()
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from hosting.sealing import ensure_worker_key

    ensure_worker_key()
    from tests.people import admin

    admin()


def fill() -> dict[str, str]:
    """Make data as an installation has after some weeks; give the pages worth a look by name."""
    from tests.web.shots_data import fill as fill_rows

    return fill_rows()


@contextmanager
def serving() -> Iterator[str]:
    """Serve the console on a free port; give its address."""
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.core.wsgi import get_wsgi_application

    server = make_server("127.0.0.1", 0, StaticFilesHandler(get_wsgi_application()), _Server, _Quiet)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def take(address: str, pages: dict[str, str], only: list[str]) -> int:
    """Take all pictures; give how many."""
    from playwright.sync_api import sync_playwright

    TARGET.mkdir(parents=True, exist_ok=True)
    count = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(CHROMIUM))
        for width in WIDTHS:
            for scheme in ("light", "dark"):
                context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
                page = context.new_page()
                if "login" in only or not only:
                    page.goto(f"{address}/admin/account/login/")
                    page.screenshot(path=TARGET / f"login-{width}-{scheme}.png")
                sign_in(page, address)
                for name, path in pages.items():
                    if only and not any(word in name for word in only):
                        continue
                    page.set_extra_http_headers({"Accept-Language": "de" if name.endswith("-de") else "en"})
                    page.goto(address + path)
                    page.wait_for_load_state("networkidle") if "live" in name else page.wait_for_load_state()
                    for details in page.locator("details.change").all()[:2] if "plan" in name else []:
                        details.locator("summary").click()
                    if name.startswith("palette"):
                        open_palette(page)
                    page.screenshot(path=TARGET / f"{name}-{width}-{scheme}.png", full_page=True)
                    count += 1
                context.close()
        browser.close()
    return count


def open_palette(page: Any) -> None:
    """Search as somebody does who types."""
    page.keyboard.press("/")
    page.keyboard.type("b")
    page.get_by_role("option", name="brezel.example").wait_for()


def sign_in(page: Any, address: str) -> None:
    """Sign in as the administrator of the data."""
    from tests.people import PASSWORD

    page.goto(f"{address}/admin/account/login/")
    page.get_by_label("E-mail address").fill("admin@panel.test")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/admin/")


def main(arguments: list[str]) -> int:
    """Take the pictures of the pages whose name holds one of the words (all without words)."""
    with tempfile.TemporaryDirectory(prefix="npanel-shots-") as folder:
        prepare(folder)
        with serving() as address:
            count = take(address, EMPTY, arguments)
            count += take(address, fill(), arguments)
    print(f"{count} pictures in {TARGET.relative_to(ROOT)}/")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
