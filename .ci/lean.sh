#!/usr/bin/env bash
# The default build has none of the crates that optional parts stand on.
set -euo pipefail
cd "$(dirname "$0")/.."
found=$(cargo tree --edges normal --prefix none --no-default-features --format '{p}' | cut -d' ' -f1 | sort -u)
for crate in opentelemetry opentelemetry_sdk metrics anstream anstyle hyper hyper-util rustls compression-codecs async-nats axum; do
    if grep -qx "$crate" <<<"$found"; then
        echo "the default build pulls in $crate"
        exit 1
    fi
done
echo "$(wc -l <<<"$found") crates, none of the optional ones"
