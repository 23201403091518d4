"""Checks the gateway example from the outside: options, simulated provider, forwarding and shutdown.

Uses Python's standard library only. `--only TEXT` selects checks by name.
"""

import argparse
import contextlib
import hashlib
import http.client
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
import time
import urllib.parse
import urllib.request
from pathlib import Path

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
def gateway(*options):
    server = processes.Server(BINARY, "--listen", "127.0.0.1:0", *map(str, options))
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
    for option in ("--listen", "--upstream", "--provider", "--route", "--events", "--no-callbacks", "--grace", "--drain", "--pace-ms"):
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
            connection, answer = raw(server, UPGRADE, b'"}}')
            head, body = answer.split(b"\r\n\r\n", 1)
            head = head.lower()
            assert head.startswith(b"http/1.1 426 "), head
            assert b"\r\nupgrade: http/1.1" in head and b"\r\nconnection: upgrade" in head, head
            same("the error", json.loads(body)["error"]["type"], "websocket_refused")
            # The connection goes on with HTTP.
            connection.sendall(b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 "), "the connection was closed"
            connection.close()
            answer = raw(server, b"CONNECT other.example:443 HTTP/1.1\r\nhost: other.example:443\r\n\r\n", b'"}}')[1]
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
    for options in (["--upstream", REPLAY.url], ["--pace-ms", 0]):
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
