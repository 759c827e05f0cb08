"""Template tags of the account pages."""

from django import template

from accounts.user_agents import in_words

register = template.Library()


@register.filter
def program(user_agent: str) -> str:
    """A program's name from what it says of itself."""
    return in_words(str(user_agent))
