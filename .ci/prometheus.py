"""Checks the gateway's metrics as scraped by Prometheus (Debian's package, installed if missing)."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

os.chdir(Path(__file__).parent.parent)
sys.dont_write_bytecode = True
sys.path.insert(0, "tests/sdk")

import processes

MESSAGES = {"max_tokens": 50, "messages": [{"role": "user", "content": "hi"}], "stream": True}
COMPLETED, CANCELLED, FAILED = 5, 3, 2


def install():
    if shutil.which("prometheus"):
        return
    for command in (("update",), ("install", "--yes", "--no-install-recommends", "prometheus")):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        processes.run("apt-get", "-qq", *command, timeout=600, env=environment, stdout=subprocess.DEVNULL)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(server, model, read_all=True):
    body = json.dumps(MESSAGES | {"model": model}).encode()
    request = urllib.request.Request(server.url + "/v1/messages", body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            answer.read() if read_all else answer.read(400)
    except urllib.error.HTTPError as error:
        error.read()


def query(base, text):
    url = f"{base}/api/v1/query?query={urllib.parse.quote(text)}"
    with urllib.request.urlopen(url, timeout=20) as answer:
        return json.load(answer)["data"]["result"]


def total(base, text):
    result = query(base, f"sum({text})")
    return float(result[0]["value"][1]) if result else 0.0


install()
binary = processes.gateway_binary()
with tempfile.TemporaryDirectory() as folder:
    gateway = processes.Server(binary, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--pace-ms", "5")
    line = gateway.line()
    assert line.startswith("metrics on http://"), line
    target = urllib.parse.urlsplit(line.split()[2]).netloc
    config = Path(folder) / "prometheus.yml"
    scrape = {"job_name": "gateway", "scrape_interval": "1s", "static_configs": [{"targets": [target]}]}
    # JSON is valid YAML.
    config.write_text(json.dumps({"scrape_configs": [scrape]}))
    port = free_port()
    prometheus = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
        ]
    )
    processes.RUNNING.append(prometheus)

    for _ in range(COMPLETED):
        ask(gateway, "joker")
    for _ in range(CANCELLED):
        ask(gateway, "slow", read_all=False)
    for _ in range(FAILED):
        ask(gateway, "error-529")

    base = f"http://127.0.0.1:{port}"
    expected = {
        'llm_runs_ended_total{outcome="completed",model="joker",provider="anthropic"}': COMPLETED,
        'llm_runs_ended_total{outcome="cancelled",model="slow"}': CANCELLED,
        'llm_runs_ended_total{outcome="provider",model="error-529"}': FAILED,
        "llm_runs_started_total": COMPLETED + CANCELLED + FAILED,
        "llm_runs_in_flight": 0,
        'llm_tokens_total{direction="output",model="joker"}': 24 * COMPLETED,
        'llm_token_events_total{model="joker"}': 24 * COMPLETED,
        'llm_time_to_first_token_seconds_count{model="joker"}': COMPLETED,
        'llm_inter_token_seconds_count{model="joker"}': 23 * COMPLETED,
        'llm_run_duration_seconds_count': COMPLETED + CANCELLED + FAILED,
        "llm_callbacks_faults_total": 0,
        "llm_callbacks_undelivered_events": 0,
    }
    until = time.monotonic() + 60
    while True:
        try:
            found = {text: total(base, text) for text in expected}
        except OSError:
            found = None
        if found == expected:
            break
        if time.monotonic() > until:
            sys.exit(f"Prometheus has {found}, expected {expected}")
        time.sleep(0.5)
    # The metadata of the series are correct.
    with urllib.request.urlopen(f"{base}/api/v1/metadata", timeout=20) as answer:
        metadata = json.load(answer)["data"]
    kinds = {name: entry[0]["type"] for name, entry in metadata.items() if name.startswith("llm_")}
    assert kinds["llm_runs_ended_total"] == "counter", kinds
    assert kinds["llm_inter_token_seconds"] == "histogram", kinds
    assert all(metadata[name][0]["help"] for name in kinds), metadata
    assert gateway.stop() == 0
    print(f"Prometheus has {len(expected)} correct values of {len(kinds)} metrics")
