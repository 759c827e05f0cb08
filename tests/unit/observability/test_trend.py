"""When a disk is full if it goes on like this, when nothing can be said, and quantiles of histograms."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from observability.trend import Verdict, forecast, quantile

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def line(start: float, per_hour: float, hours: int) -> list[tuple[datetime, float]]:
    """One point an hour until now."""
    return [(NOW - timedelta(hours=hours - n), start + per_hour * n) for n in range(hours + 1)]


def test_a_disk_that_fills_is_told_to_the_hour() -> None:
    found = forecast(line(0.5, 0.001, 100), NOW)
    assert found.verdict is Verdict.FILLS and found.full_at is not None
    assert abs(found.full_at - (NOW + timedelta(hours=400))) < timedelta(minutes=1)
    assert found.per_day == pytest.approx(0.024)
    assert found.fit == pytest.approx(1)


@pytest.mark.parametrize(
    "points",
    [line(0.5, 0, 100), line(0.9, -0.001, 100), line(0.1, 0.00001, 100)],
    ids=["level", "emptier", "full in ten years"],
)
def test_what_does_not_fill_has_no_trend(points: list[tuple[datetime, float]]) -> None:
    assert forecast(points, NOW).verdict is Verdict.NO_TREND


def test_noise_is_no_trend() -> None:
    dice = random.Random(4)
    points = [(at, value + dice.uniform(-0.2, 0.2)) for at, value in line(0.5, 0.0005, 100)]
    assert forecast(points, NOW).verdict is Verdict.NO_TREND


def test_less_than_a_day_says_nothing() -> None:
    assert forecast(line(0.5, 0.01, 23), NOW).verdict is Verdict.TOO_LITTLE
    assert forecast([], NOW).verdict is Verdict.TOO_LITTLE
    assert forecast([(NOW - timedelta(days=9), 0.1), (NOW, 0.9)], NOW).verdict is Verdict.TOO_LITTLE


def test_a_disk_that_should_be_full_already_is_full_now() -> None:
    found = forecast([*line(0.7, 0.005, 90)[:-1], (NOW, 0.95)], NOW)
    assert found.full_at == NOW


def test_a_quantile_lies_within_its_bucket() -> None:
    buckets = {"0.1": 50.0, "0.5": 90.0, "1.0": 100.0, "+Inf": 100.0}
    assert quantile(0.5, buckets) == pytest.approx(0.1)
    assert quantile(0.95, buckets) == pytest.approx(0.75)
    assert quantile(0.95, {"0.1": 1.0, "+Inf": 100.0}) == pytest.approx(0.1), "above all bounds: the last of them"
    assert quantile(0.95, {"0.1": 0.0, "+Inf": 0.0}) is None
    assert quantile(0.95, {}) is None
