"""PHP pools as text and back."""

import re
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hosting.adapters._values import OWNER
from hosting.adapters.php_fpm.pool import parse, ping_response, render
from hosting.errors import UnsafeValue
from hosting.state import PhpPool

owners = st.from_regex(OWNER, fullmatch=True)
versions = st.sampled_from(["7.4", "8.2", "8.10"])
setting_names = st.sampled_from(
    ["date.timezone", "post_max_size", "display_errors", "zlib.output_compression", "error_reporting"]
)
values = st.text(string.ascii_letters + string.digits + " ./&~|()!=#[]{}%-_:'", max_size=30)


@st.composite
def pools(draw: st.DrawFn) -> PhpPool:
    """Any pool that may be wanted."""
    owner = draw(owners)
    settings = tuple(sorted(draw(st.dictionaries(setting_names, values)).items()))
    children, memory = draw(st.integers(1, 1000)), draw(st.integers(8, 100_000))
    return PhpPool(owner, draw(versions), f"/home/{owner}", children, memory, settings)


@given(pools())
def test_what_is_written_is_read_back(pool: PhpPool) -> None:
    assert parse(pool.owner, pool.version, render(pool)) == pool


@given(pools(), pools())
def test_pools_that_differ_answer_differently(one: PhpPool, other: PhpPool) -> None:
    assert (ping_response(one) == ping_response(other)) == (one == other)


@given(pools(), st.data())
def test_any_other_text_is_seen_as_edited(pool: PhpPool, data: st.DataObject) -> None:
    text = render(pool)
    position = data.draw(st.integers(0, len(text) - 1))
    other = text[:position] + data.draw(st.characters(exclude_characters=text[position])) + text[position + 1 :]
    seen = parse(pool.owner, pool.version, other)
    assert seen.ref == pool.ref
    assert seen.edited or (seen != pool and render(seen) == other)


@given(pools(), setting_names, st.text(max_size=30))
def test_no_value_gets_out_of_its_line(pool: PhpPool, name: str, value: str) -> None:
    try:
        text = render(PhpPool(pool.owner, pool.version, pool.home, settings=((name, value),)))
    except UnsafeValue:
        return
    assume(not re.search(r"[\x00-\x1f]", value))
    assert text.count("\n") == render(PhpPool(pool.owner, pool.version, pool.home)).count("\n") + 1


@pytest.mark.parametrize(
    "name", ["open_basedir", "disable_functions", "memory_limit", "a]b", "x\n", "", "auto[0]", "listen="]
)
def test_settings_that_are_not_the_customers_are_refused(name: str) -> None:
    with pytest.raises(UnsafeValue):
        render(PhpPool("anna", "8.2", "/home/anna", settings=((name, "1"),)))


@pytest.mark.parametrize("home", ["/home/boris", "/anna", "/home/anna/..", "/home/anna/", "home/anna", "/home//anna"])
def test_a_home_that_is_not_the_owners_is_refused(home: str) -> None:
    with pytest.raises(UnsafeValue):
        render(PhpPool("anna", "8.2", home))
