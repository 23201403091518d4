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
# The gateway alone needs more than the quickstart does.
wanted="client compression-codecs decompression-br decompression-deflate decompression-full decompression-gzip decompression-zstd default metrics otel prices usage "
enabled=$(cargo tree --quiet --edges features,normal,build,dev --invert tower-llm-callbacks --depth 1 |
    sed -n 's/^.── tower-llm-callbacks feature "\(.*\)".*/\1/p' | sort -u | tr '\n' ' ')
if [ "$enabled" != "$wanted" ]; then
    printf 'a default member turns on features without a flag, which the quickstart would build too:\n%s\nexpected:\n%s\n' "$enabled" "$wanted"
    exit 1
fi
echo "$(wc -l <<<"$found") crates, none of the optional ones"
