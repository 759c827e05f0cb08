"""Drills: real faults, real Prometheus and Alertmanager, and the runbook's own commands."""
