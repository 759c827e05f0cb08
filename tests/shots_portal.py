"""Takes pictures of the portal's pages, wide and narrow, light and dark, into build/shots/."""

import os
import sys
import tempfile
from typing import Any

from tests import shots


def main(arguments: list[str]) -> int:
    """Take the pictures of the pages whose name holds one of the words (all without words)."""
    with tempfile.TemporaryDirectory(prefix="npanel-shots-") as folder:
        shots.prepare(folder, "customer")
        from tests.web.portal_shots import fill

        people = fill()
        with shots.serving() as address:
            count = _take(address, people, arguments)
    print(f"{count} pictures in {shots.TARGET.relative_to(shots.ROOT)}/")
    return 0


def _take(address: str, people: list[tuple[Any, dict[str, str]]], only: list[str]) -> int:
    """Take all pictures; give how many."""
    from playwright.sync_api import sync_playwright

    from tests.web.portal import cookie_for

    shots.TARGET.mkdir(parents=True, exist_ok=True)
    count = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(shots.CHROMIUM))
        for width, scheme, (person, pages) in (
            (width, scheme, own) for width in shots.WIDTHS for scheme in ("light", "dark") for own in people
        ):
            context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
            context.add_cookies([cookie_for(person, address)])
            page = context.new_page()
            for name, path in pages.items():
                if only and not any(word in name for word in only):
                    continue
                page.goto(address + path)
                page.wait_for_load_state() if "operation" in name else page.wait_for_load_state("networkidle")
                page.screenshot(path=shots.TARGET / f"portal-{name}-{width}-{scheme}.png", full_page=True)
                count += 1
            context.close()
        browser.close()
    return count


if __name__ == "__main__":
    os.environ.setdefault("NPANEL_LOG_LEVEL", "ERROR")
    os.environ.setdefault("NPANEL_ACME_DIRECTORY", "https://acme.example.test/dir")
    sys.exit(main(sys.argv[1:]))
