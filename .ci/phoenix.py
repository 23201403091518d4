"""Exports the spans of 1,000 runs to Phoenix by OTLP over HTTP, and compares what it shows with the records of the runs.

For plain GenAI names and for the profile: ids, parent, kind, status, times, session, tokens by kind and cost of every run,
by Phoenix's REST and GraphQL interfaces. Needs the package registry of Python. `--folder DIR` keeps the installed package.
"""

import argparse
import collections
import datetime
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

os.chdir(Path(__file__).parent.parent)
sys.dont_write_bytecode = True
sys.path.insert(0, "tests/sdk")

import processes

options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
options.add_argument("--folder", type=Path)
options.add_argument("--runs", type=int, default=1000)
options = options.parse_args()

PAGE = """query ($id: ID!, $after: String) { node(id: $id) { ... on Project {
  sessions(first: 1000) { edges { node { id sessionId } } }
  spans(first: 500, after: $after) {
    edges { node { spanId spanKind latencyMs tokenCountPrompt tokenCountCompletion tokenPromptDetails { cacheRead cacheWrite }
      costSummary { total { cost } } trace { projectSessionId } } }
    pageInfo { hasNextPage endCursor } } } } }"""

KINDS = {"llm": "LLM", "tool": "TOOL", "retriever": "RETRIEVER", "embedding": "EMBEDDING", "chain": "CHAIN"}
# Of 20 runs.
COUNTS = {"cancelled": 6, "llm": 7, "tool": 2, "retriever": 1, "embedding": 2, "chain": 8}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def get(url, body=None):
    request = urllib.request.Request(url, body and json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def spans(base, project):
    """Returns the spans of a project by the ids of their runs."""
    found, cursor = {}, None
    while True:
        try:
            page = get(f"{base}/v1/projects/{project}/spans?limit=1000" + (f"&cursor={cursor}" if cursor else ""))
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return {}
            raise
        found |= {span["attributes"].get("run.id"): span for span in page["data"]}
        cursor = page.get("next_cursor")
        if not cursor:
            return found


def shown(base, project):
    """Returns what the user interface shows of a project's spans, by their ids."""
    identifier, found, after = get(f"{base}/v1/projects/{project}")["data"]["id"], {}, None
    while True:
        page = get(f"{base}/graphql", {"query": PAGE, "variables": {"id": identifier, "after": after}})
        if page.get("errors"):
            sys.exit(f"Phoenix refuses the query: {page['errors']}")
        project = page["data"]["node"]
        sessions = {edge["node"]["id"]: edge["node"]["sessionId"] for edge in project["sessions"]["edges"]}
        for edge in project["spans"]["edges"]:
            found[edge["node"]["spanId"]] = edge["node"] | {"session": sessions.get(edge["node"]["trace"]["projectSessionId"])}
        after = project["spans"]["pageInfo"]["endCursor"]
        if not project["spans"]["pageInfo"]["hasNextPage"]:
            return found


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def near(one, other, tolerance):
    """Returns both if they differ, and the first one twice if not."""
    same = one is not None and other is not None and abs(one - other) <= tolerance
    return (one, one) if same else (one, other)


def values(start, end, parent, span, view, profile):
    """Returns pairs of what the records of a run say and what Phoenix shows, by name."""
    data, attributes, is_model = end["data"], span["attributes"], end["run_type"] in ("llm", "embedding")
    is_llm, usage, cost = end["run_type"] == "llm", data.get("usage") or {}, data.get("cost")
    failed = end["event"].endswith("_error")
    error = data.get("error") or {}
    error = error.get("provider_code") or error.get("status") or error.get("kind")
    kind = KINDS[end["run_type"]]
    # The conventions have no operation for chains.
    kind = "UNKNOWN" if kind == "CHAIN" and not profile else kind
    pairs = {
        "trace": (end["trace_id"], span["context"]["trace_id"]),
        "span": (end["span_id"], span["context"]["span_id"]),
        "parent": (parent, span["parent_id"]),
        "kind": (kind, span["span_kind"]),
        "kind shown": (kind.lower(), view["spanKind"]),
        "status": ("ERROR" if failed else "UNSET", span["status_code"]),
        "error.type": (error, attributes.get("error.type")),
        "session.id": (end["metadata"]["session_id"], attributes.get("session.id")),
        "session shown": (end["metadata"]["session_id"], view["session"]),
        "user.id": (end["metadata"]["user_id"], attributes.get("user.id")),
        "tenant": (end["metadata"]["tenant"], attributes.get("run.metadata.tenant")),
    }
    # A span begins with its run, right before the start event, and ends when the answer has ended, before the end event.
    # Wall clock and monotonic clock may drift apart by less than a millisecond.
    began, ended = seconds(span["start_time"]), seconds(span["end_time"])
    latency = (ended - began) * 1e3
    pairs["start"] = near(seconds(start["time"]), began, 0.05)
    # Without a call, as of one that was dropped before it was polled, the duration is zero.
    called = seconds(start["time"]) if data["duration_ms"] else began
    earliest, latest = called + data["duration_ms"] / 1e3, seconds(end["time"])
    pairs["end"] = (True, earliest - 1e-3 <= ended <= latest + 1e-3)
    pairs["latency shown"] = near(latency, view["latencyMs"], 0.01)
    if is_model:
        prompt, completion = usage.get("input_tokens"), usage.get("output_tokens")
        details = view["tokenPromptDetails"]
        for name, expected in [
            ("prompt", prompt),
            ("completion", completion),
            ("prompt_details.cache_read", usage.get("cache_read_tokens")),
            ("prompt_details.cache_write", usage.get("cache_write_tokens")),
        ]:
            pairs[name] = (expected, attributes.get(f"llm.token_count.{name}"))
        pairs["cache read shown"] = (usage.get("cache_read_tokens"), details["cacheRead"])
        pairs["cache write shown"] = (usage.get("cache_write_tokens"), details["cacheWrite"])
        pairs["reasoning"] = (usage.get("reasoning_tokens"), attributes.get("gen_ai.usage.reasoning.output_tokens"))
        if profile:
            name = "llm.token_count.completion_details.reasoning"
            pairs["reasoning shown"] = (usage.get("reasoning_tokens"), attributes.get(name))
            pairs["total"] = (usage.get("total_tokens"), attributes.get("llm.token_count.total"))
        if is_llm:
            # It shows 0 for a call without usage.
            pairs["prompt shown"] = (prompt or 0, view["tokenCountPrompt"] or 0)
            pairs["completion shown"] = (completion or 0, view["tokenCountCompletion"] or 0)
    amount = float(cost["amount"]) if cost else None
    pairs["run.cost.total"] = near(amount, attributes.get("run.cost.total"), 1e-12)
    if profile:
        pairs["llm.cost.total"] = near(amount, attributes.get("llm.cost.total"), 1e-12)
    if is_llm:
        # It computes the cost from the tokens by prices of its own.
        total = view["costSummary"] and view["costSummary"]["total"]["cost"]
        pairs["cost shown"] = near(amount, total, 1e-9)
    return pairs


def compare(records, found, views, profile):
    """Returns what differs, and how many values were compared."""
    starts, ends, wrong, compared = {}, {}, [], 0
    for record in records:
        if record["event"].endswith("_start"):
            starts[record["run_id"]] = record
        elif record["event"].endswith(("_end", "_error")):
            ends[record["run_id"]] = record
    for run_id, end in ends.items():
        span = found.get(run_id)
        view = span and views.get(span["context"]["span_id"])
        if view is None:
            wrong.append((run_id, "missing"))
            continue
        parent = starts[end["parent_run_id"]]["span_id"] if end["parent_run_id"] else None
        pairs = values(starts[run_id], end, parent, span, view, profile)
        compared += len(pairs)
        wrong += [(run_id, end["event"], name, *pair) for name, pair in pairs.items() if pair[0] != pair[1]]
    if len(found) != len(ends):
        wrong.append((f"{len(found)} spans of {len(ends)} runs",))
    return wrong, compared, ends


def check_counts(ends, runs):
    counts = collections.Counter(end["run_type"] for end in ends.values())
    errors = [end["data"]["error"]["kind"] for end in ends.values() if end["event"].endswith("_error")]
    counts |= {"cancelled": errors.count("cancelled")}
    expected = {name: count * runs // 20 for name, count in COUNTS.items()}
    if counts != expected or len(errors) <= counts["cancelled"]:
        sys.exit(f"the runs are not those that were asked for: {dict(counts)}, expected {expected}")


def main(folder):
    phoenix = processes.venv(folder, "tests/phoenix/requirements.txt").parent / "phoenix"
    build = ["cargo", "build", "--all-features", "--package", "tower-llm-callbacks-tests", "--example", "export_spans", "--message-format=json"]
    messages = map(json.loads, processes.run(*build, timeout=1800, stdout=subprocess.PIPE).stdout.splitlines())
    binary = [it["executable"] for it in messages if it.get("executable") and it["target"]["name"] == "export_spans"][0]
    port, grpc = free_port(), free_port()
    base = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "PHOENIX_WORKING_DIR": str(folder / "data"), "PHOENIX_PORT": str(port),
                   "PHOENIX_GRPC_PORT": str(grpc), "PHOENIX_HOST": "127.0.0.1", "PHOENIX_TELEMETRY_ENABLED": "false"}
    log = open(folder / "phoenix.log", "w")
    server = subprocess.Popen([phoenix, "serve"], env=environment, stdout=log, stderr=log)
    processes.RUNNING.append(server)
    try:
        for _ in range(480):
            try:
                get(f"{base}/v1/projects")
                break
            except OSError:
                time.sleep(0.5)
        else:
            sys.exit(f"Phoenix does not start: {(folder / 'phoenix.log').read_text()[-2000:]}")
        for name, profile in [("plain", False), ("openinference", True)]:
            # A name of its own, should the folder be kept.
            project, file = f"{name}-{time.time_ns()}", folder / f"{name}.jsonl"
            file.unlink(missing_ok=True)
            arguments = [str(options.runs), f"{base}/v1/traces", file, project] + (["openinference"] if profile else [])
            processes.run(binary, *arguments, timeout=300)
            records = [json.loads(line) for line in file.read_text().splitlines()]
            for _ in range(60):
                found = spans(base, project)
                if len(found) >= options.runs:
                    break
                time.sleep(1)
            wrong, compared, ends = compare(records, found, shown(base, project), profile)
            check_counts(ends, options.runs)
            for line in wrong[:20]:
                print(*line)
            if wrong:
                sys.exit(f"{name}: {len(wrong)} of {compared} values of {len(ends)} runs differ")
            print(f"{name}: {compared} values of {len(ends)} runs agree")
    finally:
        server.terminate()
        server.wait(timeout=30)


processes.in_folder(options.folder, main)
