"""Lines are valid for Loki as Alloy ships them; both configurations have only keys that their documentation names."""

import datetime
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from observability.logging import LONGEST_LINE, OPTIONAL_FIELDS, STATUSES, get_logger
from observability.operations import known_operations
from tests.loki import Loki, serving

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
LABELS = {"service", "level", "operation", "status"}
ALLOY = (DEPLOY / "alloy" / "config.alloy").read_text()
LOKI = yaml.safe_load((DEPLOY / "loki" / "loki.yaml").read_text())
QUERIES = yaml.safe_load((DEPLOY / "loki" / "queries.yaml").read_text())
Lines = Callable[[], list[dict[str, Any]]]

#: The keys used, as the configuration reference of Loki 3 has them, with the type of each.
KEYS: dict[str, Any] = {
    "auth_enabled": bool,
    "server": {"http_listen_address": str, "http_listen_port": int, "grpc_listen_address": str,
               "grpc_listen_port": int},
    "common": {
        "instance_addr": str, "path_prefix": str, "replication_factor": int,
        "storage": {"filesystem": {"chunks_directory": str, "rules_directory": str}},
        "ring": {"kvstore": {"store": str}},
    },
    "schema_config": {
        "configs": [{"from": datetime.date, "store": str, "object_store": str, "schema": str,
                     "index": {"prefix": str, "period": str}}],
    },
    "compactor": {"working_directory": str, "compaction_interval": str, "retention_enabled": bool,
                  "delete_request_store": str, "retention_delete_delay": str},
    "limits_config": {
        "retention_period": str, "discover_service_name": list, "discover_log_levels": bool,
        "allow_structured_metadata": bool, "max_label_names_per_series": int, "max_line_size": str,
        "max_structured_metadata_size": str, "max_structured_metadata_entries_count": int, "reject_old_samples": bool,
        "reject_old_samples_max_age": str, "creation_grace_period": str,
    },
    "analytics": {"reporting_enabled": bool},
}  # fmt: skip


def misfits(found: Any, known: Any, where: str = "") -> Iterator[str]:
    if isinstance(known, dict):
        for name, value in found.items():
            yield from misfits(value, known[name], f"{where}.{name}") if name in known else [f"{where}.{name}"]
    elif isinstance(known, list):
        for value in found:
            yield from misfits(value, known[0], where)
    elif not isinstance(found, known):
        yield f"{where}: {found!r}"


def test_loki_has_known_keys_only() -> None:
    assert list(misfits(LOKI, KEYS)) == []
    assert list(misfits({"compactor": {"shared_store": "s3"}}, KEYS)) == [".compactor.shared_store"]


def test_loki_deletes_after_thirty_days() -> None:
    assert LOKI["limits_config"]["retention_period"] == "720h"
    assert LOKI["compactor"]["retention_enabled"] is True
    (schema,) = LOKI["schema_config"]["configs"]
    assert (schema["store"], schema["schema"], schema["index"]["period"]) == ("tsdb", "v13", "24h")
    assert LOKI["compactor"]["delete_request_store"] == schema["object_store"]


def block(name: str) -> str:
    """The text between the braces of a block of config.alloy."""
    start = ALLOY.index("{", re.search(rf"^\s*{re.escape(name)}\b", ALLOY, re.M).start()) + 1
    depth, end = 1, start
    while depth:
        depth += {"{": 1, "}": -1}.get(ALLOY[end], 0)
        end += 1
    return ALLOY[start : end - 1]


def pairs(stage: str) -> dict[str, str]:
    return {name: value or name for name, value in re.findall(r'^\s+(\w+)\s+= "(\w*)",$', block(stage), re.M)}


def test_alloy_is_wired_from_source_to_loki() -> None:
    components = dict(re.findall(r'^([a-z_.]+) "(\w+)" \{', ALLOY, re.M))
    assert components == {
        "local.file_match": "npanel", "loki.source.file": "npanel", "loki.process": "npanel", "loki.write": "loki",
    }  # fmt: skip
    references = set(re.findall(r"\b((?:local|loki)\.[a-z_.]+)\.(\w+)\.(?:receiver|targets|rules)", ALLOY))
    assert references == {item for item in components.items() if item[0] != "loki.source.file"}
    assert re.findall(r"stage\.(\w+) \{", ALLOY) == ["json", "timestamp", "labels", "structured_metadata", "label_keep"]
    assert ALLOY.count("{") == ALLOY.count("}")


def test_alloy_makes_four_labels_and_no_more() -> None:
    assert set(pairs("stage.labels")) == set(re.findall(r'"(\w+)"', block("stage.label_keep"))) == LABELS
    assert not LABELS & set(pairs("stage.structured_metadata"))
    known = {"timestamp", "level", "service", "operation", "trace_id", *OPTIONAL_FIELDS}
    assert set(pairs("stage.json").values()) <= known
    assert {*pairs("stage.labels"), *pairs("stage.structured_metadata"), "timestamp"} == set(pairs("stage.json"))


def shipped(raw: str) -> dict[str, Any]:
    """A line as config.alloy's stages turn it into an entry of a push."""
    line = json.loads(raw)
    extracted = {name: line[field] for name, field in pairs("stage.json").items() if line.get(field) is not None}
    labels = {name: str(extracted[source]) for name, source in pairs("stage.labels").items() if source in extracted}
    wanted = pairs("stage.structured_metadata").items()
    metadata = {name: str(extracted[source]) for name, source in wanted if source in extracted}
    moment = datetime.datetime.fromisoformat(extracted["timestamp"])
    nanoseconds = int(moment.timestamp() * 1000) * 10**6
    return {"stream": labels, "values": [[str(nanoseconds), raw, metadata]]}


def push(loki: Loki, streams: list[dict[str, Any]]) -> int:
    body = json.dumps({"streams": streams}).encode()
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{loki.url}/loki/api/v1/push", data=body, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - loopback
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_lines_of_every_shape_are_taken(log_lines: Lines) -> None:
    for operation in sorted(known_operations()):
        for status in STATUSES:
            get_logger(operation).info("done", status=status, tenant_id="7", duration_ms=12.5, host="web1")
    get_logger("node_command").error(
        "ü" * 9_000, output={str(n): "\u2028" * 9_000 for n in range(300)}, status="failed"
    )
    try:
        raise ValueError("x" * 100_000)
    except ValueError:
        get_logger("command").exception("broke", tags=["y" * 9_000] * 300, error_code="z" * 9_000)
    raw = [json.dumps(line, separators=(",", ":")) for line in log_lines()]

    with serving() as loki:
        assert push(loki, [shipped(line) for line in raw]) == 204
        assert loki.refused == []
        assert sum(len(entries) for entries in loki.streams.values()) == len(raw)
        assert {name for labels in loki.streams for name, _value in labels} == LABELS
    assert max(map(len, raw)) <= LONGEST_LINE


def test_the_longest_line_is_cut_and_says_so(log_lines: Lines) -> None:
    get_logger("node_command").error("much", output={str(n): "\u2028" * 9_000 for n in range(300)}, status="failed")

    (line,) = log_lines()
    assert line["message"] == "much"
    assert line["context"]["too_long"] > LONGEST_LINE
    assert line["status"] == "failed"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"line": "x" * (256 * 1024 + 1)}, "line_too_long"),
        ({"age": 8 * 86_400}, "greater_than_max_sample_age"),
        ({"age": -3_600}, "too_far_in_future"),
        ({"metadata": {"a": "x" * 70_000}}, "structured_metadata_too_large"),
        ({"labels": {f"l{n}": "x" for n in range(16)}}, "max_label_names_per_series"),
        ({"labels": {"trace-id": "x"}}, "label trace-id"),
    ],
)
def test_the_stand_in_refuses_what_loki_refuses(change: dict[str, Any], reason: str) -> None:
    moment = datetime.datetime.now(datetime.UTC).timestamp() - change.get("age", 0)
    value = [str(int(moment * 1e9)), change.get("line", "x"), change.get("metadata", {})]
    with serving() as loki:
        assert push(loki, [{"stream": change.get("labels", {"service": "x"}), "values": [value]}]) == 400
        assert loki.refused == [reason]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query["name"])
def test_queries_select_by_the_four_labels(query: dict[str, str]) -> None:
    selectors = re.findall(r"\{([^{}]*)\}", re.sub(r"\{\{.*?\}\}", "", query["query"]))
    assert len(selectors) == 1
    matchers = re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', selectors[0])
    assert ", ".join(f'{name}{sign}"{value}"' for name, sign, value in matchers) == selectors[0]
    assert {name for name, _sign, _value in matchers} <= LABELS
    for name, _sign, value in matchers:
        assert name != "operation" or value in known_operations()
        assert name != "status" or value in STATUSES
    for name in re.findall(r"\| (\w+)(?:!=|=|>| >)", query["query"]):
        assert name in pairs("stage.structured_metadata")
