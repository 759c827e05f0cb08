"""Alerts that no drill waits for, and why; each has its promtool tests all the same."""

_LATER = "what it watches comes with a later capability, and its drill with it"
_HOURS = "it looks at hours or days of samples"
_MILDER = "the milder form of an alert that has a drill, with the same page"

UNDRILLED = {
    "AddressBlocklisted": "lists are others' servers; the drill of a growing mail queue finds who sends",
    "MigrationBacklog": _LATER,
    "MigrationJobsFailing": _LATER,
    "BackupStale": _LATER,
    "BackupUnproven": _LATER,
    "HealthCheckDown": f"all checks of today have alerts of their own: {_LATER}",
    "HealthCheckDegraded": f"all checks of today have alerts of their own: {_LATER}",
    "DatabaseReplicaBehind": "the drills' database has no replica",
    "DiskFullSoon": _HOURS,
    "ObjectiveBurningSlowly": _HOURS,
    "SignInObjectiveBurningSlowly": _HOURS,
    "ObjectiveBurningFast": "an hour of slow pages; slow sign-in and high CPU drill its pages",
    "SignInObjectiveBurningFast": "an hour of slow sign-ins; the drill of slow sign-in has its page",
    "CertificateRenewalFailed": "the drills have no authority; tests/live/test_acme.py has one that refuses",
    "NodeSlow": _MILDER,
    "DatabaseSlow": _MILDER,
    "DiskFilling": _MILDER,
    "MemoryRising": _MILDER,
    "SshFailureSpike": "many nodes that fail now and then; a node that fails for good has a drill, with the same page",
    "DnsFailureSpike": "many servers that fail now and then; one that fails for good has a drill, with the same page",
    "DnsSecondaryLagging": "the drills have one node; tests/live/test_secondaries.py stops a secondary and its primary",
    "OperationsFailing": "six failures of different services; the hung node drills its page with one",
    "AuditVolumeSpike": "thousands of events; its page is drilled by the other faults of the record",
    "LatencyHigh": "a symptom of busy processors and of a slow database, which have drills and alerts of their own",
}
