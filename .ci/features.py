"""Prints the package's features, one per line."""

import json
import subprocess

metadata = json.loads(
    subprocess.check_output(["cargo", "metadata", "--no-deps", "--format-version", "1"])
)
for feature in sorted(metadata["packages"][0]["features"]):
    if feature != "default":
        print(feature)
