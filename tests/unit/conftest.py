"""How hypothesis runs here: no time limit for an example (machines are shared), fewer examples than its default."""

from hypothesis import HealthCheck, settings

settings.register_profile("npanel", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("npanel")
