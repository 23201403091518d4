#!/usr/bin/env bash
# A NATS server (Debian's package), installed where it is missing: what the tests of the feature `nats` need.
set -euo pipefail
if ! command -v nats-server >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update >/dev/null
    # No daemon is wanted: the tests start their own.
    apt-get -qq install --yes --no-install-recommends nats-server >/dev/null
fi
nats-server --version
