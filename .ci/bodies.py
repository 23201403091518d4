"""Compares the bodies that the typed models send with those of the official Python SDKs for the same call.

Needs the package registry of Python. `--folder DIR` keeps the installed packages for later runs, `--only TEXT` selects calls
by API and feature, as in `messages tools`.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

os.chdir(Path(__file__).parent.parent)
sys.dont_write_bytecode = True
sys.path.insert(0, "tests/sdk")

import processes

options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
options.add_argument("--folder", type=Path)
options.add_argument("--only", default="")
options = options.parse_args()

ABSENT = "absent"
# All differences, with their reasons: API and place as patterns, what the model and the SDK send.
DIFFERENCES = [
    ("chat_completions|responses|messages", "stream", False, ABSENT, "The default, which servers may have another of."),
]
# What takes no part in the comparison: no SDK has it.
ONLY_HERE = {("chat", "unknown"), ("converse", "unknown")}


def lines(*command, **more):
    output = processes.run(*command, stdout=subprocess.PIPE, text=True, timeout=600, **more).stdout
    calls = [json.loads(line) for line in output.splitlines()]
    return {(call["api"], call["feature"]): call for call in calls}


def differences(ours, theirs, place=""):
    """Yields the places in which two JSON values differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in sorted(ours.keys() | theirs.keys()):
            inner = f"{place}.{name}" if place else name
            yield from differences(ours.get(name, ABSENT), theirs.get(name, ABSENT), inner)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for at, pair in enumerate(zip(ours, theirs)):
            yield from differences(*pair, f"{place}.{at}")
    elif ours != theirs or (ours is True or ours is False) != (theirs is True or theirs is False):
        yield place, ours, theirs


def main(folder):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(
        ("ANTHROPIC_", "OPENAI_", "OTEL_", "CO_", "GEMINI_", "GOOGLE_", "AWS_", "BOTO", "OLLAMA_")) and not name.lower().endswith("_proxy")}
    try:
        python = processes.venv(folder, "tests/sdk/python/requirements.txt", "tests/sdk/bedrock/requirements.txt")
    except (subprocess.SubprocessError, OSError) as error:
        sys.exit(f"the SDKs cannot be installed (is the package registry reachable?): {error}")
    theirs = lines(python, "-B", "tests/sdk/python/bodies.py", env=environment)
    ours = lines("cargo", "run", "--quiet", "--package", "tower-llm-callbacks-tests", "--example", "bodies")
    found, used = [], set()
    if missing := (ours.keys() ^ theirs.keys()) - ONLY_HERE:
        found.append(f"only one side has {sorted(missing)}")
    common = [key for key in ours if key in theirs and options.only in " ".join(key)]
    for key in common:
        for place, mine, sdks in differences(*({"path": call.get("path"), "body": call["body"]} for call in (ours[key], theirs[key]))):
            place = place.removeprefix("body.")
            known = (at for at, (apis, places, here, there, _) in enumerate(DIFFERENCES)
                     if re.fullmatch(apis, key[0]) and re.fullmatch(places, place) and (here, there) == (mine, sdks))
            if (at := next(known, None)) is not None:
                used.add(at)
            else:
                found.append(f"{' '.join(key)}: {place or 'the body'} is {json.dumps(mine)}, the SDK sends {json.dumps(sdks)}")
    if not options.only:
        found += [f"no longer a difference: {entry}" for at, entry in enumerate(DIFFERENCES) if at not in used]
    if found:
        sys.exit("\n".join(found))
    print(f"{len(common)} calls of {len({api for api, _ in common})} APIs: the bodies are those of the SDKs")


if options.folder:
    options.folder.mkdir(parents=True, exist_ok=True)
    main(options.folder.absolute())
else:
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder))
