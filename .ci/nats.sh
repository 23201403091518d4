#!/usr/bin/env bash
# Installs a NATS server (Debian's package) if it is missing. The tests of the feature `nats` need it.
set -euo pipefail
if ! command -v nats-server >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update >/dev/null
    # The tests start their own servers.
    apt-get -qq install --yes --no-install-recommends nats-server >/dev/null
fi
nats-server --version
