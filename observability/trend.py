"""A little arithmetic: when something is full if it goes on like this, and quantiles of histograms."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import StatisticsError, correlation, linear_regression

#: A line through less than this says nothing about days.
LEAST_SPAN = datetime.timedelta(hours=24)
LEAST_POINTS = 24
#: A line that explains less than half of what was seen is no trend (the square of the correlation).
LEAST_FIT = 0.5
#: Who looks a year ahead with a straight line fools himself.
FARTHEST = datetime.timedelta(days=365)


class Verdict(StrEnum):
    """What can be said."""

    TOO_LITTLE = "too_little"
    NO_TREND = "no_trend"
    FILLS = "fills"


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a ratio reaches 1, where a straight line says so; ``per_day`` is its slope."""

    verdict: Verdict
    full_at: datetime.datetime | None = None
    per_day: float = 0.0
    fit: float = 0.0


def forecast(points: Sequence[tuple[datetime.datetime, float]], now: datetime.datetime) -> Forecast:
    """A line fitted to used ratios, oldest first, and when it reaches 1."""
    if len(points) < LEAST_POINTS or points[-1][0] - points[0][0] < LEAST_SPAN:
        return Forecast(Verdict.TOO_LITTLE)
    days = [(at - now).total_seconds() / 86_400 for at, _ in points]
    values = [value for _, value in points]
    try:
        slope, at_now = linear_regression(days, values)
        fit = correlation(days, values) ** 2
    except StatisticsError:  # all values are the same
        return Forecast(Verdict.NO_TREND)
    if slope <= 0 or fit < LEAST_FIT or (1 - at_now) / slope > FARTHEST.days:
        return Forecast(Verdict.NO_TREND, None, slope, fit)
    full = now + datetime.timedelta(days=max(0.0, (1 - at_now) / slope))
    return Forecast(Verdict.FILLS, full, slope, fit)


def quantile(share: float, buckets: Mapping[str, float]) -> float | None:
    """The quantile of a histogram's cumulative buckets, as Prometheus estimates it; None where it is empty."""
    ordered = sorted((float(bound), count) for bound, count in buckets.items())
    if not ordered or ordered[-1][1] <= 0:
        return None
    rank, low, below = share * ordered[-1][1], 0.0, 0.0
    for bound, count in ordered:
        if count >= rank:
            if bound == float("inf"):
                return low
            return low + (bound - low) * (rank - below) / (count - below) if count > below else bound
        low, below = bound, count
    return low
