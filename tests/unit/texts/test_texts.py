"""A text keeps its template and values apart, never fails, and comes back from the database as it was."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.errors import CommandFailed, ConfigurationInvalid, HostingError, facts_of, stored_texts
from hosting.texts import N_, NN_, NOTHING, Text, join, plain, restored


class Stubborn:
    """A value that cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (N_("The domain %(name)s is taken.", name="a.example"), "The domain a.example is taken."),
        (N_("%(path)s is full", path="/srv/100%"), "/srv/100% is full"),
        (N_("%(path)s is full", path="%(path)s %s %d"), "%(path)s %s %d is full"),
        (N_("50 % of %(path)s", path="/"), "50 % of /"),
        (N_("A %(missing)s value"), "A %(missing)s value"),
        (N_("%(number)d left", number=3), "3 left"),
        (N_("It says %(value)s.", value=Stubborn()), "It says (Stubborn)."),
        (N_("%(outer)s and %(name)s", outer=N_("in %(name)s", name="x"), name="y"), "in x and y"),
        (NN_("%(count)s site", "%(count)s sites", 1), "1 site"),
        (NN_("%(count)s site of %(who)s", "%(count)s sites of %(who)s", 2, who="Ada"), "2 sites of Ada"),
        (Text("Being deleted", lower=True), "being deleted"),
        (join(["field", N_("It is %(what)s.", what="odd")], ": "), "field: It is odd."),
        (join([NOTHING, "alone"]), "alone"),
        (plain("%(words)s"), "%(words)s"),
    ],
)
def test_in_english(text: Text, words: str) -> None:
    assert str(text) == words
    assert str(restored(json.loads(json.dumps(text.stored())))) == words


def test_nothing_is_nothing() -> None:
    assert not NOTHING and str(NOTHING) == "" and not plain("") and restored(NOTHING.stored()) is None


@given(st.text(), st.dictionaries(st.text(), st.text()))
def test_no_text_fails(template: str, values: dict[str, str]) -> None:
    text = Text(template, values)
    assert isinstance(str(text), str)
    assert not template or restored(json.loads(json.dumps(text.stored()))) == text


@pytest.mark.parametrize(
    "damaged",
    [None, "text", [], {}, {"template": 1}, {"template": "x", "values": []}, {"template": "x", "count": "many"}],
)
def test_damaged_texts_are_none(damaged: Any) -> None:
    assert restored(damaged) is None


def test_a_text_within_itself_has_an_end() -> None:
    stored: dict[str, Any] = {"template": "%(a)s", "values": {}}
    stored["values"]["a"] = stored
    assert isinstance(restored(stored), Text)


def test_an_error_is_english_and_keeps_its_texts() -> None:
    error = HostingError(N_("%(n)s is taken.", n="x"), code="taken", hint=N_("Use %(n)s.", n="y"), field="name")
    assert (error.detail, error.hint, str(error)) == ("x is taken.", "Use y.", "x is taken.")
    assert error.detail_text.values == {"n": "x"}
    assert error.as_dict() == {"code": "taken", "detail": "x is taken.", "hint": "Use y.", "permanent": True}


@pytest.mark.parametrize("kind", [CommandFailed, ConfigurationInvalid])
def test_subclasses_do_so_too(kind: type[HostingError]) -> None:
    error = kind(N_("%(program)s ended", program="nginx"), hint=N_("Look."))
    assert (error.detail, error.hint_text.template, error.permanent) == ("nginx ended", "Look.", False)


def test_words_without_a_mark_are_kept_as_they_are() -> None:
    """Nothing checks the types of a plug-in: its plain sentence must not break a page."""
    error = HostingError("100%(x)s", hint="%")  # type: ignore[arg-type]
    assert (error.detail, error.hint) == ("100%(x)s", "%")


def test_an_old_stored_error_still_says_what_it_said() -> None:
    detail, hint = stored_texts({"code": "old", "detail": "The disk is 90 % full.", "hint": "Make room."})
    assert (str(detail), str(hint)) == ("The disk is 90 % full.", "Make room.")
    error = HostingError.from_stored({"code": "old", "detail": "Full.", "hint": "", "permanent": False})
    assert (error.code, error.detail, error.permanent) == ("old", "Full.", False)
    assert stored_texts({}) == (NOTHING, NOTHING)


def test_what_is_kept_for_translation_is_not_shown_to_programs() -> None:
    assert facts_of({"code": "x", "detail": "d", "texts": {}}) == {"code": "x", "detail": "d"}
    assert facts_of(None) is None
