"""Texts for people that are translated where they are shown: a template, what is put into it, and no language yet.

Free of Django, because adapters and connections speak too. ``N_`` marks a template for makemessages and keeps it;
``str()`` of a Text is plain English, for logs, the audit and tests.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

_PLACE = re.compile(r"%\((\w+)\)[sd]")
_DEEPEST = 8

Translate = Callable[[str], str]
TranslateCount = Callable[[str, str, int], str]


def _count_in_english(one: str, many: str, count: int) -> str:
    return one if count == 1 else many


@dataclass(frozen=True)
class Text:
    """A template with named places (``%(name)s``) and their values; a value may be a Text itself.

    Args:
        template: the English text, as marked in the source.
        values: what stands in the named places.
        plural: the English text for other counts than one.
        count: which of the two it is.
        lower: begins with a small letter, because it stands inside a sentence.
    """

    template: str
    values: Mapping[str, "str | Text"] = field(default_factory=dict)
    plural: str = ""
    count: int = 0
    lower: bool = False

    def __str__(self) -> str:
        """The text in English."""
        return self.told(str, _count_in_english)

    def __bool__(self) -> bool:
        """Whether there is anything to say."""
        return bool(self.template)

    def told(self, translate: Translate, translate_count: TranslateCount) -> str:
        """The text in the language of the two functions; a place without a value stays as it is, nothing raises."""
        template = self.template
        if self.plural:
            template = translate_count(template, self.plural, self.count)
        elif template:
            template = translate(template)
        values = {
            name: value.told(translate, translate_count) if isinstance(value, Text) else value
            for name, value in self.values.items()
        }
        filled = _PLACE.sub(lambda place: values.get(place[1], place[0]), template)
        return filled[:1].lower() + filled[1:] if self.lower else filled

    def with_values(self, change: Callable[[str], str]) -> "Text":
        """The same text with each value changed, e.g. redacted."""
        return replace(
            self,
            values={
                name: value.with_values(change) if isinstance(value, Text) else change(value)
                for name, value in self.values.items()
            },
        )

    def stored(self) -> dict[str, Any]:
        """JSON from which :func:`restored` makes the text again."""
        values = {name: value.stored() if isinstance(value, Text) else value for name, value in self.values.items()}
        facts = {"template": self.template, "values": values, "plural": self.plural, "lower": self.lower}
        kept = {name: fact for name, fact in facts.items() if fact}
        return kept | ({"count": self.count} if self.plural else {})


NOTHING = Text("")


def N_(template: str, /, **values: object) -> Text:  # noqa: N802 -- the name that gettext tools know for "mark only"
    """Mark a text for translation and keep it with its values; it is translated where it is shown."""
    return Text(template, _kept(values))


def NN_(one: str, many: str, count: int, /, **values: object) -> Text:  # noqa: N802 -- as N_
    """Mark a text that depends on a count, which is the value ``count`` as well."""
    return Text(one, _kept({"count": count, **values}), plural=many, count=count)


def plain(words: object) -> Text:
    """Words that nobody can translate: what a daemon said, a name."""
    words = str(words)
    return Text("%(words)s", {"words": words}) if words else NOTHING


def as_text(words: "Text | str") -> Text:
    """A Text as it is, and anything else as plain words."""
    return words if isinstance(words, Text) else plain(words)


def join(texts: Iterable["Text | str"], separator: str = " ") -> Text:
    """Several texts in a row; empty ones are left out."""
    kept = [as_text(text) for text in texts if text]
    if len(kept) == 1:
        return kept[0]
    template = separator.join(f"%(part{number})s" for number in range(len(kept)))
    return Text(template, {f"part{number}": text for number, text in enumerate(kept)})


def restored(stored: object, depth: int = 0) -> Text | None:
    """The text of :meth:`Text.stored`; None when this is no such thing (an older row, a damaged one)."""
    if not isinstance(stored, dict) or not isinstance(stored.get("template"), str) or depth > _DEEPEST:
        return None
    values, plural, count = stored.get("values", {}), stored.get("plural", ""), stored.get("count", 0)
    if not (isinstance(values, dict) and isinstance(plural, str) and isinstance(count, int)):
        return None
    kept = {str(name): restored(value, depth + 1) or str(value) for name, value in values.items()}
    return Text(stored["template"], kept, plural, count, bool(stored.get("lower")))


def _kept(values: Mapping[str, object]) -> dict[str, "str | Text"]:
    return {name: value if isinstance(value, Text) else _word(value) for name, value in values.items()}


def _word(value: object) -> str:
    """A value as text; one that fails at that must not hide what the sentence says."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001 -- whatever a value's own __str__ raises
        return f"({type(value).__name__})"
