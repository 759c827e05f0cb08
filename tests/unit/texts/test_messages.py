"""The committed catalogs hold every text there is, compiled, and gettext finds ours where adapters speak."""

import gettext
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts import messages

pytestmark = pytest.mark.skipif(shutil.which("xgettext") is None, reason="gettext is not installed")


def test_catalogs_are_up_to_date() -> None:
    """New texts are collected, none is left over or fuzzy, and the compiled catalog is the one of the text file."""
    assert messages.differences() == []


def test_german_is_whole() -> None:
    """German is the proof that everything can be translated: no text is without one."""
    found = messages.entries(messages.catalog("de"))
    assert len(found) > 1500
    assert [key for key, (told, fuzzy) in found.items() if key[1] and (fuzzy or not all(told))] == []


@pytest.mark.parametrize(
    "text",
    [
        "The domain %(name)s is already hosted here.",  # a model
        "The user name %(name)s is taken.",  # a service
        "%(address)s does not answer for %(name)s: %(problem)s.",  # an adapter
        "The node is busy: too many batches wait for their answers.",  # a connection
        "An AAAA record holds one IPv6 address, for example 2001:db8::10.",  # a table of hints
        "Audit events could not be written. Run manage.py audit_replay, then manage.py node_resume.",  # a stored note
        "The change was not made. Try again in a moment; if it persists, run `manage.py audit_doctor`.",
        "This shell is not offered.",  # a validator
    ],
)
def test_texts_from_every_layer_are_there(text: str) -> None:
    assert ("", text, "") in messages.entries(messages.catalog("de"))


def test_the_compiled_catalog_speaks() -> None:
    with messages.catalog("de").with_suffix(".mo").open("rb") as file:
        german = gettext.GNUTranslations(file)
    assert german.gettext("Suspended") == "Gesperrt"


def test_places_that_differ_from_the_text_are_refused(tmp_path: Path) -> None:
    source = messages.catalog("de").read_text(encoding="utf-8")
    told = "Die Domain %(name)s wird hier bereits gehostet."
    assert told in source
    broken = tmp_path / "django.po"
    broken.write_text(source.replace(told, "Die Domain %(nam)s wird hier bereits gehostet."), encoding="utf-8")
    with pytest.raises(messages.MessagesError):
        messages.compile_to(broken, tmp_path / "django.mo")


def test_a_new_text_of_ours_is_extracted(tmp_path: Path) -> None:
    """The markers are known to the command itself, so that nobody has to know an option."""
    from hosting.management.commands.makemessages import Command

    module = tmp_path / "module.py"
    module.write_text('N_("Only %(n)s", n=1)\nNN_("%(count)s thing", "%(count)s things", 2)\n')
    found = subprocess.run(
        ["xgettext", "--language=Python", "--output=-", *Command.xgettext_options, str(module)],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert 'msgid "Only %(n)s"' in found and 'msgid_plural "%(count)s things"' in found
