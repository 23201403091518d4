"""Checks the minimum supported Rust version that Cargo.toml states.

No dependency of a user's build may require a newer version. Clippy's `incompatible_msrv` checks the items of the
standard library that the crate uses. If rustup can install the toolchain, it also builds the crate.
"""

import json
import os
import shutil
import subprocess
import sys


def version(text):
    parts = [int(part) for part in text.split("-")[0].split(".")]
    return tuple(parts + [0] * (3 - len(parts)))


metadata = json.loads(
    subprocess.check_output(["cargo", "metadata", "--all-features", "--format-version", "1"])
)
packages = {package["id"]: package for package in metadata["packages"]}
nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
root = metadata["resolve"]["root"]
msrv = packages[root]["rust_version"]

seen, todo = set(), [root]
while todo:
    package = todo.pop()
    if package in seen:
        continue
    seen.add(package)
    for dependency in nodes[package]["deps"]:
        if any(kind["kind"] != "dev" for kind in dependency["dep_kinds"]):
            todo.append(dependency["pkg"])

newer = [
    f"{packages[package]['name']} {packages[package]['version']} needs {packages[package]['rust_version']}"
    for package in sorted(seen)
    if packages[package].get("rust_version") and version(packages[package]["rust_version"]) > version(msrv)
]
if newer:
    sys.exit(f"dependencies that require a newer Rust than {msrv}:\n" + "\n".join(newer))
print(f"{len(seen) - 1} dependencies declare support for Rust {msrv}")

if shutil.which("rustup"):
    target = os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "msrv")
    installed = subprocess.run(
        ["rustup", "toolchain", "install", msrv, "--profile", "minimal", "--no-self-update"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=600,
    )
    if installed.returncode == 0:
        subprocess.run(
            ["rustup", "run", msrv, "cargo", "check", "--package", "tower-llm-callbacks", "--all-features", "--target-dir", target],
            check=True,
        )
        print(f"built with Rust {msrv}")
    else:
        print(f"Rust {msrv} cannot be installed: checked by metadata and clippy only")
