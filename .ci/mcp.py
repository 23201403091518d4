"""Runs the official Python client of the Model Context Protocol through the gateway example, to a server of the same package.

Each pair of an answer's form (JSON, events) and a revision (with sessions, without) runs twice: against the server, and
through the gateway in front of it. The client must see no difference, the events that the gateway writes must match what
the client saw, and requests that call no tool must be counted by their method. Needs the package registry of Python.
`--folder DIR` keeps the installed package for later runs.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

os.chdir(Path(__file__).parent.parent)
sys.dont_write_bytecode = True
sys.path.insert(0, "tests/sdk")

import processes

options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
options.add_argument("--folder", type=Path)
options = options.parse_args()

# The second path is known to the gateway only by its route.
FORMS = {"json": "/mcp", "sse": "/tools"}
MODES = ["legacy", "2026-07-28"]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLS = [
    {"name": name, "arguments": arguments, "meta": {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}}
    for name, arguments in [
        ("weather", {"city": "Zürich 🏔 \"old\" town"}),
        ("say", {"text": "Grüße\n", "times": 400}),
        ("fail", {"reason": "no such city"}),
        ("refuse", {"code": -32602, "message": "not like this"}),
        ("refuse", {"code": 17, "message": "not today"}),
        ("no_such_tool", {}),
    ]
]
COUNTED = {"legacy": {"initialize", "notifications/initialized", "tools/list"}, "2026-07-28": {"tools/list"}}
ENVIRONMENT = processes.environment()


def drive(python, url, mode):
    answers = processes.run(python, "-B", "tests/sdk/mcp/drive.py", url, mode, input=json.dumps(CALLS), stdout=subprocess.PIPE,
                            text=True, timeout=120, env=ENVIRONMENT).stdout
    return json.loads(answers)


def differences(call, answer, records, seen):
    """Compares the events of a call with its answer."""
    first, last = records[0], records[-1]
    metadata = first["metadata"]
    start = (first["event"], first["name"], first["data"]["input"])
    if start != ("tool_start", call["name"], call["arguments"]):
        yield f"the start: {start}"
    session = seen["sessions"][0] if seen["sessions"] else None
    expected = ("tools/call", session, seen["version"], TRACE)
    got = (*(metadata.get(f"mcp.{name}") for name in ("method.name", "session.id", "protocol.version")), first["trace_id"])
    if got != expected:
        yield f"the metadata: {got}, expected {expected}"
    result, error = answer.get("result"), answer.get("error")
    failed = error or result["isError"]
    if last["event"] != ("tool_error" if failed else "tool_end"):
        yield f"the end: {last['event']}"
    output = last["data"].get("output") or {}
    for part in ("content", "structuredContent", "isError"):
        if output.get(part) != (result or {}).get(part):
            yield f"{part}: {output.get(part)}, the client saw {result}"
    if failed:
        wanted = (str(error["code"]), error["message"]) if error else ("tool_error", result["content"][0]["text"])
        got = (last["data"]["error"]["provider_code"], last["data"]["error"]["message"])
        if got != wanted:
            yield f"the error: {got}, the client saw {wanted}"


def compare(python, gateway, form, mode, folder):
    path = FORMS[form]
    server = processes.Server(python, "-B", "tests/sdk/mcp/serve.py", form, path)
    direct = drive(python, server.url + path, mode)
    events = folder / f"mcp-{form}-{mode}.jsonl"
    events.unlink(missing_ok=True)
    proxy = processes.Server(gateway, "--listen", "127.0.0.1:0", "--upstream", server.url, "--events", events, "--route",
                             "/tools=mcp", "--admin", "127.0.0.1:0", "--grace", "1")
    metrics = proxy.line().split()[2]
    through = drive(python, proxy.url + path, mode)
    with urllib.request.urlopen(metrics, timeout=20) as answer:
        counted = set(re.findall(r'gateway_unobserved_requests_total\{method="POST",path="([^"]*)"\}', answer.read().decode()))
    if (code := proxy.stop()) != 0:
        yield f"the gateway's exit code is {code}"
    server.stop()

    for part in ("tools", "version", "answers"):
        if direct[part] != through[part]:
            yield f"{part}: {through[part]} through the gateway, {direct[part]} without it"
    if bool(through["sessions"]) != (mode == "legacy"):
        yield f"the sessions: {through['sessions']}"
    kinds = ["error" if "error" in answer else answer["result"]["isError"] for answer in through["answers"]]
    if kinds != [False, False, True, "error", "error", True]:
        yield f"the answers: {through['answers']}"
    if not COUNTED[mode] <= counted or "tools/call" in counted:
        yield f"counted: {counted}"
    runs = {}
    for line in events.read_bytes().splitlines():
        record = json.loads(line)
        runs.setdefault(record["run_id"], []).append(record)
    if len(runs) != len(CALLS):
        yield f"{len(runs)} runs for {len(CALLS)} calls"
        return
    for call, answer, records in zip(CALLS, through["answers"], runs.values()):
        for difference in differences(call, answer, records, through):
            yield f"{call['name']}: {difference}"


def main(folder):
    gateway = processes.gateway_binary()
    python = processes.venv(folder / "mcp", "tests/sdk/mcp/requirements.txt")
    found = [f"{form}, {mode}: {difference}" for form in FORMS for mode in MODES
             for difference in compare(python, gateway, form, mode, folder)]
    if found:
        sys.exit("\n".join(found))
    print(f"{len(CALLS)} tool calls in {len(FORMS) * len(MODES)} forms with the client of mcp: no difference")


processes.in_folder(options.folder, main)
