"""URLs of one's own API tokens, for both interfaces."""

from django.urls import path

from accounts.tokens_views import create, revoke, tokens

urlpatterns = [
    path("", tokens, name="account_tokens"),
    path("new/", create, name="account_token_create"),
    path("<int:pk>/revoke/", revoke, name="account_token_revoke"),
]
