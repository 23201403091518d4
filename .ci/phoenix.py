"""Exports the spans of 1,000 runs to Phoenix by OTLP over HTTP, and compares what its API says with the records.

For plain GenAI names and for the profile: tokens, cost, session, parent and latency of every run. Needs the package registry
of Python. `--folder DIR` keeps the installed package.
"""

import argparse
import datetime
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
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


def install(folder):
    venv = folder / "venv"
    try:
        if not (venv / "installed").exists():
            processes.run(sys.executable, "-m", "venv", venv, timeout=120)
            processes.run(venv / "bin/pip", "install", "--quiet", "--retries=2", "arize-phoenix==20.*", timeout=600)
            (venv / "installed").touch()
    except (subprocess.SubprocessError, OSError) as error:
        sys.exit(f"Phoenix cannot be installed (is the package registry reachable?): {error}")
    return venv / "bin/phoenix"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def get(url):
    with urllib.request.urlopen(url, timeout=30) as response:
        return json.load(response)


def spans(base, project):
    """Returns the spans of a project by the ids of their runs."""
    found, cursor = {}, None
    while True:
        page = get(f"{base}/v1/projects/{project}/spans?limit=1000" + (f"&cursor={cursor}" if cursor else ""))
        for span in page["data"]:
            found[attribute(span, "run.id")] = span
        cursor = page.get("next_cursor")
        if not cursor:
            return found


def attribute(span, name):
    """Returns an attribute, which the API may return flat or nested."""
    value = span["attributes"]
    if name in value:
        return value[name]
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def compare(records, found, profile):
    """Returns what differs, and how many values were compared."""
    starts, ends, wrong, compared = {}, {}, [], 0
    for record in records:
        if record["event"].endswith("_start"):
            starts[record["run_id"]] = record
        elif record["event"].endswith(("_end", "_error")):
            ends[record["run_id"]] = record
    by_id = {record["run_id"]: record["span_id"] for record in starts.values()}
    for run_id, end in ends.items():
        span = found.get(run_id)
        if span is None:
            wrong.append((run_id, "missing"))
            continue
        data = end["data"]
        expected = {
            "trace": end["trace_id"],
            "span": end["span_id"],
            "parent": by_id.get(end["parent_run_id"]),
            "session.id": end["metadata"].get("session_id"),
            "failed": end["event"].endswith("_error"),
        }
        actual = {
            "trace": span["context"]["trace_id"],
            "span": span["context"]["span_id"],
            "parent": span["parent_id"],
            "session.id": attribute(span, "session.id"),
            "failed": span["status_code"] == "ERROR",
        }
        latency = seconds(span["end_time"]) - seconds(span["start_time"])
        # The span also covers what handlers do before the call.
        expected["latency"], actual["latency"] = True, data["duration_ms"] - 1 < latency * 1e3 < data["duration_ms"] + 250
        usage = data.get("usage") or {}
        if end["run_type"] == "llm":
            for name, key in [("llm.token_count.prompt", "input_tokens"), ("llm.token_count.completion", "output_tokens")]:
                expected[name], actual[name] = usage.get(key), attribute(span, name)
            if profile and data.get("cost"):
                cost = attribute(span, "llm.cost.total")
                expected["cost"], actual["cost"] = True, cost is not None and abs(cost - float(data["cost"]["amount"])) < 1e-9
        compared += len(expected)
        wrong += [(run_id, end["event"], key, expected[key], actual[key]) for key in expected if expected[key] != actual[key]]
    return wrong, compared, len(ends)


def main(folder):
    phoenix = install(folder)
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
        for _ in range(240):
            try:
                get(f"{base}/v1/projects")
                break
            except OSError:
                time.sleep(0.5)
        for project, profile in [("plain", False), ("openinference", True)]:
            file = folder / f"{project}.jsonl"
            file.unlink(missing_ok=True)
            arguments = [str(options.runs), f"{base}/v1/traces", file, project] + (["openinference"] if profile else [])
            processes.run(binary, *arguments, timeout=300)
            records = [json.loads(line) for line in file.read_text().splitlines()]
            wrong = None
            for _ in range(60):
                wrong, compared, runs = compare(records, spans(base, project), profile)
                if not wrong:
                    break
                time.sleep(1)
            for line in wrong[:20]:
                print(*line)
            if wrong:
                sys.exit(f"{project}: {len(wrong)} of {compared} values of {runs} runs differ")
            print(f"{project}: {compared} values of {runs} runs agree")
    finally:
        server.terminate()
        server.wait(timeout=30)


if options.folder:
    options.folder.mkdir(parents=True, exist_ok=True)
    main(options.folder.absolute())
else:
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder))
