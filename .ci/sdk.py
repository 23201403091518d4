"""Runs official SDKs through the gateway example: those of Anthropic and OpenAI for Python and Node, and those of Cohere
and Google for Python.

Every scenario runs twice: against a server that replays it, and through the gateway in front of that server. The SDK
must see no difference, and the events that the gateway writes must match what the SDK saw. Needs the package registries of
Python and Node. `--folder DIR` keeps the installed packages for later runs, `--only TEXT` selects scenarios by name.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

os.chdir(Path(__file__).parent.parent)
sys.dont_write_bytecode = True
sys.path.insert(0, "tests/sdk")

import processes
import recorded
import scenarios

options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
options.add_argument("--folder", type=Path)
options.add_argument("--only", default="")
options = options.parse_args()

ENVIRONMENT = processes.environment("ANTHROPIC_", "OPENAI_", "OTEL_", "CO_", "GEMINI_", "GOOGLE_")


def install(folder):
    """Installs the SDKs and returns the commands of the drivers."""
    node = folder / "node"
    try:
        python = processes.venv(folder, "tests/sdk/python/requirements.txt")
        if not (node / "installed").exists():
            shutil.copytree("tests/sdk/node", node, dirs_exist_ok=True)
            processes.run("npm", "install", "--fetch-retries=1", "--no-audit", "--no-fund", "--loglevel=error", cwd=node, timeout=300)
            (node / "installed").touch()
    except (subprocess.SubprocessError, OSError) as error:
        sys.exit(f"the SDKs cannot be installed (are the package registries reachable?): {error}")
    shutil.copy("tests/sdk/node/drive.mjs", node)
    return {"python": [python, "-B", "tests/sdk/python/drive.py"], "node": ["node", node / "drive.mjs"]}


def drive(command, url, chosen):
    calls = [{name: value for name, value in scenario.items() if name != "reply"} for scenario in chosen]
    answers = processes.run(*command, url, input="\n".join(map(json.dumps, calls)) + "\n", stdout=subprocess.PIPE,
                            text=True, timeout=180, env=ENVIRONMENT).stdout
    return [json.loads(line) for line in answers.strip().split("\n")]


def compare(driver, command, gateway, replay, chosen, folder):
    """Yields differences, each with its scenario."""
    direct = drive(command, replay.url, chosen)
    events = folder / f"{driver}.jsonl"
    events.unlink(missing_ok=True)
    proxy = processes.Server(gateway, "--listen", "127.0.0.1:0", "--upstream", replay.url, "--events", events)
    before = len(json.loads(replay.get("/seen")))
    through = drive(command, proxy.url, chosen)
    seen = json.loads(replay.get("/seen"))[before:]
    if (code := proxy.stop()) != 0:
        yield "gateway", f"exit code {code}"
    if [answer["name"] for answer in through] != [scenario["name"] for scenario in chosen]:
        yield "driver", f"{len(through)} answers for {len(chosen)} scenarios"
        return

    for alone, proxied in zip(direct, through):
        for part in ("items", "error"):
            if alone[part] != proxied[part]:
                yield alone["name"], f"{part} through the gateway: {proxied[part]}\n    without the gateway: {alone[part]}"
    for scenario in chosen:
        ends = [one["ended"] for one in seen if one["name"] == scenario["name"]]
        if scenario.get("break_after") and ends != ["closed"]:
            yield scenario["name"], f"the provider did not see the client's disconnect: {ends}"

    runs = recorded.runs(json.loads(line) for line in events.read_bytes().splitlines())
    if len(runs) != len(chosen):
        yield "events", f"{len(runs)} runs for {len(chosen)} calls"
        return
    for scenario, answer, run in zip(chosen, through, runs):
        for difference in recorded.differences(scenario, answer, run):
            yield scenario["name"], difference


def main(folder):
    gateway = processes.gateway_binary()
    commands = install(folder)
    chosen = [scenario for scenario in scenarios.ALL if options.only in scenario["name"]]
    replay = processes.replay()
    failed = 0
    for driver, command in commands.items():
        driven = [scenario for scenario in chosen if driver == "python" or not scenario.get("operation")]
        found = compare(driver, command, gateway, replay, driven, folder) if driven else ()
        for name, difference in found:
            failed += 1
            print(f"{driver} {name}: {difference}")
    if failed:
        sys.exit(f"{failed} differences")
    print(f"{len(chosen)} scenarios with {' and '.join(commands)}: no difference")


processes.in_folder(options.folder, main)
