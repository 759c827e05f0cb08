"""What stands before every view: a token that belongs on this interface and whose scopes reach so far."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.choices import Role
from accounts.interfaces import is_unified, may_enter
from accounts.models import ApiToken
from accounts.scopes import READ, WRITE, allows


class MayUseApi(BasePermission):
    """Interface, scope, and that support only reads. What the person may do with one thing, the policy says later."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the request goes on; False without a token (401)."""
        token = request.auth
        if not isinstance(token, ApiToken):
            return False
        _check_interface(request, token)
        act = READ if request.method in SAFE_METHODS else WRITE
        if act == WRITE and token.user.role == Role.SUPPORT:
            raise PermissionDenied(_("Support reads only."), code="read_only")
        subject = view.subject_of(act)
        if subject and not allows(token.scopes, subject, act):
            wanted = f"{subject}:{act}"
            raise PermissionDenied(
                _("The token has not the scope %(scope)s.") % {"scope": wanted}, code="scope_missing"
            )
        return True


def _check_interface(request: Request, token: ApiToken) -> None:
    if not is_unified(request) and not may_enter(token.user):
        raise PermissionDenied(
            _("This token belongs to the panel's other interface, which has an address of its own."),
            code="other_interface",
        )
