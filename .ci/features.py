"""Prints the package's features, one per line."""

import json
import subprocess

metadata = json.loads(
    subprocess.check_output(["cargo", "metadata", "--no-deps", "--format-version", "1"])
)
package = next(package for package in metadata["packages"] if package["name"] == "tower-llm-callbacks")
for feature in sorted(package["features"]):
    if feature != "default":
        print(feature)
