#!/usr/bin/env bash
# What is published: it has no tests and scripts in it, and it builds with the oldest versions that it asks for.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
cargo package --quiet --package tower-llm-callbacks --no-verify --allow-dirty
crate=$(ls -t "$CARGO_TARGET_DIR"/package/tower-llm-callbacks-*.crate | head -n 1)

files=$(tar --list --file "$crate" | cut -d/ -f2-)
if unwanted=$(grep -E '^(\.ci|\.github|benches|fuzz|tests)/|\.(py|sh|mjs)$' <<<"$files"); then
    printf 'these files are not for users:\n%s\n' "$unwanted"
    exit 1
fi
echo "$(wc -l <<<"$files") files, $(stat --format %s "$crate") bytes"

# Only here is a nightly option used, and only to resolve: the compiler is the stable one.
folder="$CARGO_TARGET_DIR/minimal-versions"
rm -rf "$folder/source"
mkdir -p "$folder/source"
tar --extract --file "$crate" --directory "$folder/source" --strip-components 1
cd "$folder/source"
# Without what only its own tests and examples ask for, and not a member of the workspace around it.
manifest=$(awk '/^\[/ { skip = /^\[dev-dependencies|^\[\[example/ } !skip' Cargo.toml)
printf '%s\n\n[workspace]\n' "$manifest" >Cargo.toml
RUSTC_BOOTSTRAP=1 cargo generate-lockfile --quiet -Z direct-minimal-versions
CARGO_TARGET_DIR="$folder/target" cargo check --quiet --all-features
echo "it builds with the oldest direct dependencies that it allows"
