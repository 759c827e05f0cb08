"""A record type that a zone may hold can be stored and chosen, and no other."""

import pytest
from django.core.exceptions import ValidationError

from hosting.admin.forms import RecordForm
from hosting.state.zones import RECORD_TYPES
from hosting.validators import validate_record_type


@pytest.mark.parametrize("type", RECORD_TYPES)
def test_what_a_zone_may_hold_is_offered(type: str) -> None:
    validate_record_type(type)
    assert type in dict(RecordForm.base_fields["type"].choices)


@pytest.mark.parametrize("type", ["SOA", "ALIAS", "DNAME", "LUA", "a", ""])
def test_anything_else_is_refused(type: str) -> None:
    with pytest.raises(ValidationError):
        validate_record_type(type)
