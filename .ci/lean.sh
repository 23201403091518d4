#!/usr/bin/env bash
# Checks that the default build has no dependencies of optional features.
set -euo pipefail
cd "$(dirname "$0")/.."
found=$(cargo tree --edges normal --prefix none --no-default-features --format '{p}' | cut -d' ' -f1 | sort -u)
for crate in opentelemetry opentelemetry_sdk metrics anstream anstyle hyper hyper-util rustls compression-codecs async-nats axum; do
    if grep -qx "$crate" <<<"$found"; then
        echo "the default build depends on $crate"
        exit 1
    fi
done
echo "the default build has $(wc -l <<<"$found") crates and no optional ones"
