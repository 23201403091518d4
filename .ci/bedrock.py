"""Runs boto3 through the gateway example, to a server that replays answers of Amazon Bedrock.

Every scenario runs twice: against the server, and through the gateway in front of it. boto3 must see no difference, and the
events that the gateway writes must match what boto3's own decoder of event streams saw. Needs the package registry of
Python. `--folder DIR` keeps the installed package for later runs, `--only TEXT` selects scenarios by name.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

os.chdir(Path(__file__).parent.parent)
sys.dont_write_bytecode = True
sys.path[:0] = ["tests/sdk", "tests/sdk/bedrock"]

import processes
import transcripts

options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
options.add_argument("--folder", type=Path)
options.add_argument("--only", default="")
options = options.parse_args()

ENVIRONMENT = processes.environment("AWS_", "BOTO")


def drive(python, url, chosen):
    calls = [{name: value for name, value in scenario.items() if name != "reply"} for scenario in chosen]
    answers = processes.run(python, "-B", "tests/sdk/bedrock/drive.py", url, input="\n".join(map(json.dumps, calls)) + "\n",
                            stdout=subprocess.PIPE, text=True, timeout=120, env=ENVIRONMENT).stdout
    return [json.loads(line) for line in answers.strip().split("\n")]


def collected(scenario, items):
    """The sum of what boto3 saw, in the form of the event records."""
    sum = {"text": "", "reasoning": "", "tool_calls": [], "finish_reason": None, "input_tokens": None, "output_tokens": None}

    def usage(counts):
        cached = sum_of(counts, "cacheReadInputTokens", "cacheWriteInputTokens", "cache_read_input_tokens")
        incoming = counts.get("inputTokens", counts.get("input_tokens"))
        sum["input_tokens"] = incoming + cached if incoming is not None else sum["input_tokens"]
        sum["output_tokens"] = counts.get("outputTokens", counts.get("output_tokens", sum["output_tokens"]))

    for item in items:
        for block in item.get("output", {}).get("message", {}).get("content", ()):
            sum["text"] += block.get("text", "")
            sum["reasoning"] += block.get("reasoningContent", {}).get("reasoningText", {}).get("text", "")
            if tool := block.get("toolUse"):
                sum["tool_calls"].append([tool["toolUseId"], tool["name"], tool["input"]])
        if tool := item.get("contentBlockStart", {}).get("start", {}).get("toolUse"):
            sum["tool_calls"].append([tool["toolUseId"], tool["name"], ""])
        delta = item.get("contentBlockDelta", {}).get("delta", {})
        sum["text"] += delta.get("text", "")
        sum["reasoning"] += delta.get("reasoningContent", {}).get("text", "")
        if "toolUse" in delta:
            sum["tool_calls"][-1][2] += delta["toolUse"]["input"]
        # Invocations, in the dialects of the transcripts.
        for part in item.get("outputs", [item]):
            sum["text"] += part.get("generation", part.get("text", "")) or ""
        for block in item.get("content", ()):
            sum["text"] += block["text"]
        sum["text"] += item["delta"].get("text", "") if "delta" in item else ""
        for choice in item.get("choices", ()):
            sum["text"] += choice["delta"].get("content", "")
        places = [item, item.get("messageStop", {}), item.get("delta", {}), *item.get("outputs", ()), *item.get("choices", ())]
        for place in places:
            for name in ("stopReason", "stop_reason", "finish_reason"):
                sum["finish_reason"] = place.get(name) or sum["finish_reason"]
        for counts in (item.get("usage"), item.get("metadata", {}).get("usage"), item.get("message", {}).get("usage")):
            usage(counts or {})
        metrics = item.get("amazon-bedrock-invocationMetrics", {})
        usage({"inputTokens": item.get("prompt_token_count", metrics.get("inputTokenCount")),
               "outputTokens": item.get("generation_token_count", metrics.get("outputTokenCount", sum["output_tokens"]))})
    headers = scenario["reply"].get("headers", {})
    if "X-Amzn-Bedrock-Input-Token-Count" in headers:
        sum["input_tokens"] = int(headers["X-Amzn-Bedrock-Input-Token-Count"])
        sum["output_tokens"] = int(headers["X-Amzn-Bedrock-Output-Token-Count"])
    for call in sum["tool_calls"]:
        call[2] = json.loads(call[2] or "{}") if isinstance(call[2], str) else call[2]
    return sum


def sum_of(counts, *names):
    return sum(counts.get(name) or 0 for name in names)


def differences(scenario, answer, records):
    first, last = records[0], records[-1]
    streamed = "stream" in scenario["operation"]
    api = "converse" if scenario["operation"].startswith("converse") else "invoke"
    start = first["data"]
    expected = ("aws.bedrock", api, scenario["name"], streamed)
    if (start["provider"], start["api"], start["model"], start["stream"]) != expected:
        yield f"the start: {start}"
    if scenario.get("damaged"):
        # boto3 fails at the frame whose checksum is wrong. The gateway skips it.
        text, seen = last["data"]["choices"][0]["text"], collected(scenario, answer["items"])["text"]
        if answer["error"]["code"] != "ChecksumMismatch" or seen != "Hi" or text != "Hi you":
            yield f"{text!r}, boto3 saw {seen!r} and {answer['error']}"
        if last["data"]["decode_faults"] != 1:
            yield "decode faults"
        return
    error = last["data"].get("error")
    seen = error and {"code": error["provider_code"], "message": error["message"]}
    if (seen is None) != (answer["error"] is None) or seen and (
            seen["code"] != answer["error"]["code"] or seen["message"] not in answer["error"]["message"]):
        yield f"the error: {seen}, boto3 saw {answer['error']}"
    if not answer["items"]:
        return
    wanted = collected(scenario, answer["items"])
    choice, usage = last["data"]["choices"][0], last["data"]["usage"] or {}
    got = {name: choice[name] for name in ("text", "reasoning", "finish_reason")}
    got["tool_calls"] = [[call["id"], call["name"], json.loads(call["arguments"])] for call in choice["tool_calls"]]
    if not answer["error"]:
        got |= {name: usage.get(name) for name in ("input_tokens", "output_tokens")}
    for name, value in got.items():
        if value != wanted[name]:
            yield f"{name}: {value!r}, boto3 saw {wanted[name]!r}"
    if last["data"]["decode_faults"]:
        yield "decode faults"
    if last["data"]["streamed"] != streamed:
        yield "streamed"


def main(folder):
    gateway = processes.gateway_binary()
    python = processes.venv(folder, "tests/sdk/bedrock/requirements.txt")
    chosen = [scenario for scenario in transcripts.ALL if options.only in scenario["name"]]
    replay = processes.Server(sys.executable, "-B", "tests/sdk/bedrock/replay.py")
    direct = drive(python, replay.url, chosen)
    events = folder / "bedrock.jsonl"
    events.unlink(missing_ok=True)
    proxy = processes.Server(gateway, "--listen", "127.0.0.1:0", "--upstream", replay.url, "--events", events)
    through = drive(python, proxy.url, chosen)
    failed = []
    if (code := proxy.stop()) != 0:
        failed.append(f"the gateway's exit code is {code}")
    runs = {}
    for line in events.read_bytes().splitlines():
        record = json.loads(line)
        runs.setdefault(record["run_id"], []).append(record)
    if len(runs) != len(chosen):
        failed.append(f"{len(runs)} runs for {len(chosen)} calls")
    for scenario, alone, answer, records in zip(chosen, direct, through, runs.values()):
        if alone != answer:
            failed.append(f"{scenario['name']}: {answer} through the gateway, {alone} without it")
        failed.extend(f"{scenario['name']}: {difference}" for difference in differences(scenario, answer, records))
    if failed:
        sys.exit("\n".join(failed))
    print(f"{len(chosen)} scenarios with boto3: no difference")


processes.in_folder(options.folder, main)
