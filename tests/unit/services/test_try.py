import pytest
pytestmark = pytest.mark.django_db
@pytest.mark.parametrize("n", range(4))
def test_a(world, n):
    s = world.host("example.com")
    assert world.status("example.com") == 200
    assert world.server.resolve("www.example.com", "A") == {"192.0.2.1"}
