"""Django's makemessages, which also knows the markers of :mod:`hosting.texts` and guesses nothing."""

from django.core.management.commands import makemessages


class Command(makemessages.Command):
    """Extracts ``N_`` and ``NN_`` too; a changed text is untranslated rather than matched with a similar one."""

    xgettext_options = [*makemessages.Command.xgettext_options, "--keyword=N_", "--keyword=NN_:1,2"]
    msgmerge_options = [*makemessages.Command.msgmerge_options, "--no-fuzzy-matching"]
