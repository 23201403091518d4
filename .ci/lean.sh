#!/usr/bin/env bash
# Checks that the default build has no dependencies of optional features.
set -euo pipefail
cd "$(dirname "$0")/.."
found=$(cargo tree --package tower-llm-callbacks --edges normal --prefix none --no-default-features --format '{p}' | cut -d' ' -f1 | sort -u)
for crate in reqwest reqwest-middleware opentelemetry opentelemetry_sdk metrics anstream anstyle hyper hyper-util rustls compression-codecs async-nats axum genai-prices fancy-regex tiktoken; do
    if grep -qx "$crate" <<<"$found"; then
        echo "the default build depends on $crate"
        exit 1
    fi
done

# The features of all default members add up: what one of them asks for without a flag, the quickstart builds too.
if cargo tree --edges normal,build,dev --prefix none --format '{p}' | grep -q '^async-nats '; then
    echo "a default member turns on the feature nats without a flag: the quickstart would build async-nats"
    exit 1
fi
echo "$(wc -l <<<"$found") crates, none of the optional ones"
