"""Compares the bodies that the typed models send with those of the official Python SDKs for the same call.

Needs the package registry of Python. `--folder DIR` keeps the installed packages for later runs, `--only TEXT` selects calls
by API and feature, as in `messages tools`.
"""

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
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
# All differences, with their reasons: API and place as patterns, what the model and the SDK send (`...` for anything).
DIFFERENCES = [
    ("chat_completions|responses|messages", "stream", False, ABSENT, "The default, said for servers that have another."),
    ("generate_content|gemini_embeddings", "path", ..., ..., "The SDK calls v1 since its third version; v1beta has all fields of v1."),
    ("generate_content", "generationConfig", ABSENT, {}, "Nothing is in it."),
    ("generate_content", "systemInstruction.role", ABSENT, "user", "The default."),
    ("gemini_embeddings", r"requests\.\d+\.content\.role", ABSENT, "user", "The default."),
    ("chat", "tools", ABSENT, [], "Nothing is in it."),
    ("chat", r"tools\.\d+\.function\.parameters\.additionalProperties", False, ABSENT, "The SDK's type of a schema loses it."),
    ("chat", r"messages\.\d+\.(tool_calls\.\d+\.id|tool_call_id)", ..., ABSENT, "The SDK's types lose the ids, which tell calls apart."),
    ("openai_embeddings", "encoding_format", ABSENT, "base64", "Some servers have only numbers. The model reads both."),
]
# What takes no part in the comparison: no SDK has it.
ONLY_HERE = {("chat", "unknown"), ("converse", "unknown")}
# Google reads both spellings of a name. The SDK sends those that it is given.
SPELLINGS = {"mime_type": "mimeType", "file_uri": "fileUri", "parameters_json_schema": "parametersJsonSchema",
             "thinking_level": "thinkingLevel", "thinking_budget": "thinkingBudget"}


def lines(*command, **more):
    output = processes.run(*command, stdout=subprocess.PIPE, text=True, timeout=600, **more).stdout
    calls = [json.loads(line) for line in output.splitlines()]
    return {(call["api"], call["feature"]): call for call in calls}


def spelled(value):
    """Returns what an SDK sends, with names as the models spell them."""
    if isinstance(value, dict):
        return {SPELLINGS.get(name, name): spelled(inner) for name, inner in value.items()}
    return [spelled(inner) for inner in value] if isinstance(value, list) else value


def parsed(text):
    """Returns the object that a text is as JSON: a schema, or arguments."""
    with contextlib.suppress(ValueError):
        return json.loads(text) if isinstance(text, str) and text.startswith("{") else None


def differences(ours, theirs, place=""):
    """Yields the places in which two JSON values differ."""
    if parsed(ours) is not None and parsed(ours) == parsed(theirs):
        return
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
    environment = processes.environment("ANTHROPIC_", "OPENAI_", "OTEL_", "CO_", "GEMINI_", "GOOGLE_", "AWS_", "BOTO", "OLLAMA_")
    try:
        python = processes.venv(folder, "tests/sdk/python/requirements.txt", "tests/sdk/bedrock/requirements.txt")
    except (subprocess.SubprocessError, OSError) as error:
        sys.exit(f"the SDKs cannot be installed (is the package registry reachable?): {error}")
    theirs = lines(python, "-B", "tests/sdk/python/bodies.py", env=environment)
    ours = lines("cargo", "run", "--quiet", "--all-features", "--package", "tower-llm-callbacks-tests", "--example", "bodies")
    found, used = [], set()
    if missing := (ours.keys() ^ theirs.keys()) - ONLY_HERE:
        found.append(f"only one side has {sorted(missing)}")
    common = [key for key in ours if key in theirs and options.only in " ".join(key)]
    for key in common:
        mine, sdks = ({"path": call.get("path"), "body": call["body"]} for call in (ours[key], theirs[key]))
        for place, mine, sdks in differences(mine, spelled(sdks)):
            place = place.removeprefix("body.")
            known = (at for at, (apis, places, here, there, _) in enumerate(DIFFERENCES)
                     if re.fullmatch(apis, key[0]) and re.fullmatch(places, place) and here in (..., mine) and there in (..., sdks))
            if (at := next(known, None)) is not None:
                used.add(at)
            else:
                found.append(f"{' '.join(key)}: {place or 'the body'} is {json.dumps(mine)}, the SDK sends {json.dumps(sdks)}")
    if not options.only:
        found += [f"no longer a difference: {entry}" for at, entry in enumerate(DIFFERENCES) if at not in used]
    if found:
        sys.exit("\n".join(found))
    print(f"{len(common)} calls of {len({api for api, _ in common})} APIs: the bodies are those of the SDKs")


processes.in_folder(options.folder, main)
