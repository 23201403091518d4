"""Compares the bundled prices with the reference implementation, the Python package genai-prices, to 1e-9.

Each model of the crate's data is priced by provider and by URL, for random usages, tiers, dates and times of day. Both
sides read the data of the crate. The costs of recorded calls, played through the HTTP layer, are compared likewise, if
../shared is there. Needs the package registry of Python. `--folder DIR` keeps the installed package.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

os.chdir(Path(__file__).parent.parent)
sys.dont_write_bytecode = True
sys.path.insert(0, "tests/sdk")

import processes

options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
options.add_argument("--folder", type=Path)
options = options.parse_args()


def install(folder):
    try:
        return processes.venv(folder, "tests/prices/requirements.txt")
    except (subprocess.SubprocessError, OSError) as error:
        sys.exit(f"genai-prices cannot be installed (is the package registry reachable?): {error}")


def data():
    """Returns the file of the crate's data."""
    metadata = json.loads(subprocess.check_output(["cargo", "metadata", "--all-features", "--format-version", "1"]))
    manifests = [package["manifest_path"] for package in metadata["packages"] if package["name"] == "genai-prices"]
    return Path(manifests[0]).parent / "data/prices.json"


def main(folder):
    python = install(folder)
    build = ["cargo", "build", "--all-features", "--package", "tower-llm-callbacks-tests", "--example", "price_calls", "--message-format=json"]
    messages = map(json.loads, processes.run(*build, timeout=1800, stdout=subprocess.PIPE).stdout.splitlines())
    binaries = [it["executable"] for it in messages
                if it.get("executable") and it["target"]["name"] == "price_calls"]
    processes.run(python, "-B", "tests/prices/compare.py", data(), binaries[0], timeout=900)


processes.in_folder(options.folder, main)
