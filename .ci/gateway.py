"""Checks the gateway example from the outside: options, simulated provider, forwarding and shutdown.

Uses Python's standard library only. `--only TEXT` selects checks by name.
"""

import argparse
import contextlib
import gzip
import hashlib
import http.client
import http.server
import json
import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib
from pathlib import Path
from unittest import mock

os.chdir(Path(__file__).parent.parent)
sys.dont_write_bytecode = True
sys.path.insert(0, "tests/sdk")

import processes
import recorded
import scenarios

SECRET = "sk-must-not-be-reported"
MESSAGES = {"model": "joker", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}


def same(what, found, expected):
    if found != expected:
        raise AssertionError(f"{what}: {found!r}, expected {expected!r}")


@contextlib.contextmanager
def gateway(*options, errors=None):
    server = processes.Server(BINARY, "--listen", "127.0.0.1:0", *map(str, options), errors=errors)
    try:
        yield server
    finally:
        server.process.kill()


@contextlib.contextmanager
def before(upstream, *options):
    """Starts a gateway in front of the replay server, and yields it with the file of its events."""
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder) / "events.jsonl"
        with gateway("--upstream", upstream.url, "--events", events, *options) as server:
            yield server, events


def ask(server, method, path, body=None, headers=()):
    connection = http.client.HTTPConnection(*server.address, timeout=30)
    body = json.dumps(body).encode() if isinstance(body, dict) else body
    connection.request(method, path, body, dict(headers))
    answer = connection.getresponse()
    found = answer.status, answer.getheaders(), answer.read()
    connection.close()
    return found


def raw(server, request, end=b"\r\n\r\n"):
    """Sends bytes and reads until `end`."""
    connection = socket.create_connection(server.address, timeout=20)
    connection.sendall(request)
    found = b""
    while end not in found and (data := connection.recv(65536)):
        found += data
    return connection, found


def begin(server, body, path="/v1/messages"):
    """Starts a stream and reads its first token."""
    body = json.dumps(body | {"stream": True}).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
    return raw(server, head.encode() + body, b"text_delta")


def read_all(connection):
    found = b""
    with contextlib.suppress(ConnectionError):
        while data := connection.recv(65536):
            found += data
    return found


def events_of(file):
    lines = file.read_bytes().splitlines()
    runs = recorded.runs(map(json.loads, lines))
    for run in runs:
        same("the first event", run[0]["event"], "llm_start")
        same("the number of terminal events", [e["event"] in ("llm_end", "llm_error") for e in run].count(True), 1)
    return runs


def within(seconds, what, test):
    until = time.monotonic() + seconds
    while not test():
        if time.monotonic() > until:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def check_help():
    text = subprocess.run([BINARY, "--help"], check=True, stdout=subprocess.PIPE, text=True, timeout=20).stdout
    for option in ("--listen", "--upstream", "--provider", "--route", "--events", "--no-callbacks", "--grace", "--drain", "--pace-ms",
                   "--config", "--check", "--caller", "--admin-abort"):
        assert option in text, option


def check_mistakes_are_explained():
    for options in (["--upstream", "api.openai.com/v1"], ["--upstream", f"http://me:{SECRET}@localhost"], ["--events", "/no/such"]):
        ended = subprocess.run([BINARY, "--listen", "127.0.0.1:0", *options], capture_output=True, text=True, timeout=20)
        same("the exit code", ended.returncode, 1)
        same("standard output", ended.stdout, "")
        assert options[0] in ended.stderr and SECRET not in ended.stderr, ended.stderr


def check_simulated_provider():
    text = b"stand up by"
    prompt = {"contents": [{"parts": [{"text": "hi"}]}]}
    chat = {"model": "joker", "messages": MESSAGES["messages"]}
    calls = [
        ("/v1/messages", MESSAGES, b"event: message_stop"),
        ("/v1/chat/completions", chat, b"data: [DONE]"),
        ("/v1/completions", {"model": "joker", "prompt": "hi", "max_tokens": 50}, b"data: [DONE]"),
        ("/v1/responses", {"model": "joker", "input": "hi"}, b"event: response.completed"),
        ("/api/chat", chat, b'"done":true'),
        ("/api/generate", {"model": "joker", "prompt": "hi"}, b'"done":true'),
    ]
    with gateway("--pace-ms", 0) as server:
        for path, body, end in calls:
            for is_stream in (True, False):
                status, _, answer = ask(server, "POST", path, body | {"stream": is_stream})
                same(path, (status, text in answer or b" stand" in answer), (200, True))
                assert (end in answer) == is_stream or end == b'"done":true', answer
        model = "/v1beta/models/joker"
        assert text in ask(server, "POST", f"{model}:generateContent", prompt)[2]
        assert b"\r\n\r\ndata: {" in ask(server, "POST", f"{model}:streamGenerateContent?alt=sse", prompt)[2]
        same("an array", len(json.loads(ask(server, "POST", f"{model}:streamGenerateContent", prompt)[2])), 25)
        assert b"response.completed" in ask(server, "GET", "/v1/responses/resp_1?stream=true&starting_after=3")[2]
        same("models", ask(server, "GET", "/v1/models")[0], 200)
        same("no such path", ask(server, "GET", "/nowhere")[0], 404)
        same("an error", ask(server, "POST", "/v1/chat/completions", chat | {"model": "error-429"})[0], 429)
        cut = ask(server, "POST", "/v1/chat/completions", chat | {"model": "truncate", "stream": True})[2]
        assert b"[DONE]" not in cut


def check_simulated_calls_are_observed():
    chat = {"messages": MESSAGES["messages"]}
    prompt = {"contents": [{"parts": [{"text": "hi"}]}]}
    gemini = "/v1beta/models/joker:"
    calls = [
        ("messages", "/v1/messages", MESSAGES | {"tools": [{"name": "look"}]}),
        ("chat", "/v1/chat/completions", {"n": 2, "stream_options": {"include_usage": True},
            "tools": [{"type": "function", "function": {"name": "look"}}]} | chat),
        ("completions", "/v1/completions", {"prompt": "hi", "max_tokens": 50}),
        ("responses", "/v1/responses", {"input": "hi", "tools": [{"type": "function", "name": "look"}]}),
        ("gemini", f"{gemini}generateContent", prompt),
        ("gemini", f"{gemini}streamGenerateContent?alt=sse", prompt),
        ("gemini", f"{gemini}streamGenerateContent", prompt),
        ("ollama", "/api/chat", chat),
        ("ollama", "/api/generate", {"prompt": "hi"}),
    ]
    with gateway("--pace-ms", 0, "--events", "-") as server:
        for api, path, body in calls:
            for is_stream in (False, True):
                body = body | {"model": "joker"} | ({} if api == "gemini" else {"stream": is_stream})
                same(path, ask(server, "POST", path, body)[0], 200)
                run = []
                while not run or run[-1]["event"] not in ("llm_end", "llm_error"):
                    run.append(json.loads(server.line()))
                last = run[-1]["data"]
                tokens = [event["data"] for event in run[1:-1]]
                same(f"{path}: the end", (run[-1]["event"], last["decode_faults"]), ("llm_end", 0))
                same(f"{path}: the choices", len(last["choices"]), body.get("n", 1))
                for choice in last["choices"]:
                    text = "Here's a little joke for you:\n\nWhy can't a bicycle stand up by itself? Because it's two-tire"
                    same(f"{path}: the text", choice["text"], text)
                    joined = "".join(t["text"] for t in tokens if t["kind"] == "text" and t["choice"] == choice["index"])
                    same(f"{path}: the tokens", joined, text if last["streamed"] else "")
                    names = [(call["name"], call["arguments"]) for call in choice["tool_calls"]]
                    same(f"{path}: the tools", names, [("look", '{"city":"Paris"}')] if "tools" in body else [])
                assert last["usage"] or api == "completions", last


def check_http2():
    curl = shutil.which("curl")
    if not curl or "HTTP2" not in subprocess.run([curl, "--version"], stdout=subprocess.PIPE, text=True).stdout:
        return "skipped: curl does not support HTTP/2"
    with before(REPLAY) as (server, events):
        body = json.dumps(named("messages-text")["request"])
        command = [curl, "-sS", "--max-time", "20", "--http2-prior-knowledge", "-w", "%{http_version}", "-d", body]
        answer = subprocess.run([*command, f"{server.url}/v1/messages"], check=True, stdout=subprocess.PIPE).stdout
        assert b"message_stop" in answer and answer.endswith(b"2"), answer
        same("the exit code", server.stop(), 0)
        same("the end", [run[-1]["event"] for run in events_of(events)], ["llm_end"])


def named(name):
    return next(scenario for scenario in scenarios.ALL if scenario["name"] == name)


def sorted_headers(answer):
    """Sorts headers by name: only the order of equal names matters."""
    status, headers, body = answer
    headers = [(name, value) for name, value in headers if name.lower() != "date"]
    return status, sorted(headers, key=lambda header: header[0].lower()), body


def check_bytes_pass_unchanged():
    """Checks all replies, with and without the layer."""
    with before(REPLAY) as (with_layer, _), gateway("--upstream", REPLAY.url, "--no-callbacks") as without:
        for scenario in scenarios.ALL:
            if scenario["reply"].get("cut") or scenario.get("break_after"):
                continue
            path = {"messages": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}
            path = path.get(scenario["api"], "/v1/completions")
            expected = sorted_headers(ask(REPLAY, "POST", path, scenario["request"]))
            for server in (with_layer, without):
                found = ask(server, "POST", path, scenario["request"])
                same(scenario["name"], sorted_headers(found), expected)


def check_requests_pass_unchanged():
    with before(REPLAY) as (server, _):
        target = "/echo/%7Euser/a%20b//c;d?key=1&key=2&x=%2F+%00&&=?"
        sent = [("Host", "gateway.example"), ("X-CaSe", "kept"), ("x-twice", "1"), ("X-Other", "2"), ("x-twice", "3"),
                ("authorization", f"Bearer {SECRET}"), ("accept-encoding", "gzip, br"), ("x-empty", ""),
                ("Connection", "keep-alive, X-Hop"), ("X-Hop", "1"), ("Keep-Alive", "timeout=5"), ("TE", "trailers, gzip"),
                ("Upgrade", "websocket"), ("Proxy-Authorization", SECRET), ("Content-Length", "5")]
        head = "".join(f"{name}: {value}\r\n" for name, value in sent)
        _, answer = raw(server, f"PUT {target} HTTP/1.1\r\n{head}\r\nhello".encode(), b'"sha256"')
        headers, body = answer.split(b"\r\n\r\n", 1)
        got = json.loads(body)
        same("the target", (got["method"], got["target"], got["length"]), ("PUT", target, 5))
        hops = ("connection", "x-hop", "keep-alive", "te", "upgrade", "proxy-authorization", "host")
        expected = sorted((name, value) for name, value in sent if name.lower() not in hops)
        host = ("Host", ":".join(REPLAY.address))
        found = [(name.replace("host", "Host"), value) for name, value in map(tuple, got["headers"])]
        same("the headers", sorted(found, key=lambda h: h[0]), sorted([*expected, host, ("TE", "trailers")], key=lambda h: h[0]))
        answered = [line for line in headers.decode().split("\r\n")[1:] if not line.lower().startswith("date")]
        for line in ("x-one: 1", "X-Two: 2", "x-one: again"):
            assert line in answered, answered
        assert not any("x-hop" in line for line in answered), answered


def check_methods_and_paths():
    with before(REPLAY) as (server, _):
        for method in ("GET", "DELETE", "PATCH", "OPTIONS"):
            same(method, json.loads(ask(server, method, "/echo/unknown/path")[2])["method"], method)
        status, headers, body = ask(server, "HEAD", "/echo")
        same("HEAD", (status, body, int(dict(headers)["content-length"]) > 0), (200, b"", True))


def check_trailers():
    with before(REPLAY) as (server, _):
        request = b"GET /trailers HTTP/1.1\r\nhost: x\r\nte: trailers\r\nconnection: te\r\n\r\n"
        answer = raw(server, request, b"\r\n0\r\nx-sum: 5\r\n\r\n")[1]
        assert answer.endswith(b"\r\n5\r\nhello\r\n0\r\nx-sum: 5\r\n\r\n"), answer


class Raw:
    """An upstream that answers each request with the same bytes, and keeps what it got."""

    def __init__(self, answer, end=b"\r\n\r\n"):
        self.listener, self.seen = socket.create_server(("127.0.0.1", 0)), []
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]

        def serve():
            while True:
                connection, _ = self.listener.accept()
                got = b""
                while end not in got and (data := connection.recv(65536)):
                    got += data
                self.seen.append(got)
                connection.sendall(answer)
                connection.close()

        threading.Thread(target=serve, daemon=True).start()


def check_a_transfer_coding_overrides_the_length():
    for length in (3, 500):
        both = f"content-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".encode()
        upstream = Raw(b"HTTP/1.1 200 OK\r\n" + both, b"\r\n0\r\n\r\n")
        for options in (["--upstream", upstream.url], ["--upstream", upstream.url, "--no-callbacks"]):
            with gateway(*options) as server:
                answer = raw(server, b"POST /v1/messages HTTP/1.1\r\nhost: x\r\n" + both, b"\r\n0\r\n\r\n")[1].lower()
                assert b"content-length" not in answer and answer.endswith(b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), answer
                got = upstream.seen.pop().lower()
                assert b"content-length" not in got and got.endswith(b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), got


def check_large_bodies():
    large = b"x" * (20 << 20)
    expected = (len(large), hashlib.sha256(large).hexdigest())
    with before(REPLAY) as (server, _):
        for path in ("/echo", "/echo/v1/messages"):
            for body in (large, iter([large[:1000], large[1000:]])):
                got = json.loads(ask(server, "POST", path, body)[2])
                same("the body", (got["length"], got["sha256"]), expected)


def check_100_continue():
    with before(REPLAY) as (server, _):
        request = b"POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n"
        connection, answer = raw(server, request)
        assert answer.startswith(b"HTTP/1.1 100 "), answer
        connection.sendall(b"hello")
        assert b"HTTP/1.1 200 " in connection.recv(65536)


def check_upstream_down():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = "http://127.0.0.1:%d" % unused.getsockname()[1]
    with gateway("--upstream", url, "--events", "-") as server:
        headers = {"x-api-key": SECRET}
        status, _, body = ask(server, "POST", f"/v1/messages?key={SECRET}", MESSAGES, headers)
        error = json.loads(body)["error"]
        same("the answer", (status, error["type"], "--upstream" in error["message"]), (502, "upstream_error", True))
        run = [json.loads(server.line()), json.loads(server.line())]
        same("the run", [event["event"] for event in run], ["llm_start", "llm_error"])
        same("the error", run[1]["data"]["error"]["kind"], "transport")
        assert SECRET not in body.decode() + json.dumps(run)


def check_locations_come_back_to_the_gateway():
    port = REPLAY.address[1]
    with gateway("--upstream", REPLAY.url) as plain, gateway("--upstream", f"{REPLAY.url}/base/") as prefixed:
        for server, to, expected in [
            (plain, f"{REPLAY.url}/v1/next?a=%2F&b#c", "/v1/next?a=%2F&b#c"),
            (plain, f"HTTP://127.0.0.1:{port}/v1/next", "/v1/next"),
            (plain, REPLAY.url, "/"),
            (plain, f"{REPLAY.url}?a", "/?a"),
            (plain, f"//127.0.0.1:{port}/x//y", "/x//y"),
            (plain, "/v1/next", "/v1/next"),
            (plain, "next", "next"),
            (plain, "?a=http://x//y", "?a=http://x//y"),
            (plain, f"https://127.0.0.1:{port}/v1/next", None),
            (plain, "http://127.0.0.1:1/v1/next", None),
            (plain, f"http://127.0.0.1.example:{port}/v1/next", None),
            (plain, f"http://me@127.0.0.1:{port}/v1/next", None),
            (plain, "https://other.example/v1/next", None),
            (prefixed, f"{REPLAY.url}/base/v1/next", "/v1/next"),
            (prefixed, f"{REPLAY.url}/base", "/"),
            (prefixed, f"{REPLAY.url}/base?a", "/?a"),
            (prefixed, "/base/v1/next", "/v1/next"),
            (prefixed, f"{REPLAY.url}/based/v1/next", None),
            (prefixed, f"{REPLAY.url}/v1/next", None),
        ]:
            status, headers, _ = ask(server, "GET", f"/redirect?to={urllib.parse.quote(to, safe='')}")
            found = {name.lower(): value for name, value in headers}
            expected = to if expected is None else expected
            same(to, (status, found["location"], found["content-location"]), (307, expected, expected))


UPGRADE = b"GET /v1/responses HTTP/1.1\r\nhost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n" \
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"


def check_websockets_are_refused():
    for options in (["--upstream", REPLAY.url], ["--pace-ms", 0], ["--upstream", REPLAY.url, "--no-callbacks"]):
        with gateway(*options) as server:
            connection, answer = raw(server, UPGRADE, b'"type":"error"}')
            head, body = answer.split(b"\r\n\r\n", 1)
            head = head.lower()
            assert head.startswith(b"http/1.1 426 "), head
            assert b"\r\nupgrade: http/1.1" in head and b"\r\nconnection: upgrade" in head, head
            same("the error", json.loads(body)["error"]["type"], "websocket_refused")
            # The connection goes on with HTTP.
            connection.sendall(b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 "), "the connection was closed"
            connection.close()
            answer = raw(server, b"CONNECT other.example:443 HTTP/1.1\r\nhost: other.example:443\r\n\r\n", b'"type":"error"}')[1]
            assert answer.startswith(b"HTTP/1.1 405 "), answer


def h2_frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def h2_header(name, value):
    """A literal header field that is not indexed, after RFC 7541."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def check_extended_connect_is_refused():
    with before(REPLAY) as (server, _):
        connection = socket.create_connection(server.address, timeout=20)
        fields = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), (b":scheme", b"http"), (b":path", b"/v1/responses"),
                  (b":authority", b"x")]
        headers = b"".join(h2_header(*field) for field in fields)
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + h2_frame(4, 0, 0, b"") + h2_frame(1, 4, 1, headers))
        found, settings, status = b"", b"", None
        while status is None:
            data = connection.recv(65536)
            assert data, "the connection was closed"
            found += data
            while len(found) >= 9 and len(found) >= 9 + (size := int.from_bytes(found[:3], "big")):
                kind, payload, found = found[3], found[9:9 + size], found[9 + size:]
                settings += payload if kind == 4 else b""
                if kind == 1:
                    status = payload
                # The server does not wait for the end of the request.
                assert status is not None or kind not in (3, 7), (kind, payload)
        assert struct.pack(">HI", 8, 1) in settings, "extended CONNECT is not announced"
        # 426, in plain text or in Huffman's code.
        assert b"426" in status or bytes.fromhex("684e7f") in status, status
        connection.close()


def check_routes():
    chat = {"model": "chat-text", "stream": True, "messages": MESSAGES["messages"]}
    with before(REPLAY, "--route", "/llm/*=chat_completions", "--route", "/llm/claude=messages", "--provider", "mine") as (server, events):
        ask(server, "POST", "/llm/chat", chat)
        ask(server, "POST", "/llm/x/../cl%61ude/", MESSAGES)
        ask(server, "GET", "/v1/models")
        same("the exit code", server.stop(), 0)
        starts = [run[0]["data"] for run in events_of(events)]
        same("the calls", [(it["provider"], it["api"]) for it in starts], [("mine", "chat_completions"), ("mine", "messages")])
    for route, expected in (("/llm=nothing", "messages, chat_completions, completions, responses, generate_content, ollama_chat, ollama_generate"),
                            ("/llm", "PATH=FORMAT"), ("llm=messages", "must start with")):
        ended = subprocess.run([BINARY, "--listen", "127.0.0.1:0", "--route", route], capture_output=True, text=True, timeout=20)
        assert ended.returncode == 2 and "--route" in ended.stderr and expected in ended.stderr, ended.stderr
    ended = subprocess.run([BINARY, "--provider", ""], capture_output=True, text=True, timeout=20)
    assert ended.returncode == 2 and "--provider" in ended.stderr, ended.stderr


def check_the_provider_is_known_by_the_upstream():
    # Nobody listens there, or the name is not known here: the call starts all the same.
    for upstream, options, expected in (("http://api.groq.com:1", [], "groq"), ("http://127.0.0.1:1", [], "openai"),
                                        ("http://127.0.0.1:1", ["--provider", "mine"], "mine")):
        with gateway("--upstream", upstream, "--events", "-", *options) as server:
            ask(server, "POST", "/v1/chat/completions", {"model": "m", "messages": []})
            same(upstream, json.loads(server.line())["data"]["provider"], expected)


def check_unobserved_requests_are_counted():
    with gateway("--pace-ms", 0, "--admin", "127.0.0.1:0") as server:
        admin = server.line().split()[2].removesuffix("/metrics")
        for _ in range(3):
            ask(server, "GET", "/v1/models")
        ask(server, "POST", "/v1/messages/count_tokens", MESSAGES)
        ask(server, "GET", f"/v1/files/{SECRET}/content")
        ask(server, "POST", "/v1/messages", MESSAGES)
        raw(server, UPGRADE)[0].close()
        with urllib.request.urlopen(f"{admin}/metrics", timeout=20) as answer:
            metrics = answer.read().decode()
        found = sorted(line for line in metrics.splitlines() if line.startswith("gateway_unobserved_requests_total"))
        row = lambda method, path, count: f'gateway_unobserved_requests_total{{method="{method}",path="{path}"}} {count}'
        expected = [row("GET", "/v1/files/{}/content", 1), row("GET", "/v1/models", 3), row("GET", "/v1/responses", 1),
                    row("POST", "/v1/messages/count_tokens", 1)]
        same("the counters", found, expected)
        assert SECRET not in metrics
        with urllib.request.urlopen(f"{admin}/events", timeout=20) as events:
            line = b""
            while not line.startswith(b"event: unobserved"):
                line = events.readline()
            rows = json.loads(events.readline().removeprefix(b"data: "))
        same("the page", sum(row["requests"] for row in rows), 6)


def check_broken_uploads_are_the_clients():
    head = b"POST /v1/messages HTTP/1.1\r\nhost: x\r\n"
    chunked = b"transfer-encoding: chunked\r\n\r\n"
    by_model = tempfile.NamedTemporaryFile("w", suffix=".toml")
    by_model.write(f'[[upstreams]]\nurl = "{REPLAY.url}"\nmodels = ["a"]\n')
    by_model.flush()
    for options in (["--upstream", REPLAY.url], ["--pace-ms", 0], ["--upstream", REPLAY.url, "--config", by_model.name]):
        for name, sent, kind in [
            ("half a length", head + b"content-length: 500\r\n\r\n{", "cancelled"),
            ("half a chunk", head + chunked + b"50\r\n{", "cancelled"),
            ("no last chunk", head + chunked + b"1\r\n{\r\n", "cancelled"),
            ("no size", head + chunked + b"1\r\n{\r\nzz\r\n", "invalid"),
            ("a negative size", head + chunked + b"-5\r\n", "invalid"),
            ("a chunk without an end", head + chunked + b"1\r\n{xx5\r\n", "invalid"),
        ]:
            with tempfile.TemporaryDirectory() as folder:
                events = Path(folder) / "events.jsonl"
                with gateway(*options, "--events", events) as server:
                    connection = socket.create_connection(server.address, timeout=20)
                    connection.sendall(sent)
                    if kind == "cancelled":
                        time.sleep(0.1)
                        connection.close()
                    else:
                        answer = connection.recv(65536)
                        assert answer.startswith(b"HTTP/1.1 400 "), (name, answer)
                    within(5, f"{name}: the run ends", lambda: events.exists() and b"llm_error" in events.read_bytes())
                    same(name, events_of(events)[0][-1]["data"]["error"]["kind"], kind)


def check_client_leaves():
    with before(REPLAY) as (server, events):
        before_call = len(json.loads(REPLAY.get("/seen")))
        connection, _ = begin(server, MESSAGES | {"model": "endless"})
        connection.close()
        seen = lambda: json.loads(REPLAY.get("/seen"))[before_call:]
        within(5, "the upstream sees the close", lambda: seen() == [{"name": "endless", "ended": "closed"}])
        within(5, "the run ends", lambda: b"llm_error" in events.read_bytes())
        same("the error", events_of(events)[0][-1]["data"]["error"]["kind"], "cancelled")


def check_client_leaves_and_its_answer_is_drained():
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder) / "events.jsonl"
        with gateway("--pace-ms", 20, "--events", events, "--drain", 20) as server:
            connection, _ = begin(server, MESSAGES)
            connection.close()
            within(15, "the run ends", lambda: b"llm_error" in events.read_bytes())
        end = events_of(events)[0][-1]["data"]
        same("the error", end["error"]["kind"], "cancelled")
        assert end["choices"][0]["finish_reason"] and end["usage"]["source"]["output"] == "reported", end
    with before(REPLAY, "--drain", 1) as (server, events):
        before_call = len(json.loads(REPLAY.get("/seen")))
        connection, _ = begin(server, MESSAGES | {"model": "endless"})
        connection.close()
        seen = lambda: json.loads(REPLAY.get("/seen"))[before_call:]
        within(5, "the upstream sees the close", lambda: seen() == [{"name": "endless", "ended": "closed"}])
        within(5, "the run ends", lambda: b"llm_error" in events.read_bytes())
        same("the error", events_of(events)[0][-1]["data"]["error"]["kind"], "cancelled")


def check_stops_after_streams():
    with before(REPLAY) as (server, events):
        request = named("messages-stop-reading")["request"]
        connection, start = begin(server, request)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        try:
            socket.create_connection(server.address, timeout=5).close()
            raise AssertionError("the gateway still accepts connections")
        except ConnectionRefusedError:
            pass
        assert b"message_stop" in start + read_all(connection)
        same("the exit code", server.process.wait(20), 0)
        run = events_of(events)[0]
        same("the end", (run[-1]["event"], run[-1]["data"]["tokens"]), ("llm_end", 100))


def check_stops_after_grace():
    for stop in (signal.SIGTERM, signal.SIGINT):
        with before(REPLAY, "--grace", 1) as (server, events):
            connection, _ = begin(server, MESSAGES | {"model": "endless"})
            idle = socket.create_connection(server.address)
            started = time.monotonic()
            server.process.send_signal(stop)
            assert b"message_stop" not in read_all(connection)
            same("the exit code", server.process.wait(20), 0)
            assert 0.9 < time.monotonic() - started < 6, time.monotonic() - started
            same("the error", events_of(events)[0][-1]["data"]["error"]["kind"], "cancelled")
            idle.close()


def check_answers_without_clients_have_an_end():
    silent = socket.create_server(("127.0.0.1", 0))
    for upstream in (REPLAY.url, "http://127.0.0.1:%d" % silent.getsockname()[1]):
        for grace, signals in ((1, 1), (30, 3)):
            with tempfile.TemporaryDirectory() as folder:
                events = Path(folder) / "events.jsonl"
                with gateway("--upstream", upstream, "--events", events, "--drain", 60, "--grace", grace) as server:
                    body = json.dumps(MESSAGES | {"model": "endless", "stream": True}).encode()
                    head = f"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
                    for connection in [socket.create_connection(server.address) for _ in range(2)]:
                        connection.sendall(head + body)
                        time.sleep(0.3)
                        connection.close()
                    for _ in range(signals):
                        time.sleep(0.3)
                        server.process.send_signal(signal.SIGTERM)
                    same("the exit code", server.process.wait(10), 0)
                ends = [run[-1]["data"]["error"]["kind"] for run in events_of(events)]
                same("the ends", ends, ["cancelled"] * 2)


def check_stops_when_asked_twice():
    with before(REPLAY) as (server, events):
        begun = begin(server, MESSAGES | {"model": "endless"})
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        same("the exit code", server.process.wait(10), 0)
        same("the error", events_of(events)[0][-1]["data"]["error"]["kind"], "cancelled")
        begun[0].close()


def check_out_of_file_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with gateway("--pace-ms", 0) as server:
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (40, hard))
        idle = [socket.create_connection(server.address, timeout=5) for _ in range(60)]
        time.sleep(0.5)
        for connection in idle:
            connection.close()
        same("an answer afterwards", ask(server, "POST", "/v1/messages", MESSAGES)[0], 200)


def check_silent_clients():
    with before(REPLAY, "--client-timeout", 1) as (server, events):
        body = json.dumps(MESSAGES).encode()
        head = f"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        sent = {"nothing": b"", "half a head": head[:20], "half a body": head + body[:9]}
        silent = {}
        for name, data in sent.items():
            silent[name] = socket.create_connection(server.address, timeout=20)
            silent[name].sendall(data)
        for name in ["nothing", "half a head"]:
            # hyper may answer half a head with 408.
            found = silent[name].recv(65536)
            assert found == b"" or found.startswith(b"HTTP/1.1 408"), (name, found)
        found = silent["half a body"].recv(65536)
        assert found.startswith(b"HTTP/1.1 408"), found
        # That is the client's failure, not the upstream's.
        within(5, "the run ends", lambda: b"llm_error" in events.read_bytes())
        same("the error", events_of(events)[0][-1]["data"]["error"]["kind"], "cancelled")
        # A stream may pause: its client is not silent, it waits.
        connection, _ = begin(server, MESSAGES | {"model": "endless"})
        time.sleep(2.5)
        connection.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            assert connection.recv(65536), "the connection was closed"
        connection.close()


def check_many_streams():
    with before(REPLAY) as (server, events):
        begun = [begin(server, MESSAGES | {"model": "endless"})[0] for _ in range(100)]
        for connection in begun:
            connection.close()
        same("the exit code", server.stop(), 0)
        ends = {run[-1]["data"]["error"]["kind"] for run in events_of(events)}
        same("the ends", (len(events_of(events)), ends), (100, {"cancelled"}))


def configured(folder, text, name="gateway.toml"):
    file = Path(folder) / name
    file.write_text(text)
    return file


@contextlib.contextmanager
def gateway_with(text, *options, environment=None):
    """Starts a gateway with a configuration, and yields it, the URL of its admin listener, and the folder of the file.

    `FOLDER` in the text is that folder.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = configured(folder, text.replace("FOLDER", folder))
        with mock.patch.dict(os.environ, environment or {}), \
                gateway("--config", file, "--admin", "127.0.0.1:0", *options, errors=f"{folder}/errors") as server:
            yield server, server.line().split()[2].removesuffix("/metrics"), Path(folder)


def reload(server, admin, file, text):
    """Has the gateway read another text, and waits until it has done so."""
    file.write_text(text)
    before = server.errors_seen()
    server.process.send_signal(signal.SIGHUP)
    within(10, "the reload", lambda: "the configuration" in server.errors_seen()[len(before):])


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def configuration_checked(*options, environment=None):
    environment = os.environ | (environment or {})
    return subprocess.run([BINARY, "--check", *map(str, options)], capture_output=True, text=True, timeout=20, env=environment)


class Stub:
    """An upstream that answers a chat with a text, or a receiver that answers with other bytes, after a while."""

    def __init__(self, text="fine", status=200, answer=None, pause=0):
        self.seen, stub = [], self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                stub.seen.append((self.path, dict(self.headers), body))
                message = {"role": "assistant", "content": stub.text}
                answer = {"id": "1", "object": "chat.completion", "model": "m", "usage": {"prompt_tokens": 10, "completion_tokens": 20},
                          "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
                data = json.dumps(answer).encode() if stub.answer is None else stub.answer
                time.sleep(stub.pause)
                self.send_response(stub.status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self.text, self.status, self.answer, self.pause = text, status, answer, pause
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def hashed(key):
    return hashlib.sha256(key.encode()).hexdigest()


def check_the_configuration_of_the_guide():
    text = Path("examples/gateway/gateway.toml").read_text()
    guide = Path("src/guide/gateway.md").read_text()
    assert f"```toml\n{text}```" in guide, "the guide does not show examples/gateway/gateway.toml"
    ended = configuration_checked("--config", "examples/gateway/gateway.toml")
    same("the check", (ended.returncode, ended.stdout, ended.stderr), (0, "the configuration is valid\n", ""))


def check_configuration_errors():
    tenant = f'[[tenants]]\nname = "a"\nkey_sha256 = ["{hashed("k")}"]\n'
    for text, line, *expected in [
        ("listen = \n", 1, "syntax"),
        ("grace = 1\nlistn = 'x'\n", 2, "listn", "`listen`"),
        ("\n\nlisten = 'here'\n", 3, "listen"),
        ("grace = 'soon'\n", 1, "grace", "90s"),
        ("content = 'some'\n", 1, "content", "`full`, `off`"),
        ("admin = 'x'\n", 1, "admin", "127.0.0.1:9090"),
        ("admin = 8080\n", 1, "admin", "another port"),
        ("listen = '0.0.0.0:7000'\nadmin = 7000\n", 2, "admin", "another port"),
        ("listen = 'x:1:2'\n", 1, "listen", "127.0.0.1:9090"),
        ("drain = 1.5\n", 1, "drain", "whole number of seconds"),
        ("drain = -1\n", 1, "drain", "whole number of seconds"),
        ("content = -1\n", 1, "content", "`full`, `off`"),
        ("upstream = 'http:///x'\n", 1, "upstream", "https://api.openai.com"),
        ("upstream = 'http://h:99999'\n", 1, "upstream", "65535"),
        ("admin = 9\nreplay = '/no/such.jsonl'\n", 2, "replay", "can be read"),
        ("no_callbacks = true\n[budget]\ntokens = 1\n", 1, "no_callbacks", "budgets limit nothing"),
        ("no_callbacks = true\nevents = 'a'\n", 1, "no_callbacks", "sinks get nothing"),
        ("[[upstreams]]\nurl = 'http://a'\nmodels = []\n", 3, "upstreams[0].models", "leave it out"),
        ("[[upstreams]]\nurl = 'http://a'\n[[upstreams]]\nurl = 'http://b'\nmodels = ['m']\n", 3, "upstreams[1]", "upstreams[0] takes all"),
        ("[[upstreams]]\nurl = 'http://a'\nmount = '/x'\n[[upstreams]]\nurl = 'http://b'\nmount = '/x/y'\n", 4, "upstreams[1]", "upstreams[0] takes all"),
        ("upstream = 'http://a'\n[[upstreams]]\nurl = 'http://b'\n", 1, "upstream", "upstreams[0] takes all"),
        ("[budget]\ntokens = '300k'\n", 2, "budget.tokens", "a whole number"),
        ("[prices]\n", 1, "prices", "`bundled = true`"),
        ("[[sinks]]\njsonl = { path = '/usr' }\n", 2, "sinks[0].jsonl.path", "a folder"),
        ("[[sinks]]\notlp = { endpoint = 'http://a/v1/traces/' }\n", 2, "sinks[0].otlp.endpoint", "leave /v1/traces out"),
        ("[[sinks]]\notlp = { endpoint = 'http://a:99999' }\n", 2, "sinks[0].otlp.endpoint", "4318"),
        ("routes = ['/a=messages', '/b=nothing']\n", 1, "routes", "messages"),
        ("callers = ['header:authorization=user']\n", 1, "callers", "credentials"),
        ("upstream = 'api.openai.com'\n", 1, "upstream", "https://api.openai.com"),
        ("admin_abort = true\n", 1, "admin_abort", "requires --admin"),
        ("[[upstreams]]\nurl = 'http://a'\n\n[[upstreams]]\nmodels = ['m']\n", 4, "upstreams[1]", "missing field `url`"),
        ("[[upstreams]]\nurl = 'ftp://a'\n", 2, "upstreams[0].url", "http or https"),
        (f"[[upstreams]]\nmodels = ['m']\nurl = 'http://u:{SECRET}@a'\n", 3, "upstreams[0].url", "credentials"),
        ("[[upstreams]]\nurl = 'http://a'\nkey_env = 'NO_SUCH_VARIABLE'\n", 3, "upstreams[0].key_env", "NO_SUCH_VARIABLE", "set it"),
        (f"[[upstreams]]\nurl = 'http://a'\nkey_env = '{SECRET}'\n", 3, "upstreams[0].key_env", "the name of an environment variable"),
        ("provider = 'a'\n[[upstreams]]\nurl = 'http://a'\n", 1, "provider", "[[upstreams]]"),
        (tenant + "[[sinks]]\njsonl = { path = 'a' }\nsample = { share = 1, tenants = { a = 1, b = 1 } }\n", 6, "tenants.b", "no tenant"),
        ("[[upstreams]]\nurl = 'http://a'\nmount = 'x'\n", 3, "upstreams[0].mount", "/groq"),
        ("[[upstreams]]\nurl = 'http://a'\nmount = '/x/../y'\n", 3, "upstreams[0].mount", "without dot segments"),
        ("[[upstreams]]\nurl = 'http://a'\npaths = [\n  '/a',\n  '/*/*'\n]\n", 5, "upstreams[0].paths[1]", "one `*`"),
        ("[[tenants]]\nname = 'a'\n", 1, "tenants[0]", "`key_sha256` or `key_env`"),
        (f"[[tenants]]\nname = 'a'\nkey_sha256 = ['{SECRET}']\n", 3, "tenants[0].key_sha256", "sha256sum"),
        (tenant + tenant, 5, "tenants[1].name", "another tenant"),
        (tenant + tenant.replace('"a"', '"b"'), 4, "tenants[1]", "given twice"),
        (tenant + "budget = { money = '1', every = '1h' }\n", 4, "tenants[0].budget.money", "[prices]"),
        ("[budget]\nevery = '1h'\n", 1, "budget", "`tokens` or `money`"),
        ("[budget]\ntokens = -1\n", 2, "budget.tokens"),
        ("[prices]\nfile = '/no/such.json'\n", 2, "prices.file", "/no/such.json"),
        ("[[sinks]]\nmask = 'personal-data'\n", 1, "sinks[0]", "exactly one"),
        ("[[sinks]]\njsonl = { path = 'a' }\nmask = 'all'\n", 3, "sinks[0].mask", "`personal-data`"),
        ("[[sinks]]\njsonl = { path = '/no/such/a' }\n", 2, "sinks[0].jsonl.path", "create it"),
        ("[[sinks]]\n[sinks.jsonl]\npath = 'a'\nmax_size = '3 miles'\n", 4, "sinks[0].jsonl.max_size", "64MiB"),
        ("events = 'a'\n[[sinks]]\njsonl = { path = 'a' }\n", 3, "sinks[0].jsonl.path", "another sink"),
        ("events = 'a.jsonl'\n[[sinks]]\njsonl = { path = './a.jsonl' }\n", 3, "sinks[0].jsonl.path", "another sink"),
        ("events = '/usr/a'\n[[sinks]]\njsonl = { path = '/usr/../usr/a' }\n", 3, "sinks[0].jsonl.path", "another sink"),
        ("[[sinks]]\njsonl = { path = 'a', every = '1h' }\n[[sinks]]\njsonl = { path = 'a.1' }\n", 4, "sinks[1].jsonl.path", "an old file"),
        ("[[sinks]]\njsonl = { path = './a.12' }\n[[sinks]]\njsonl = { path = 'a', every = '1h' }\n", 4, "sinks[1].jsonl.path", "an old file"),
        ("[[sinks]]\njsonl = { path = 'a', every = '1h', keep = 9000000000000000000 }\n", 2, "sinks[0].jsonl.keep", "10000"),
        ("client_timeout = '18446744073709551615'\n", 1, "client_timeout", "100 years"),
        (f"[[sinks]]\notlp = {{ endpoint = 'http://me:{SECRET}@a' }}\n", 2, "sinks[0].otlp.endpoint", "headers_env"),
        (f"[[sinks]]\notlp = {{ endpoint = 'http://a/?api_key={SECRET}' }}\n", 2, "sinks[0].otlp.endpoint", "headers_env"),
        ("[[sinks]]\njsonl = { path = 'a' }\nsample = { share = 2 }\n", 3, "sinks[0].sample.share", "between 0 and 1"),
        ("[[sinks]]\njsonl = { path = 'a' }\nsample = { share = 1, keep_dearer_than = '1' }\n", 3, "keep_dearer_than", "[prices]"),
        ("[[sinks]]\notlp = { endpoint = 'here' }\n", 2, "sinks[0].otlp.endpoint", "4318"),
        ("[limits]\nconnections = 0\n", 2, "limits.connections", "leave it out"),
    ]:
        with tempfile.TemporaryDirectory() as folder:
            file = configured(folder, text)
            ended = configuration_checked("--config", file)
            found = ended.stderr
            same(f"{text}: the exit code", ended.returncode, 1)
            assert f"{file}:{line}: " in found, (text, found)
            assert all(it in found for it in expected) and SECRET not in found, (text, found)
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "prices.json"
        table.write_text('{"currency": "EUR", "models": {"m": {"input": 1, "output": 2}}}')
        file = configured(folder, f"[prices]\nbundled = true\nfile = '{table}'\n")
        ended = configuration_checked("--config", file)
        assert ended.returncode == 1 and f"{file}:3: prices.file: " in ended.stderr and "in EUR" in ended.stderr, ended.stderr
    for listen in ("0", ":0", "localhost:0", "127.0.0.1:0"):
        same(listen, configuration_checked("--listen", listen).returncode, 0)
    # What only the start finds out has its key too.
    with tempfile.TemporaryDirectory() as folder:
        file = configured(folder, "[[sinks]]\njsonl = { path = '/proc/nothing' }\n")
        ended = subprocess.run([BINARY, "--listen", "0", "--config", file], capture_output=True, text=True, timeout=20)
        assert ended.returncode == 1 and f"{file}:2: sinks[0].jsonl.path: /proc/nothing: " in ended.stderr, ended.stderr
    ended = configuration_checked("--config", "/no/such.toml")
    assert ended.returncode == 1 and "--config /no/such.toml" in ended.stderr, ended.stderr
    ended = configuration_checked("--replay", "a")
    assert ended.returncode == 1 and "--replay" in ended.stderr, ended.stderr


def check_options_precede_the_file():
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder) / "events.jsonl"
        file = configured(folder, f'upstream = "http://127.0.0.1:1"\nprovider = "mine"\nevents = "{events}"\nroutes = ["/a=messages"]\n')
        with gateway("--config", file, "--upstream", REPLAY.url, "--route", "/b=chat_completions") as server:
            same("the upstream", ask(server, "GET", "/echo")[0], 200)
            ask(server, "POST", "/a", MESSAGES)
            ask(server, "POST", "/b", CHAT)
            same("the exit code", server.stop(), 0)
        starts = [run[0]["data"] for run in events_of(events)]
        same("the calls", [(it["provider"], it["api"]) for it in starts], [("mine", "messages"), ("mine", "chat_completions")])


def check_upstreams_by_path_and_model():
    one, two, rest = Stub(), Stub(), Stub()
    text = f"""
        upstream = "{rest.url}"
        events = "FOLDER/events.jsonl"
        [[upstreams]]
        url = "{one.url}/base"
        mount = "/groq"
        provider = "groq"
        [[upstreams]]
        url = "{two.url}"
        provider = "two"
        models = ["claude-*", "gemini-2"]
        key_env = "TWO_KEY"
    """
    secret = "the-provider-s-key"
    with gateway_with(text, environment={"TWO_KEY": secret}) as (server, _, folder):
        body = CHAT | {"padding": "x" * 100_000, "model": "claude-3"}
        key = {"authorization": "Bearer of-the-client"}
        same("by path", ask(server, "POST", "/groq/v1/chat/completions?a=b", CHAT, key.items())[0], 200)
        same("by model", ask(server, "POST", "/v1/chat/completions", body, key.items())[0], 200)
        # The key of the client does not go on in another header.
        both = {"x-api-key": "of-the-client", "api-key": "of-the-client"}
        ask(server, "POST", "/v1/chat/completions", iter([json.dumps(body).encode()]), both.items())
        ask(server, "POST", "/v1beta/models/gemini-2:generateContent", {"contents": []})
        ask(server, "POST", "/v1/chat/completions", CHAT, key.items())
        ask(server, "POST", "/groqq", b"no JSON")
        same("the exit code", server.stop(), 0)
        same("by path", [path for path, *_ in one.seen], ["/base/v1/chat/completions?a=b"])
        same("the client's key", one.seen[0][1]["authorization"], "Bearer of-the-client")
        same("by model", [path for path, *_ in two.seen], ["/v1/chat/completions"] * 2 + ["/v1beta/models/gemini-2:generateContent"])
        same("the body", [json.loads(body) for *_, body in two.seen[:1]], [body])
        header = lambda it, name: {key.lower(): value for key, value in it[1].items()}.get(name)
        same("the provider's key", [header(two.seen[0], "authorization"), header(two.seen[1], "x-api-key")], [f"Bearer {secret}", secret])
        assert not any("of-the-client" in str(seen) for seen in two.seen), two.seen
        same("the others", [path for path, *_ in rest.seen], ["/v1/chat/completions", "/groqq"])
        starts = [run[0]["data"]["provider"] for run in events_of(folder / "events.jsonl")]
        same("the providers", starts, ["groq", "two", "two", "two", "openai"])
        assert secret not in (folder / "events.jsonl").read_text()
    with gateway_with(f'[[upstreams]]\nurl = "{one.url}"\nmodels = ["a"]') as (server, *_):
        status, _, answer = ask(server, "POST", "/v1/chat/completions", CHAT)
        same("no upstream", (status, "no upstream" in json.loads(answer)["error"]["message"]), (404, True))


def check_requests_without_an_upstream_are_recorded():
    text = f'events = "FOLDER/events.jsonl"\n[[upstreams]]\nurl = "{REPLAY.url}"\nmodels = ["gpt*"]\n[limits]\nrequest_body = "1kB"\n'
    with gateway_with(text) as (server, admin, folder):
        count = lambda reason: f'gateway_refused_requests_total{{reason="{reason}"}} '
        status, _, answer = ask(server, "POST", "/v1/messages", MESSAGES | {"model": "claude-3"})
        same("no upstream", (status, json.loads(answer)["type"], "no upstream" in answer.decode()), (404, "error", True))
        # The model of these has not arrived.
        head = b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        for body, status in [(b"7d0\r\n" + b" " * 2000, b"413")] * 3 + [(b'5\r\n{"a":\r\nnone\r\n', b"400")]:
            answer = raw(server, head + body, b'"type":"error"}')[1]
            assert answer.startswith(b"HTTP/1.1 " + status) and answer.endswith(b'"type":"error"}'), answer
        same("no call", ask(server, "POST", "/nowhere", b"no JSON")[0], 404)
        metrics = get(f"{admin}/metrics")[1].decode()
        assert count("body") + "3" in metrics and count("upstream") + "2" in metrics, metrics
        same("the exit code", server.stop(), 0)
        runs = events_of(folder / "events.jsonl")
        found = [(run[0]["data"]["model"], run[-1]["data"]["error"]["kind"]) for run in runs]
        same("the runs", found, [("claude-3", "transport")] + [(None, "invalid")] * 3 + [(None, found[-1][1])])


def check_the_route_agrees_with_the_record():
    claude, rest = Stub(), Stub()
    text = f"""
        events = "FOLDER/events.jsonl"
        [[upstreams]]
        url = "{claude.url}"
        provider = "anthropic"
        models = ["claude-*"]
        [[upstreams]]
        url = "{rest.url}"
        provider = "openai"
    """
    chat, end = "/v1/chat/completions", b'"messages":[{"role":"user","content":"hi"}]}'
    model = b'{"model":"claude-3",'
    calls = [
        (chat, model + end, {}, True),
        (chat, b'{"model":"gpt-4o","model":"claude-3",' + end, {}, True),
        (chat, b'{"model":"claude-3","model":"gpt-4o",' + end, {}, False),
        (chat, b'{"temperature":NaN,"model":"claude-3",' + end, {}, True),
        (chat, model + b'"x":-Infinity,' + end, {}, True),
        (chat, b"\xef\xbb\xbf" + model + end, {}, True),
        (chat, model + b'"x":"a\nb",' + end, {}, True),
        (chat, model + b'"x":"\xff",' + end, {}, True),
        (chat, model + b'"x":"' + b"a" * (17 << 20) + b'",' + end, {}, True),
        (chat, gzip.compress(model + end), {"content-encoding": "gzip"}, True),
        (chat, zlib.compress(model + end), {"content-encoding": "deflate"}, True),
        (chat, b"no JSON", {}, False),
        ("/openai/deployments/claude-3/chat/completions?api-version=1", b"{" + end, {}, True),
        ("/v1/messages", model + end, {}, True),
        ("/model/claude-3/invoke", b"{" + end, {}, True),
        ("/model/%63laude-3/invoke", b"{" + end, {}, True),
        ("/model/x/../claude-3/converse", b"{" + end, {}, True),
        ("/v1/projects/p/locations/l/publishers/anthropic/models/claude-3:rawPredict", b"{" + end, {}, True),
        ("/v1beta/models/gemini-2:generateContent", b'{"contents":[],"model":"claude-3"}', {}, False),
        # No calls.
        ("/v1/messages/count_tokens", model + end, {}, True),
        ("/v1/messages/count_tokens", gzip.compress(model + end), {"content-encoding": "gzip"}, True),
        ("/v1beta/models/claude-3:countTokens", b"{}", {}, True),
    ]
    with gateway_with(text) as (server, admin, folder):
        for path, body, headers, is_claude in calls:
            before = len(claude.seen), len(rest.seen)
            same(path, ask(server, "POST", path, body, headers.items())[0], 200)
            same(f"{path} {body[:60]}", (len(claude.seen) - before[0], len(rest.seen) - before[1]), (is_claude, not is_claude))
            same("the body", (claude if is_claude else rest).seen[-1][2] == body, True)
        same("the exit code", server.stop(), 0)
        starts = [run[0]["data"] for run in events_of(folder / "events.jsonl")]
        same("the models", [(it["model"] or "").startswith("claude") for it in starts], [is_claude for *_, is_claude in calls[:-3]])
        same("the providers", [it["provider"] == "anthropic" for it in starts], [is_claude for *_, is_claude in calls[:-3]])


def check_paths_and_mounts_in_all_spellings():
    groq, chat, rest = Stub(), Stub(), Stub()
    text = f"""
        upstream = "{rest.url}"
        [[upstreams]]
        url = "{groq.url}/base"
        mount = "/groq"
        [[upstreams]]
        url = "{chat.url}"
        paths = ["/v1/chat/*", "/v1/m%65ssages/"]
    """
    with gateway_with(text) as (server, *_):
        for path, upstream, expected in [
            ("/groq/v1/a%20b//c?d=%2F", groq, "/base/v1/a%20b//c?d=%2F"),
            ("/gr%6Fq/v1/chat/completions?a=b", groq, "/base/v1/chat/completions?a=b"),
            ("//groq/v1/%C3%A9%25", groq, "/base/v1/%C3%A9%25"),
            ("/x/../groq/v1", groq, "/base/v1"),
            ("/groq", groq, "/base/"),
            ("/groq?a=b", groq, "/base/?a=b"),
            ("/groq/../v1/x", rest, None),
            ("/groq/../v1/chat/x", chat, None),
            ("/v1/ch%61t/completions", chat, None),
            ("/v1//chat/completions/", chat, None),
            ("/v1/x/../chat/completions", chat, None),
            ("/v1/messages", chat, None),
            ("/v1/messages/", chat, None),
            ("/v1/models", rest, None),
        ]:
            same(path, raw(server, f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n".encode())[1][:12], b"HTTP/1.1 200")
            seen = [it.seen.pop()[0] if it.seen else None for it in (groq, chat, rest)]
            same(path, seen, [(expected or path) if it is upstream else None for it in (groq, chat, rest)])


def check_bodies_before_their_route_are_bounded():
    upstream = Stub()
    text = f"""
        events = "FOLDER/events.jsonl"
        [[upstreams]]
        url = "{upstream.url}"
        models = ["claude-*"]
        [[upstreams]]
        url = "{upstream.url}"
        [limits]
        kept_bytes = "32MiB"
    """
    with gateway_with(text) as (server, admin, folder):
        memory = lambda: int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * resource.getpagesize()
        metrics = lambda: dict(line.rsplit(" ", 1) for line in get(f"{admin}/metrics")[1].decode().splitlines() if " " in line)
        before, open_uploads = memory(), []
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 15000000\r\n\r\n"
        part = b'{"padding":"' + b"a" * (12 << 20)
        for number in range(20):
            connection = socket.create_connection(server.address, timeout=20)
            open_uploads.append(connection)
            with contextlib.suppress(OSError):
                connection.sendall(head + part[:1000])
            if number == 0:
                within(5, "it waits", lambda: metrics()["gateway_waiting_requests"] == "1")
            with contextlib.suppress(OSError):
                connection.sendall(part[1000:])
        within(10, "the refusals", lambda: int(metrics().get('gateway_refused_requests_total{reason="room"}', 0)) >= 16)
        assert int(metrics()["gateway_kept_bytes"]) > 20 << 20, metrics()["gateway_kept_bytes"]
        assert memory() - before < 150 << 20, (before, memory())
        # A model that was read is enough.
        same("a call", ask(server, "POST", "/v1/chat/completions", {"model": "claude-3"} | CHAT | {"padding": "x" * (1 << 20)})[0], 200)
        answers = []
        for connection in open_uploads:
            connection.setblocking(False)
            with contextlib.suppress(OSError):
                answers.append(connection.recv(65536))
            connection.close()
        assert any(answer.startswith(b"HTTP/1.1 503 ") and b"kept_bytes" in answer for answer in answers), answers
        within(10, "nothing is kept", lambda: metrics()["gateway_kept_bytes"] == metrics()["gateway_waiting_requests"] == "0")
        same("the exit code", server.stop(), 0)
        ends = [run[-1] for run in events_of(folder / "events.jsonl")]
        kinds = sorted(end["data"]["error"]["kind"] for end in ends if end["event"] == "llm_error")
        same("the runs", (len(ends), {kind: kinds.count(kind) >= 2 for kind in kinds}), (21, {"cancelled": True, "transport": True}))


def check_tenants():
    upstream = Stub("the answer")
    text = f"""
        upstream = "{upstream.url}"
        events = "FOLDER/events.jsonl"
        callers = ["header:x-tenant=tenant"]
        [[tenants]]
        name = "acme"
        key_sha256 = ["{hashed('acme-key')}"]
        [[tenants]]
        name = "umbrella"
        key_env = ["UMBRELLA_KEY", "UMBRELLA_OLD_KEY"]
        content = "off"
    """
    with gateway_with(text, environment={"UMBRELLA_KEY": "umbrella-key", "UMBRELLA_OLD_KEY": "old-key"}) as (server, admin, folder):
        for headers in [{}, {"authorization": "Bearer wrong-key"}, {"x-api-key": hashed("acme-key")}]:
            status, _, answer = ask(server, "POST", "/v1/chat/completions", CHAT, headers.items())
            same("without a key", (status, json.loads(answer)["error"]["type"]), (401, "authentication_error"))
        same("no call", upstream.seen, [])
        for headers in [{"authorization": "bearer acme-key", "x-tenant": "other"}, {"x-api-key": "umbrella-key"}, {"api-key": "old-key"}]:
            same("with a key", ask(server, "POST", "/v1/chat/completions", CHAT, headers.items())[0], 200)
        usage = json.loads(get(f"{admin}/usage")[1])["usage"]
        found = sorted((it["key"]["metadata.tenant"], it["runs"]) for it in usage["groups"])
        same("the usage", found, [("acme", 1), ("umbrella", 2)])
        assert b'reason="key"} 3' in get(f"{admin}/metrics")[1]
        same("the exit code", server.stop(), 0)
        records = folder / "events.jsonl"
        runs = events_of(records)
        same("the tenants", [run[0]["metadata"]["tenant"] for run in runs], ["acme", "umbrella", "umbrella"])
        same("the content", ["the answer" in str(run) for run in runs], [True, False, False])
        for key in ("acme-key", "umbrella-key", "old-key", "wrong-key"):
            assert key not in records.read_text() + server.errors_seen(), key


def check_keys_in_the_query():
    upstream, plain = Stub(), Stub()
    text = f"""
        events = "FOLDER/events.jsonl"
        [[upstreams]]
        url = "{upstream.url}"
        models = ["gemini-*"]
        key_env = "GOOGLE_KEY"
        [[upstreams]]
        url = "{plain.url}"
        [[tenants]]
        name = "acme"
        key_sha256 = ["{hashed('acme-key')}"]
    """
    with gateway_with(text, environment={"GOOGLE_KEY": "the-provider-s-key"}) as (server, admin, folder):
        call = lambda model, query, **headers: ask(server, "POST", f"/v1beta/models/{model}:generateContent{query}", {"contents": []}, headers.items())
        status, _, answer = call("gemini-2", "?key=wrong-key")
        same("a wrong key", (status, all(it in answer.decode() for it in ("x-goog-api-key", "?key="))), (401, True))
        same("in the query", call("gemini-2", "?alt=json&k%65y=acme%2Dkey&a=%2F")[0], 200)
        same("alone", call("gemini-2", "?key=acme-key")[0], 200)
        same("twice", call("gemini-2", "?key=acme-key&a", authorization="Bearer acme-key")[0], 200)
        same("without a key of the provider", call("m", "?key=acme-key")[0], 200)
        path = "/v1beta/models/gemini-2:generateContent"
        same("the targets", [target for target, *_ in upstream.seen], [f"{path}?alt=json&a=%2F", path, f"{path}?a"])
        assert not any("acme" in str(seen) for seen in upstream.seen), upstream.seen
        keys = [{name.lower(): value for name, value in headers.items()} for _, headers, _ in upstream.seen]
        same("the header", [it.get("x-goog-api-key", it.get("authorization")) for it in keys], ["the-provider-s-key"] * 2 + ["Bearer the-provider-s-key"])
        same("unchanged", plain.seen[0][0], "/v1beta/models/m:generateContent?key=acme-key")
        same("the exit code", server.stop(), 0)
        records = folder / "events.jsonl"
        same("the tenants", [run[0]["metadata"]["tenant"] for run in events_of(records)], ["acme"] * 4)
        assert "acme-key" not in records.read_text() + server.errors_seen()


def check_budgets():
    upstream = Stub()
    key = lambda name: {"x-api-key": name}.items()
    tenants = "".join(f'[[tenants]]\nname = "{it}"\nkey_sha256 = ["{hashed(it)}"]\n' for it in ("one", "two"))
    text = f"""
        upstream = "{upstream.url}"
        {tenants}
        budget = {{ tokens = 1000000 }}
        [budget]
        tokens = 50
        every = "1day"
    """
    small = CHAT | {"max_tokens": 5}
    with gateway_with(text) as (server, admin, folder):
        for _ in range(2):
            same("within", ask(server, "POST", "/v1/chat/completions", small, key("one"))[0], 200)
        for path, body, shape, expected in [
            ("/v1/chat/completions", small, lambda it: it["error"]["code"], "rate_limit_exceeded"),
            ("/v1/messages", MESSAGES, lambda it: (it["type"], it["error"]["type"]), ("error", "rate_limit_error")),
        ]:
            status, headers, answer = ask(server, "POST", path, body, key("one"))
            same("beyond", status, 429)
            retry = int({name.lower(): value for name, value in headers}["retry-after"])
            assert 0 < retry <= 86400, retry
            same("the shape", shape(json.loads(answer)), expected)
        same("another tenant", ask(server, "POST", "/v1/chat/completions", small, key("two"))[0], 200)
        same("no call", len(upstream.seen), 3)
        budgets = json.loads(get(f"{admin}/usage")[1])["budgets"]
        same("the budgets", (budgets["one"]["keys"][0]["spent_tokens"], budgets["one"]["refused_runs"]), (60, 2))
        # What is spent stays spent.
        reload(server, admin, folder / "gateway.toml", text.replace("1000000", "10"))
        same("as before", ask(server, "POST", "/v1/chat/completions", small, key("one"))[0], 429)
        same("the new one", ask(server, "POST", "/v1/chat/completions", small | {"max_tokens": 50}, key("two"))[0], 429)
        reload(server, admin, folder / "gateway.toml", text.replace("tokens = 50", "tokens = 500"))
        same("a larger one", ask(server, "POST", "/v1/chat/completions", small, key("one"))[0], 200)
        # What is spent of a smaller one, too.
        reload(server, admin, folder / "gateway.toml", text.replace("tokens = 50", "tokens = 80"))
        same("a smaller one", ask(server, "POST", "/v1/chat/completions", small, key("one"))[0], 429)
    text = f'upstream = "{upstream.url}"\n[budget]\nmoney = "0.01"\n[prices]\nbundled = true\n'
    with gateway_with(text) as (server, *_):
        ask_for = lambda model, tokens: ask(server, "POST", "/v1/chat/completions", CHAT | {"model": model, "max_tokens": tokens})[0]
        same("money", [ask_for("gpt-4o", 10), ask_for("gpt-4o", 100_000), ask_for("no-such-model", 10)], [200, 429, 400])


def check_masks_and_samples():
    upstream = Stub("write to ada@example.org")
    text = f"""
        upstream = "{upstream.url}"
        [[sinks]]
        jsonl = {{ path = "FOLDER/all.jsonl" }}
        [[sinks]]
        jsonl = {{ path = "FOLDER/masked.jsonl" }}
        mask = "personal-data"
        [[sinks]]
        jsonl = {{ path = "FOLDER/short.jsonl" }}
        content = 5
        [[sinks]]
        jsonl = {{ path = "FOLDER/failed.jsonl" }}
        sample = {{ share = 0, keep_errors = true }}
    """
    with gateway_with(text) as (server, _, folder):
        for status in (200, 200, 500):
            upstream.status = status
            body = CHAT | {"messages": [{"role": "user", "content": "I am grace@example.org"}]}
            ask(server, "POST", "/v1/chat/completions", body)
        same("the exit code", server.stop(), 0)
        runs = {name: events_of(folder / f"{name}.jsonl") for name in ("all", "masked", "short", "failed")}
        text = {name: (folder / f"{name}.jsonl").read_text() for name in runs}
        same("the runs", {name: len(it) for name, it in runs.items()}, {"all": 3, "masked": 3, "short": 3, "failed": 1})
        same("the sample", runs["failed"][0][-1]["event"], "llm_error")
        same("addresses", {name: [it in text[name] for it in ("ada@", "grace@", "[EMAIL]")] for name in ("all", "masked", "short")},
             {"all": [True, True, False], "masked": [False, False, True], "short": [False, False, False]})


def check_rotation():
    upstream = Stub("x" * 500)
    text = f"""
        upstream = "{upstream.url}"
        [[sinks]]
        jsonl = {{ path = "FOLDER/size.jsonl", max_size = "4kB", keep = 3 }}
        [[sinks]]
        jsonl = {{ path = "FOLDER/time.jsonl", every = "1s", keep = 100 }}
    """
    with gateway_with(text) as (server, admin, folder):
        for number in range(30):
            ask(server, "POST", "/v1/chat/completions", CHAT)
            time.sleep(0.1)
        same("the exit code", server.stop(), 0)
        sizes = sorted((file.name, file.stat().st_size) for file in folder.glob("size.jsonl*"))
        same("the files", [name for name, _ in sizes], ["size.jsonl", "size.jsonl.1", "size.jsonl.2", "size.jsonl.3"])
        assert all(size <= 4000 for _, size in sizes), sizes
        old = sorted(folder.glob("time.jsonl.*"), key=lambda file: -int(file.suffix[1:]))
        assert 2 <= len(old) <= 4, old
        lines = b"".join(file.read_bytes() for file in [*old, folder / "time.jsonl"])
        whole = folder / "whole.jsonl"
        whole.write_bytes(lines)
        same("the runs", len(events_of(whole)), 30)
    # Fewer are kept than before.
    file = Path(tempfile.mkdtemp()) / "few.jsonl"
    for number in range(1, 7):
        file.with_name(f"few.jsonl.{number}").write_text("")
    text = f'upstream = "{upstream.url}"\n[[sinks]]\njsonl = {{ path = "{file}", max_size = "1kB", keep = 2 }}\n'
    with gateway_with(text) as (server, *_):
        for _ in range(3):
            ask(server, "POST", "/v1/chat/completions", CHAT)
        same("the exit code", server.stop(), 0)
        same("the files", sorted(it.name for it in file.parent.iterdir()), ["few.jsonl", "few.jsonl.1", "few.jsonl.2"])
    shutil.rmtree(file.parent)
    # A file that another program has moved is opened anew.
    with gateway_with(f'upstream = "{upstream.url}"\nevents = "FOLDER/events.jsonl"\n') as (server, admin, folder):
        file = folder / "gateway.toml"
        ask(server, "POST", "/v1/chat/completions", CHAT)
        within(5, "the end is written", lambda: b"llm_end" in (folder / "events.jsonl").read_bytes())
        (folder / "events.jsonl").rename(folder / "moved.jsonl")
        reload(server, admin, file, file.read_text())
        ask(server, "POST", "/v1/chat/completions", CHAT)
        same("the exit code", server.stop(), 0)
        same("the runs", [len(events_of(folder / name)) for name in ("moved.jsonl", "events.jsonl")], [1, 1])


def check_reload():
    one, two = Stub(), Stub()
    text = f'upstream = "{one.url}"\nevents = "FOLDER/events.jsonl"\n'
    with gateway_with(text) as (server, admin, folder):
        file = folder / "gateway.toml"
        text = file.read_text()
        call = lambda: ask(server, "POST", "/v1/chat/completions", CHAT)[0]
        state = lambda: json.loads(get(f"{admin}/readyz")[1])["configuration"]
        valid = lambda: f"gateway_configuration_valid {state() == 'valid':d}".encode() in get(f"{admin}/metrics")[1]
        same("before", (call(), state(), valid()), (200, "valid", True))
        reload(server, admin, file, text.replace(one.url, two.url))
        same("after", (call(), len(one.seen), len(two.seen), state()), (200, 1, 1, "valid"))
        reload(server, admin, file, text + "upstreem = 1\n")
        assert f"{file}:3: " in state() and "upstreem" in state() and valid(), state()
        assert f"{file}:3: " in server.errors_seen(), server.errors_seen()
        same("a broken file", (call(), len(two.seen), get(f"{admin}/readyz")[0]), (200, 2, 200))
        reload(server, admin, file, text + "drain = 1\n")
        assert "`drain` has changed: it applies after a restart" in server.errors_seen(), server.errors_seen()
        same("corrected", (call(), len(one.seen), state(), valid()), (200, 2, "valid", True))
        same("the exit code", server.stop(), 0)
        same("the runs", len(events_of(folder / "events.jsonl")), 4)


def check_health():
    with gateway("--pace-ms", 0, "--admin", "127.0.0.1:0", "--grace", 20) as server:
        admin = server.line().split()[2].removesuffix("/metrics")
        same("healthy", get(f"{admin}/healthz"), (200, b"ok\n"))
        status, body = get(f"{admin}/readyz")
        same("ready", (status, json.loads(body)), (200, {"ready": True, "upstreams": "simulated", "shutting_down": False, "sinks": [], "configuration": "valid"}))
        connection, _ = begin(server, MESSAGES | {"model": "slow"})
        server.process.send_signal(signal.SIGTERM)
        within(5, "not ready while it shuts down", lambda: get(f"{admin}/readyz")[0] == 503)
        same("healthy", get(f"{admin}/healthz")[0], 200)
        connection.close()
        same("the exit code", server.process.wait(20), 0)
    with gateway("--pace-ms", 0, "--admin", "127.0.0.1:0", "--events", "/dev/full") as server:
        admin = server.line().split()[2].removesuffix("/metrics")
        for _ in range(4):
            same("a call", ask(server, "POST", "/v1/messages", MESSAGES)[0], 200)
        within(10, "not ready while a sink fails", lambda: get(f"{admin}/readyz")[0] == 503)
        sink = json.loads(get(f"{admin}/readyz")[1])["sinks"][0]
        same("the sink", (sink["handlers"], sink["failing"], sink["faults"] > 2), (["jsonl /dev/full"], True, True))


def check_limits():
    text = f'upstream = "{REPLAY.url}"\nevents = "FOLDER/events.jsonl"\n[limits]\nrequest_body = "1kB"\nupload_time = "1s"\nconnections = 4\n'
    with gateway_with(text) as (server, admin, folder):
        large = json.dumps(CHAT | {"padding": "x" * 1000}).encode()
        for path in ("/v1/chat/completions", "/echo"):
            for body in (large, iter([large[:500], large[500:]])):
                same("a large body", (ask(server, "POST", path, body)[0], path), (413, path))
        assert 'gateway_refused_requests_total{reason="body"} 4' in get(f"{admin}/metrics")[1].decode()
        runs = events_of(folder / "events.jsonl")
        same("the runs", [run[-1]["data"]["error"]["kind"] for run in runs], ["invalid"] * 2)
        same("a small one", ask(server, "POST", "/echo", CHAT)[0], 200)
        begun = time.monotonic()
        connection = socket.create_connection(server.address, timeout=20)
        connection.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\n{")
        connection.setblocking(False)
        answer = b""
        while not answer and time.monotonic() - begun < 10:
            time.sleep(0.2)
            with contextlib.suppress(BlockingIOError):
                answer = connection.recv(65536)
            with contextlib.suppress(OSError):
                connection.send(b" ")
        assert answer.startswith(b"HTTP/1.1 408 ") and 0.9 < time.monotonic() - begun < 8, answer
        connection.close()
        begun = [begin(server, MESSAGES | {"model": "endless"})[0] for _ in range(4)]
        waiting = socket.create_connection(server.address, timeout=20)
        waiting.sendall(b"GET /echo HTTP/1.1\r\nhost: x\r\n\r\n")
        waiting.settimeout(0.5)
        try:
            raise AssertionError(f"a fifth connection is served: {waiting.recv(65536)}")
        except TimeoutError:
            pass
        begun.pop().close()
        waiting.settimeout(20)
        assert waiting.recv(65536).startswith(b"HTTP/1.1 200 ")


def check_otlp():
    receiver = Stub()
    text = f"""
        upstream = "{Stub().url}"
        [[sinks]]
        otlp = {{ endpoint = "{receiver.url}", service = "ours", headers_env = {{ x-key = "OTLP_KEY" }}, messages = "span" }}
        mask = "personal-data"
        [[tenants]]
        name = "acme"
        key_sha256 = ["{hashed('k')}"]
    """
    environment = {"OTLP_KEY": "the-receiver-s-key", "OTEL_BSP_SCHEDULE_DELAY": "100"}
    with gateway_with(text, environment=environment) as (server, admin, _):
        ready = lambda: get(f"{admin}/readyz")[0]
        body = CHAT | {"messages": [{"role": "user", "content": "I am grace@example.org"}]}
        call = lambda: same("a call", ask(server, "POST", "/v1/chat/completions", body, {"x-api-key": "k"}.items())[0], 200)
        traces = lambda: [(headers, body) for path, headers, body in receiver.seen if path == "/v1/traces"]
        call()
        within(10, "a span", traces)
        headers, span = traces()[0]
        same("the header", {name.lower(): value for name, value in headers.items()}["x-key"], "the-receiver-s-key")
        for expected in (b"gen_ai.request.model", b"tenant", b"acme", b"ours", b"[EMAIL]"):
            assert expected in span, (expected, span)
        assert b"grace@" not in span and ready() == 200
        receiver.status = 500
        call()
        within(20, "not ready while exports fail", lambda: ready() == 503)
        receiver.status = 200
        call()
        within(20, "ready again", lambda: ready() == 200)
        call()
        same("the exit code", server.stop(), 0)
        paths = {path for path, *_ in receiver.seen}
        same("the signals", paths >= {"/v1/traces", "/v1/metrics"}, True)
        assert "the-receiver-s-key" not in server.errors_seen(), server.errors_seen()


def otlp_fields(data):
    """Returns the fields of a message in the wire format of Protocol Buffers: numbers, and bytes or integers."""
    at, found = 0, []

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte, at = data[at], at + 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        number, kind = divmod(varint(), 8)
        if kind == 0:
            found.append((number, varint()))
        else:
            size = varint() if kind == 2 else {1: 8, 5: 4}[kind]
            found.append((number, data[at:at + size]))
            at += size
    return found


def otlp_spans(receiver):
    """Returns the ids of all spans that a receiver has got."""
    found, ones = set(), lambda data, number: [value for other, value in otlp_fields(data) if other == number]
    for path, _, body in receiver.seen:
        for resource in ones(body, 1) if path == "/v1/traces" else []:
            for scope in ones(resource, 2):
                found |= {ones(span, 2)[0].hex() for span in ones(scope, 2)}
    return found


FAST = {"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_METRIC_EXPORT_INTERVAL": "100"}


def check_records_name_their_spans():
    receiver = Stub()
    text = f"""
        upstream = "{Stub().url}"
        [[sinks]]
        jsonl = {{ path = "FOLDER/events.jsonl" }}
        [[sinks]]
        otlp = {{ endpoint = "{receiver.url}" }}
    """
    with gateway_with(text, environment=FAST) as (server, admin, folder):
        call = lambda: [same("a call", ask(server, "POST", "/v1/chat/completions", CHAT)[0], 200) for _ in range(20)]
        call()
        file = folder / "gateway.toml"
        reload(server, admin, file, file.read_text().replace("endpoint", 'service = "b", endpoint'))
        call()
        same("the exit code", server.stop(), 0)
        runs = events_of(folder / "events.jsonl")
        found = {record["span_id"] for run in runs for record in run}
        same("the runs", (len(runs), len(found), found == otlp_spans(receiver)), (40, 40, True))


def check_removed_receivers_are_closed():
    receiver, upstream = Stub(), Stub()
    base = f'upstream = "{REPLAY.url}"\nevents = "FOLDER/events.jsonl"\n'
    sink = lambda service: f'[[sinks]]\notlp = {{ endpoint = "{receiver.url}", service = "{service}" }}\n'
    with gateway_with(base + sink(0), environment=FAST) as (server, admin, folder):
        file = folder / "gateway.toml"
        base = base.replace("FOLDER", str(folder))
        threads = lambda: len(list(Path(f"/proc/{server.process.pid}/task").iterdir()))
        before = threads()
        # Its span goes to the sink that it began with.
        running, _ = begin(server, MESSAGES | {"model": "endless"})
        for service in range(1, 9):
            reload(server, admin, file, base + sink(service))
        within(10, "those that no call uses are closed", lambda: threads() <= before + 12)
        reload(server, admin, file, base)
        spans = len(otlp_spans(receiver))
        running.close()
        within(10, "the span of the call", lambda: len(otlp_spans(receiver)) == spans + 1)
        time.sleep(1)
        posts = len(receiver.seen)
        time.sleep(1)
        same("exports to a receiver that was removed", len(receiver.seen) - posts, 0)
        same("the exit code", server.stop(), 0)


def check_a_file_that_does_not_open_stops_nothing():
    with tempfile.TemporaryDirectory() as folder:
        pipe = f"{folder}/pipe"
        os.mkfifo(pipe)
        text = f'upstream = "{Stub().url}"\n'
        with gateway_with(text) as (server, admin, folder):
            (folder / "gateway.toml").write_text(text + f'[[sinks]]\njsonl = {{ path = "{pipe}" }}\n')
            server.process.send_signal(signal.SIGHUP)
            within(10, "a message", lambda: "still being read" in server.errors_seen())
            for _ in range(8):
                same("ready", [get(f"{admin}{path}")[0] for path in ("/readyz", "/usage", "/metrics", "/healthz")], [200] * 4)
                same("a call", ask(server, "POST", "/v1/chat/completions", CHAT)[0], 200)
            same("the exit code", server.stop(), 0)
        for admin in ([], ["--admin", "127.0.0.1:0"]):
            starting = subprocess.Popen([BINARY, "--listen", "127.0.0.1:0", "--events", pipe, *admin])
            time.sleep(0.5)
            starting.terminate()
            same("the exit code", starting.wait(10), 0)


def check_prices_and_tenants_of_a_reload():
    prices = lambda each: json.dumps({"currency": "USD", "models": {"m": {"input": each, "output": 0}}})
    text = f'upstream = "{Stub().url}"\n[prices]\nfile = "FOLDER/prices.json"\n'
    with tempfile.TemporaryDirectory() as other:
        table = Path(other) / "prices.json"
        table.write_text(prices(1))
        with gateway_with(text.replace("FOLDER", other)) as (server, admin, folder):
            file = folder / "gateway.toml"
            text = file.read_text()
            call = lambda **headers: same("a call", ask(server, "POST", "/v1/chat/completions", CHAT, headers.items())[0], 200)
            cost = lambda: json.loads(get(f"{admin}/usage")[1])["usage"]["total"]["cost"]["reported"]
            call()
            same("before", float(cost()), 0.00001)
            table.write_text(prices(1000))
            reload(server, admin, file, text + f'[[tenants]]\nname = "acme"\nkey_sha256 = ["{hashed("k")}"]\n')
            call(**{"x-api-key": "k"})
            same("after", float(cost()), 0.01001)
            assert b'tenant="acme"' in get(f"{admin}/metrics")[1]
            table.write_text(prices(1).replace("USD", "EUR"))
            reload(server, admin, file, file.read_text())
            assert "from USD to EUR" in json.loads(get(f"{admin}/readyz")[1])["configuration"]
            reload(server, admin, file, f'upstream = "{Stub().url}"\n')
            call()
            same("without prices", float(cost()), 0.01001)


def check_losses_of_exports_are_counted():
    text = f"""
        upstream = "{Stub().url}"
        [[sinks]]
        otlp = {{ endpoint = "http://127.0.0.1:1" }}
        [[sinks]]
        jsonl = {{ path = "FOLDER/gone/events.jsonl", max_size = "100B", keep = 1 }}
    """
    with tempfile.TemporaryDirectory() as other:
        # No file can have the name of a folder.
        (Path(other) / "gone/events.jsonl.1").mkdir(parents=True)
        with gateway_with(text.replace("FOLDER", other), environment=FAST) as (server, admin, folder):
            for _ in range(5):
                ask(server, "POST", "/v1/chat/completions", CHAT)
            sinks = lambda: json.loads(get(f"{admin}/readyz")[1])["sinks"]
            within(10, "lost spans", lambda: sinks()[0]["exports"]["traces"]["lost"] == 5)
            within(10, "failed metrics", lambda: sinks()[0]["exports"]["metrics"]["failed_exports"] > 0)
            same("the logs", sinks()[0]["exports"]["logs"], {"failing": False, "failed_exports": 0, "lost": 0})
            shutil.rmtree(Path(other) / "gone")
            ask(server, "POST", "/v1/chat/completions", CHAT)
            server.process.send_signal(signal.SIGHUP)
            within(10, "failures of the file", lambda: min(sinks()[1]["file"][it] for it in ("failed_rotations", "failed_opens")) > 0)
            metrics = get(f"{admin}/metrics")[1].decode()
            for line in ('gateway_otlp_lost_total{signal="traces"} ', 'gateway_otlp_failed_exports_total{signal="metrics"} ',
                         'gateway_file_failures_total{operation="open"} ', 'gateway_file_failures_total{operation="rotate"} '):
                assert line in metrics, line


def check_spans_that_find_no_room_are_counted():
    receiver = Stub(answer=b"", pause=1)
    text = f'upstream = "{Stub().url}"\n[[sinks]]\notlp = {{ endpoint = "{receiver.url}" }}\n'
    with gateway_with(text, environment=FAST | {"OTEL_BSP_MAX_QUEUE_SIZE": "8"}) as (server, admin, _):
        state = lambda: json.loads(get(f"{admin}/readyz")[1])["sinks"][0]["exports"]["traces"]
        for _ in range(100):
            same("a call", ask(server, "POST", "/v1/chat/completions", CHAT)[0], 200)
        within(20, "each is exported or lost", lambda: len(otlp_spans(receiver)) + state()["lost"] == 100)
        assert state()["lost"] > 20 and not state()["failing"], state()
        same("the metric", f'gateway_otlp_lost_total{{signal="traces"}} {state()["lost"]}\n' in get(f"{admin}/metrics")[1].decode(), True)
        same("the exit code", server.stop(), 0)


def check_spans_that_a_receiver_rejects_are_counted():
    receiver = Stub(answer=bytes.fromhex("0a080801") + b"\x12\x04oops")
    text = f'upstream = "{Stub().url}"\n[[sinks]]\notlp = {{ endpoint = "{receiver.url}" }}\n'
    with gateway_with(text, environment=FAST) as (server, admin, _):
        state = lambda: json.loads(get(f"{admin}/readyz")[1])["sinks"][0]["exports"]["traces"]
        ask(server, "POST", "/v1/chat/completions", CHAT)
        within(10, "the span is lost", lambda: state() == {"failing": True, "failed_exports": 1, "lost": 1})
        same("not ready", get(f"{admin}/readyz")[0], 503)
        assert "rejects 1 of the traces: oops" in server.errors_seen(), server.errors_seen()
        # Advice, and nothing rejected.
        receiver.answer = bytes.fromhex("0a061204") + b"oops"
        ask(server, "POST", "/v1/chat/completions", CHAT)
        within(10, "ready again", lambda: get(f"{admin}/readyz")[0] == 200)
        same("lost", state()["lost"], 1)


def check_a_torn_line_does_not_spoil_the_next_one():
    with tempfile.TemporaryDirectory() as folder:
        events, torn = Path(folder) / "events.jsonl", b'{"v":2,"event":"llm_st'
        for before, rest in [(torn, [torn]), (b"", []), (b"{}\n", [b"{}"])]:
            events.write_bytes(before)
            for _ in range(2):
                with gateway("--pace-ms", 0, "--events", events) as server:
                    same("a call", ask(server, "POST", "/v1/messages", MESSAGES)[0], 200)
                    same("the exit code", server.stop(), 0)
            lines = events.read_bytes().splitlines()
            same("the lines before", lines[:len(rest)], rest)
            events.write_bytes(b"".join(line + b"\n" for line in lines[len(rest):]))
            same("the runs", len(events_of(events)), 2)


def check_a_file_that_was_removed_is_created_again():
    sink = '[[sinks]]\njsonl = {{ path = "FOLDER/logs/{}.jsonl"{} }}\n'
    text = f'upstream = "{Stub().url}"\n' + sink.format("plain", "") + sink.format("rotated", ', max_size = "1MB", every = "1day"')
    with tempfile.TemporaryDirectory() as other:
        logs = Path(other) / "logs"
        logs.mkdir()
        with gateway_with(text.replace("FOLDER", other)) as (server, admin, _):
            call = lambda: same("a call", ask(server, "POST", "/v1/chat/completions", CHAT)[0], 200)
            names = ("plain", "rotated")
            written = lambda: all((logs / f"{name}.jsonl").exists() and b"llm_end" in (logs / f"{name}.jsonl").read_bytes() for name in names)
            state = lambda: (get(f"{admin}/readyz")[0], [sink["failing"] for sink in json.loads(get(f"{admin}/readyz")[1])["sinks"]])
            call()
            within(5, "the first call", written)
            for name in names:
                (logs / f"{name}.jsonl").unlink()
            call()
            within(5, "a call after the files were removed", written)
            same("ready", state(), (200, [False, False]))
            shutil.rmtree(logs)
            same("without the folder", state(), (503, [True, True]))
            call()
            lost = lambda: [sink["file"]["lost_lines"] for sink in json.loads(get(f"{admin}/readyz")[1])["sinks"]]
            within(5, "the lost lines are counted", lambda: min(lost()) >= 2)
            same("it is said once", server.errors_seen().count("rotated.jsonl: "), 1)
            assert b"gateway_file_lost_lines_total " in get(f"{admin}/metrics")[1]
            logs.mkdir()
            same("with the folder", state(), (200, [False, False]))
            call()
            within(5, "a call after that", written)
            same("the exit code", server.stop(), 0)
            same("the runs", [len(events_of(logs / f"{name}.jsonl")) for name in names], [1, 1])


options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
options.add_argument("--only", default="")
options = options.parse_args()
BINARY = processes.gateway_binary()
REPLAY = processes.replay()
failed = 0
for name, check in [(name, check) for name, check in globals().items() if name.startswith("check_")]:
    if options.only not in name:
        continue
    started = time.monotonic()
    try:
        outcome = check() or "ok"
    except Exception as error:
        failed += 1
        outcome = f"FAILED: {type(error).__name__}: {error}"
    print(f"{name.removeprefix('check_').replace('_', ' ')}: {outcome}, {time.monotonic() - started:.1f} s", flush=True)
if failed:
    sys.exit(f"{failed} checks failed")
