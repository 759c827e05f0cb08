"""Operators read the runbook in the console; what a page holds can't become anything but text."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from npanel.runbook.pages import slugs
from tests import people

pytestmark = pytest.mark.django_db

HOSTILE = """# <b>Title</b> & more

## Stop & *look* `now`

<script>alert(1)</script> <img src=x onerror=alert(1)>

[a](javascript:alert(1)) [b](data:text/html,x) [c](//evil.example/x) [d](http://evil.example/) ![e](https://evil.example/i.png)

[good](other.md#part-one) [top](README.md) [out](https://example.org/)

| a | b |
|---|---|
| <i>1</i> | 2 |

```bash drill=x
echo "</code><script>alert(1)</script>"
```
"""


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(people.support())
    return client


@pytest.fixture
def hostile(settings: Any, tmp_path: Path) -> None:
    settings.NPANEL_RUNBOOK_DIR = tmp_path
    (tmp_path / "hostile.md").write_text(HOSTILE)
    (tmp_path / "README.md").write_text("# List\n\n[hostile](hostile.md)\n")


def article(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    found = re.search(r"<article.*?</article>", answer.content.decode(), re.DOTALL)
    assert found is not None
    return found[0]


@pytest.mark.usefixtures("hostile")
def test_nothing_in_a_page_becomes_markup_of_its_own(operator: Client) -> None:
    text = article(operator, "/admin/runbook/hostile/")
    assert "<script" not in text and "<img" not in text and "<i>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert set(re.findall(r'href="([^"#][^"]*)"', text)) - set(re.findall(r'<use href="([^"]*)"', text)) == {
        "/admin/runbook/other/#part-one", "/admin/runbook/", "https://example.org/"}  # fmt: skip


@pytest.mark.usefixtures("hostile")
def test_headings_have_anchors_and_blocks_can_be_copied(operator: Client) -> None:
    text = article(operator, "/admin/runbook/hostile/")
    assert '<h2 id="stop--look-now">Stop &amp; <em>look</em> <code>now</code>' in text
    copied = re.search(r'data-copy="([^"]+)"', text)
    assert copied is not None and f'<code id="{copied[1]}"' in text
    assert "echo &quot;&lt;/code&gt;" in text
    assert "<td>&lt;i&gt;1&lt;/i&gt;</td>" in text


def test_steps_go_on_counting_after_a_block(operator: Client) -> None:
    assert '<ol start="2">' in article(operator, "/admin/runbook/system-down/")


def test_each_page_is_shown_with_its_title_and_linked_from_the_list(operator: Client) -> None:
    listed = article(operator, "/admin/runbook/")
    for slug in slugs():
        answer = operator.get(f"/admin/runbook/{slug}/")
        assert answer.status_code == 200, slug
        assert f"/admin/runbook/{slug}/" in listed, f"{slug} is not in the list"


@pytest.mark.usefixtures("hostile")
@pytest.mark.parametrize("slug", ["nothing", "README", "hostile-md"])
def test_other_addresses_are_missing_pages(operator: Client, slug: str) -> None:
    assert operator.get(f"/admin/runbook/{slug}/").status_code == 404


def test_an_installation_without_a_runbook_says_so(operator: Client, settings: Any, tmp_path: Path) -> None:
    settings.NPANEL_RUNBOOK_DIR = tmp_path / "gone"
    assert operator.get("/admin/runbook/").status_code == 404


def test_strangers_do_not_see_it() -> None:
    assert Client().get("/admin/runbook/").status_code == 302
    client = Client()
    client.force_login(people.stranger())
    assert client.get("/admin/runbook/").status_code != 200
