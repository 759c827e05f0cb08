"""The check finds every text that could not be translated, and nothing else."""

import pytest

from scripts import texts

FAMILY = texts.families(
    ["class Lost(HostingError): pass", "class Gone(errors.Lost): pass", "class Other(Exception): pass"]
)

FOUND = {
    "bare": "HostingError('It is taken.')",
    "f-string": "HostingError(f'{name} is taken.')",
    "f-string as hint": "HostingError(N_('Taken.'), hint=f'Ask {name}.')",
    "bare hint": "HostingError(N_('Taken.'), hint='Ask.')",
    "concatenation": "HostingError('It is ' + name)",
    "percent": "HostingError('It is %s' % name)",
    "format": "HostingError('It is {}'.format(name))",
    "format, cleaned": "HostingError(' {} '.format(name).strip())",
    "translated too early": "HostingError(_('It is taken.'))",
    "str": "HostingError(str(error))",
    "subclass": "Lost('Gone.')",
    "subclass of a subclass": "errors.Gone('Gone.')",
    "one way of two": "HostingError(N_('A.') if a else f'{b}.')",
    "fallback": "HostingError(detail or 'Nothing.')",
    "by a variable": "def f():\n    detail = f'{name} is taken.'\n    raise HostingError(detail)",
    "by a pair of variables": "def f():\n    a, b = N_('A.'), f'{c}.'\n    raise HostingError(a, hint=b)",
    "marked f-string": "HostingError(N_(f'{name} is taken.', name=name))",
    "marked variable": "N_(words)",
    "value missing": "N_('%(name)s is taken by %(other)s.', name=name)",
    "value too many": "N_('It is taken.', name=name)",
    "place without a name": "N_('%s is taken.')",
    "plural, value missing": "NN_('%(count)s of %(name)s', '%(count)s of %(name)s', 2)",
    "a word as value": "N_('owned by %(owner)s', owner=owner or 'nobody')",
    "one of two words": "N_('it is %(state)s', state='up' if up else N_('down'))",
    "plural variable": "NN_('one', many, 2)",
    "gettext of an f-string": "_(f'Hello {name}')",
    "gettext of a formatted text": "gettext('Hello %s' % name)",
    "within an f-string": "f'{checked(name, N_(\"user name\"))}'",
    "label": "forms.CharField(label='Main domain')",
    "help text": "models.CharField(help_text='For example.')",
    "verbose name": "class Meta:\n    verbose_name = 'hosting plan'",
}
FINE = {
    "marked": "HostingError(N_('%(name)s is taken.', name=name), hint=N_('Ask.'), code='taken')",
    "two ways": "HostingError(N_('A.') if a else N_('B.'), hint=NOTHING)",
    "a daemon's words": "HostingError(plain(said))",
    "another error's text": "HostingError(error.detail_text, hint=_hint(path))",
    "by a variable": "def f():\n    detail = N_('A.')\n    detail = detail or NOTHING\n    raise HostingError(detail)",
    "values from a dictionary": "N_('%(a)s', **values)",
    "a marked word as value": "N_('owned by %(owner)s', owner=owner or N_('nobody'))",
    "plural": "NN_('%(count)s of %(name)s', '%(count)s of %(name)s', 2, name=name)",
    "per cent": "N_('50 % are used')",
    "another exception": "Other(f'{name}')",
    "gettext": "_('Hello %(name)s') % {'name': name}",
    "gettext of a variable": "_(note)",
    "label": "forms.CharField(label=_('Main domain'), help_text='')",
    "a name": "forms.CharField(label='PHP')",
}


@pytest.mark.parametrize("source", FOUND.values(), ids=FOUND)
def test_found(source: str) -> None:
    assert texts.find_in_module(source, "hosting/services/x.py", FAMILY)


@pytest.mark.parametrize("source", FINE.values(), ids=FINE)
def test_fine(source: str) -> None:
    assert texts.find_in_module(source, "hosting/services/x.py", FAMILY) == []


def test_labels_of_commands_and_migrations_are_not_for_translation() -> None:
    for path in ("hosting/management/commands/x.py", "hosting/migrations/0001_initial.py"):
        assert texts.find_in_module("f(help_text='What it does')", path, FAMILY) == []


@pytest.mark.parametrize(
    "source",
    [
        "<p>Bare words</p>",
        "<p>\n{% if a %}Bare{% endif %}</p>",
        '<a title="Bare words">{% icon "x" %}</a>',
        '<input placeholder="Search">',
        '<nav aria-label="Pages"></nav>',
        "{{ name|default:'no name yet' }}",
        "{% translate 'A' %} and {% translate 'B' %}",
    ],
)
def test_bare_words_in_templates(source: str) -> None:
    assert texts.find_in_template(source, "x.html")


@pytest.mark.parametrize(
    "source",
    [
        '<p class="two words">{% translate "Marked words" %} · {{ value }}</p>',
        "{% blocktranslate count n=n %}{{ n }} service{% plural %}{{ n }} services{% endblocktranslate %}",
        "{# a note #}{% comment %}a longer note{% endcomment %}",
        "<a title=\"{% translate 'Marked' %}\">NPanel</a>",
        "<kbd>Ctrl</kbd><code>manage.py worker</code>",
        "<tr aria-sort=\"{{ up|yesno:'ascending,descending' }}\">",
    ],
)
def test_marked_templates(source: str) -> None:
    assert texts.find_in_template(source, "x.html") == []


def test_a_finding_names_its_line() -> None:
    source = "{# one\ntwo #}\n{% comment %}\n{% endcomment %}\n<p>Bare words</p>"
    assert [finding.line for finding in texts.find_in_template(source, "x.html")] == [5]


def test_the_repository(capsys: pytest.CaptureFixture[str]) -> None:
    status = texts.main([])
    assert status == 0, capsys.readouterr().out
