"""Checks the gateway's live page in a real browser (Debian's chromium, installed if missing), with WebDriver.

Uses Python's standard library only. `--only TEXT` selects checks by name, `--clicks N` clicks that often under load, `--soak`
adds a thousand runs a minute for ten minutes, `--shots FOLDER` saves screenshots.
"""

import argparse
import base64
import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.chdir(Path(__file__).parent.parent)
sys.dont_write_bytecode = True
sys.path.insert(0, "tests/sdk")

import processes

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage")
JOKE = "Here's a little joke for you:\n\nWhy can't a bicycle stand up by itself? Because it's two-tire"
PROMPT = "Write a joke"
CHAT = {"max_tokens": 5000, "stream": True, "messages": [{"role": "user", "content": PROMPT}]}
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "ArrowDown": "\ue015", "ArrowUp": "\ue013", "Tab": "\ue004", "Home": "\ue011",
        "End": "\ue010"}
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


def same(what, found, expected):
    if found != expected:
        raise AssertionError(f"{what}: {found!r}, expected {expected!r}")


def within(seconds, what, test):
    until = time.monotonic() + seconds
    while not (found := test()):
        if time.monotonic() > until:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.05)
    return found


def install():
    if shutil.which("chromedriver") and shutil.which("chromium"):
        return
    packages = ("chromium", "chromium-driver", "fonts-dejavu-core")
    for command in (("update",), ("install", "--yes", "--no-install-recommends", *packages)):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        processes.run("apt-get", "-qq", *command, timeout=900, env=environment, stdout=subprocess.DEVNULL)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Driver:
    def __init__(self):
        self.url = f"http://127.0.0.1:{free_port()}"
        command = ["chromedriver", f"--port={self.url.rsplit(':', 1)[1]}", "--silent"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        processes.RUNNING.append(self.process)
        within(20, "chromedriver", self._is_up)

    def _is_up(self):
        with contextlib.suppress(OSError):
            return self.ask("GET", "/status")["ready"]

    def ask(self, method, path, body=None):
        body = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, body, {"content-type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {json.load(error)['value']['message'][:300]}") from None


class Browser:
    """A browser with its own profile and access to its console messages."""

    def __init__(self, folder, size=(1280, 800), scheme="light"):
        options = {"args": [*FLAGS, f"--user-data-dir={folder}", f"--window-size={size[0]},{size[1]}"]}
        if size[0] < 500:
            options["mobileEmulation"] = {"deviceMetrics": {"width": size[0], "height": size[1], "pixelRatio": 2, "touch": True}}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        made = DRIVER.ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.path = "/session/" + made["sessionId"]
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}})

    def ask(self, method, path, body=None):
        return DRIVER.ask(method, self.path + path, body)

    def open(self, url):
        self.ask("POST", "/url", {"url": url})
        within(20, "the page is live", lambda: self.js("return document.getElementById('link').textContent") == "live")

    def js(self, script, *args):
        return self.ask("POST", "/execute/sync", {"script": script, "args": list(args)})

    def keys(self, *keys):
        for key in keys:
            press = [{"type": kind, "value": KEYS[key]} for kind in ("keyDown", "keyUp")]
            self.ask("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": press}]})

    def click(self, css):
        found = self.ask("POST", "/element", {"using": "css selector", "value": css})
        self.ask("POST", f"/element/{found[ELEMENT]}/click", {})

    def shot(self, name):
        if OPTIONS.shots:
            Path(OPTIONS.shots, name).write_bytes(base64.b64decode(self.ask("GET", "/screenshot")))

    def rows(self):
        return self.js("""return [...document.querySelectorAll('#rows tr')].map((tr) => ({
            state: tr.dataset.state, cells: [...tr.cells].map((td) => td.innerText.trim()), level: tr.getAttribute('aria-level')}))""")

    def row(self, model, state):
        """Waits until a run of a model is in a state, and returns its cells."""
        return within(20, f"{model} is {state}", lambda: next((r["cells"] for r in self.rows()
            if r["cells"][1].split("\n")[0] == model and r["state"] == state), None))

    def text(self, css):
        return self.js("return document.querySelector(arguments[0])?.textContent ?? null", css)

    def widths(self):
        return self.js("return [document.documentElement.scrollWidth, document.querySelector('#list').scrollWidth - "
                       "document.querySelector('#list').clientWidth, document.querySelector('#details').scrollWidth - "
                       "document.querySelector('#details').clientWidth, innerWidth]")

    def is_narrow(self):
        page, table, details, view = self.widths()
        assert page <= view and table <= 0 and details <= 0, f"content overflows: {self.widths()}"

    def is_quiet(self):
        """Checks that the console has no messages: nothing was blocked and nothing failed."""
        messages = [entry["message"] for entry in self.ask("POST", "/se/log", {"type": "browser"})]
        same("the console", messages, [])


@contextlib.contextmanager
def browser(**how):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        opened = Browser(folder, **how)
        try:
            yield opened
        finally:
            opened.ask("DELETE", "")


@contextlib.contextmanager
def gateway(*options, pace=5):
    server = processes.Server(BINARY, "--listen", "127.0.0.1:0", "--admin", "0", "--pace-ms", str(pace), *map(str, options))
    assert server.line().startswith("metrics on http://127.0.0.1:")
    line = server.line()
    assert line.startswith("live page on http://127.0.0.1:"), line
    server.page = line.split()[3]
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def ask(server, model, path="/v1/messages", read=None, headers=(), **body):
    data = json.dumps(CHAT | {"model": model} | body).encode()
    connection = http.client.HTTPConnection(*server.address, timeout=60)
    connection.request("POST", path, data, {"content-type": "application/json"} | dict(headers))
    answer = connection.getresponse()
    found = answer.read() if read is None else answer.read(read)
    connection.close()
    return found


def later(*args, **options):
    def quietly():
        # The call may still be open when the gateway stops.
        with contextlib.suppress(OSError, http.client.HTTPException):
            ask(*args, **options)

    threading.Thread(target=quietly, daemon=True).start()


def listen(server, path="/events", room=None):
    """Requests events and returns the socket, which the caller may read or not."""
    address = server.page.removeprefix("http://").rstrip("/").rsplit(":", 1)
    connection = socket.socket()
    if room:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    connection.settimeout(20)
    connection.connect((address[0], int(address[1])))
    connection.sendall(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode())
    return connection


def read_for(connection, seconds):
    found, until = b"", time.monotonic() + seconds
    with contextlib.suppress(TimeoutError):
        while (left := until - time.monotonic()) > 0:
            connection.settimeout(left)
            found += connection.recv(1 << 16)
    return found


def events(raw):
    """Parses the events of a chunked response."""
    body, rest = b"", raw.split(b"\r\n\r\n", 1)[1]
    while b"\r\n" in rest:
        size, rest = rest.split(b"\r\n", 1)
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    found = re.findall(r"event: (\w+)\ndata: (.*)\n\n", body.decode(errors="replace"))
    # The overview is no state of the list.
    return [(name, json.loads(data)) for name, data in found if name != "overview"]


def rss(pid):
    """Returns the resident memory of a process and its descendants, in MiB."""
    total = 0
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            stat = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            parents[int(folder.name)] = int(stat[1])
    for one in list(parents):
        above = one
        while above and above != pid:
            above = parents.get(above, 0)
        if above == pid:
            with contextlib.suppress(OSError):
                total += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * 4096
    return round(total / (1 << 20), 1)


parents = {}


def records(*runs):
    """Writes a file of events. A run is (id, parent, type, name, start, milliseconds, start data, end kind, end data)."""
    lines = []
    for run_id, parent, kind, name, start, took, begun, end, ended, *extra in runs:
        at = lambda ms: time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(start + ms / 1e3)) + f".{int((start + ms / 1e3) % 1 * 1e6):06}Z"
        run = {"v": 2, "run_id": run_id, "parent_run_id": parent, "root_run_id": parent or run_id, "run_type": kind, "name": name,
               "attempt": 1, "tags": [], "metadata": {}} | (extra[0] if extra else {})
        lines.append(run | {"event": f"{kind}_start", "seq": 0, "time": at(0), "data": begun})
        lines.append(run | {"event": f"{kind}_{end}", "seq": 1, "time": at(took), "data": {"duration_ms": took} | ended})
    file = tempfile.NamedTemporaryFile("w", suffix=".jsonl", delete=False)
    with file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    return file.name


def llm(model, prompt):
    return {"provider": "anthropic", "api": "messages", "model": model, "stream": True, "params": {},
            "messages": [{"role": "user", "content": prompt}]}


def result(text, **more):
    choice = {"index": 0, "text": text, "reasoning": "", "refusal": "", "tool_calls": [], "finish_reason": "end_turn"}
    return {"streamed": False, "choices": [choice], "tokens": 0} | more


def family():
    """Writes the events of an agent: a chain with two model calls and a tool call between them."""
    ids, start = [str(uuid.uuid4()) for _ in range(4)], time.time() - 3
    usage = {"input_tokens": 101, "output_tokens": 36, "total_tokens": 137}
    first = {"usage": usage, "time_to_first_token_ms": 300, "streamed": True, "tokens": 36}
    return ids, records(
        (ids[0], None, "chain", "agent", start, 2000, {"input": "What is the weather in Paris?"}, "end", {"output": "Sunny"}),
        (ids[1], ids[0], "llm", "model", start + 0.1, 900, llm("claude-sonnet-5", "weather?"), "end", result("Let me look.", **first)),
        (ids[2], ids[0], "tool", "get_weather", start + 1.0, 400, {"input": {"city": "Paris"}}, "end", {"output": {"celsius": 18}}),
        (ids[3], ids[0], "llm", "model", start + 1.4, 500, llm("claude-sonnet-5", "18"), "error",
         result("It is", usage={"input_tokens": 1018, "output_tokens": 3, "source": {"input": "estimated", "output": "at_least"}},
                cost={"currency": "USD", "amount": "0.0051", "estimated": True},
                error={"kind": "truncated", "message": "the stream ended", "status": None, "provider_code": None})),
    )


def check_figures():
    with gateway(pace=30) as server, browser() as page:
        page.open(server.page)
        assert "No runs yet" in page.text("#empty")
        later(server, "tokens-100")
        page.row("tokens-100", "running")
        pieces = within(5, "pieces", lambda: (m := re.match(r"(\d+) pcs", page.rows()[0]["cells"][3])) and int(m[1]))
        within(5, "more pieces", lambda: int(re.match(r"(\d+) pcs|", page.rows()[0]["cells"][3])[1] or 0) > pieces + 10)
        found = page.row("tokens-100", "completed")
        same("the tokens", found[2:4], [str(1 + len(json.dumps(CHAT | {"model": "tokens-100"})) // 4), "100"])
        assert 20 < float(found[4]) < 40, found
        assert 20 < int(found[5].removesuffix(" ms")) < 500, found
        assert 2.9 < float(found[6].removesuffix(" s")) < 6, found
        chat = {"path": "/v1/chat/completions", "stream_options": {"include_usage": True}}
        tools = [{"type": "function", "function": {"name": "look_up"}}]
        ask(server, "with-tools", **chat, tools=tools)
        page.row("with-tools", "completed")
        page.click("#rows tr")
        within(5, "the tool's arguments", lambda: page.text("#answer .part[data-kind=tool_call] pre") == '{"city":"Paris"}')
        assert "look_up" in page.text("#answer .part[data-kind=tool_call] span")
        ask(server, "whole", stream=False)
        page.row("whole", "completed")
        page.is_quiet()


def check_text_grows():
    with gateway(pace=40) as server, browser() as page:
        page.open(server.page)
        later(server, "tokens-150")
        page.row("tokens-150", "running")
        page.click("#rows tr")
        grown = []
        while len(grown) < 5:
            text = within(5, "more text", lambda: (t := page.text("#answer pre")) and t not in grown and t)
            assert (JOKE * 7).startswith(text) and (not grown or text.startswith(grown[-1])), text
            grown.append(text)
        same("the state", page.rows()[0]["state"], "running")
        page.row("tokens-150", "completed")
        words = JOKE * 6 + JOKE[: len("Here's a little joke")]
        within(5, "the whole text", lambda: (page.text("#answer pre") or "").startswith(JOKE * 6) or None)
        assert words.startswith(page.text("#answer pre")[: len(words)])
        same("the prompt", page.text("#prompt pre"), PROMPT)
        page.is_quiet()


def check_updates_are_batched():
    with gateway(pace=1) as server:
        connection = listen(server)
        later(server, "tokens-200")
        received = events(read_for(connection, 2))
        assert len(received) <= 24, f"{len(received)} events in 2 s"
        same("the first event", received[0][0], "snapshot")
        same("the totals", received[-1][1]["totals"]["ended"], {"completed": 1})
        run = received[-1][1]["runs"] or received[-2][1]["runs"]
        same("the tokens", run[0]["output"], 200)


def check_errors():
    with gateway(pace=5) as server, browser() as page:
        page.open(server.page)
        for model in ("error-429", "error-midstream", "truncate"):
            ask(server, model)
        ask(server, "slow", read=300)
        page.row("error-429", "provider")
        page.row("error-midstream", "provider")
        page.row("truncate", "truncated")
        page.row("slow", "cancelled")
        ask(server, "joker")
        page.row("joker", "completed")
        same("the totals by state", page.js("return Object.fromEntries([...document.querySelectorAll('#kinds button')].map((b) => "
             "[b.dataset.kind, b.querySelector('b').textContent]))"),
             {"all": "5", "running": "0", "provider": "2", "truncated": "1", "cancelled": "1", "completed": "1"})
        page.click("#kinds button[data-kind=provider]")
        shown = lambda: page.js("return [...document.querySelectorAll('#rows tr:not([hidden])')].map((tr) => tr.dataset.state)")
        within(5, "only provider errors", lambda: shown() == ["provider", "provider"])
        page.click("#rows tr:not([hidden]) ~ tr[data-state=provider]")
        within(5, "the error message", lambda: page.text("#error pre") == "The simulated model was asked to fail")
        assert "429" in page.text("#error span"), page.text("#error span")
        page.click("#kinds button[data-kind=provider]")
        within(5, "all runs", lambda: len(shown()) == 5)
        # Every kind of error has the colour of errors, also one that the page does not know.
        colours = page.js("""const row = document.querySelector('#rows tr'), was = row.dataset.state;
            const of = (state) => { row.dataset.state = state; return getComputedStyle(row.querySelector('.b')).backgroundColor; };
            const found = Object.fromEntries(arguments[0].map((state) => [state, of(state)]));
            row.dataset.state = was;
            return found;""", ["provider", "transport", "panic", "invalid", "failed", "of the future", "completed", "cancelled", "running"])
        errors = {colours.pop(state) for state in ("provider", "transport", "panic", "invalid", "failed", "of the future")}
        same("the colours", (len(errors), len(set(colours.values()) - errors)), (1, 3))
        page.is_quiet()


def check_keyboard():
    with gateway(pace=1) as server, browser() as page:
        for model in ("one", "two", "three"):
            ask(server, model)
        page.open(server.page)
        page.row("one", "completed")
        focus = lambda: page.js("const on = document.activeElement; return on.querySelector?.('.model')?.textContent ?? on.id ?? on.dataset.kind")
        for _ in range(12):
            page.keys("Tab")
            if focus() == "three":
                break
        same("the focus after Tab", focus(), "three")
        assert page.js("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keys("ArrowDown", "ArrowDown", "ArrowDown")
        same("the focus after three times ArrowDown", focus(), "one")
        page.keys("ArrowUp")
        same("the focus after ArrowUp", focus(), "two")
        page.keys("Home")
        same("the focus after Home", focus(), "three")
        page.keys("End", "ArrowUp", "Enter")
        within(5, "details by Enter", lambda: (page.text("#title"), focus()) == ("two", "title"))
        within(5, "the answer", lambda: page.text("#answer pre") == JOKE)
        ask(server, "four")
        page.row("four", "completed")
        page.keys("Escape")
        within(5, "closed by Escape", lambda: page.js("return document.getElementById('details').hidden") and focus() == "two")
        page.keys("ArrowUp", "ArrowUp")
        same("the focus on the new run", focus(), "four")
        roles = page.js("return ['table', '#rows', '#rows tr', '#rows td', '#details', '#link'].map((css) => document.querySelector(css).getAttribute('role'))")
        same("the roles", roles, ["treegrid", "rowgroup", "row", "gridcell", "region", "status"])
        page.is_quiet()


def check_nested_runs():
    ids, file = family()
    with gateway("--replay", file) as server, browser() as page:
        page.open(server.page)
        page.row("agent", "completed")
        found = [(row["cells"][1].split("\n")[0], row["level"], row["state"]) for row in page.rows()]
        same("the rows", found, [("agent", "1", "completed"), ("claude-sonnet-5", "2", "completed"), ("get_weather", "2", "completed"),
                                 ("claude-sonnet-5", "2", "truncated")])
        same("the marks", page.rows()[3]["cells"][2:4], ["~1,018", "≥3"])
        page.js("location.hash = arguments[0]", ids[3])
        within(5, "the cost", lambda: "~0.0051 USD" in (page.text("#facts") or ""))
        page.js("location.hash = arguments[0]", ids[2])
        within(5, "the tool", lambda: page.text("#title") == "get_weather" and page.text("#answer pre") == '{"celsius":18}')
        bars = within(5, "the timeline", lambda: page.js("""return [...document.querySelectorAll('#tree a')].map((a) => {
            const all = a.children[1].getBoundingClientRect();
            const shown = [...a.children[1].children].filter((i) => !i.hidden).map((i) => i.getBoundingClientRect());
            return [shown[0].left - all.left, shown.at(-1).right - all.left].map((x) => Math.round(x / all.width * 100)); })"""))
        for found, expected in zip(bars, [(0, 100), (5, 50), (50, 70), (70, 95)], strict=True):
            assert all(abs(a - b) <= 2 for a, b in zip(found, expected)), bars
        page.is_quiet()


def check_rows_are_ordered_by_start():
    now = time.time() - 10
    runs = [(str(uuid.uuid4()), None, "llm", "model", now + at, 5, llm(model, "a"), "end", result("b"))
            for at, model in ((1, "second"), (0, "first"), (2, "third"))]
    with gateway("--replay", records(*runs)) as server, browser() as page:
        page.open(server.page)
        for model in ("first", "second", "third"):
            page.row(model, "completed")
        same("the rows", [row["cells"][1].split("\n")[0] for row in page.rows()], ["third", "second", "first"])
        page.is_quiet()


HOSTILE = [
    "<img src=x onerror=alert(1)><script>alert(1)</script>", "</script><script>alert(1)</script>", "\"'><svg onload=alert(1)>",
    "javascript:alert(1)", "\u202egnitset\u202c \u2066x\u2069 \u200b\u200d\ufeff", "W" * 5000, "a\nb\r\n\r\nevent: snapshot\ndata: {}\n\n",
    "\x00\x01\x1b[31m\x7f\x9b", "👩‍👩‍👧‍👦 🏳️‍🌈" * 20, "Z" + "\u0321\u0338\u0489" * 300, "{nonce} ${alert(1)} {{1+1}}", "\u2028\u2029", "__proto__", "",
]


def check_hostile_text():
    runs, now, parent = [], time.time(), None
    for at, text in enumerate(HOSTILE):
        choice = {"index": 0, "text": text, "reasoning": text, "refusal": text, "finish_reason": text,
                  "tool_calls": [{"id": text, "name": text, "arguments": text}]}
        begun = llm(text, text) | {"provider": text, "api": text, "params": {text: text},
            "http": {"method": text, "url": text, "headers": {}, "body_complete": True},
            "messages": [{"role": text, "content": text}, {"role": text, "content": [{"type": text, text: text}]}]}
        ended = result("", choices=[choice], model=text, response_id=text, usage_raw={text: text},
            error={"kind": "provider", "message": text, "status": 400, "provider_code": text})
        run_id = str(uuid.uuid4())
        extra = {"tags": [text, text * 2], "metadata": {text or "k": {text: text}}}
        runs.append((run_id, parent if at % 3 else None, "llm", text, now - 60 + at, 500, begun, "error", ended, extra))
        parent = run_id
    # Two runs that are each other's parent, and one that is its own parent.
    one, two, own = (str(uuid.uuid4()) for _ in range(3))
    for run_id, above in ((one, two), (two, one), (own, own)):
        runs.append((run_id, above, "chain", "cycle", now, 9, {"input": "<b>x</b>"}, "end", {"output": "<b>x</b>"}))
    file = records(*runs)
    elements = "html,head,meta,title,link,style,body,header,h1,span,div,button,b,main,table,thead,tr,th,tbody,td,p,section,h2,h3,ol,li,a,i,dl,dt,dd,pre,script,input,select,option,figure,figcaption,svg,rect"
    for size in ((1280, 800), (390, 844)):
        with gateway("--replay", file) as server, browser(size=size) as page:
            page.open(server.page)
            page.js("window.alert = () => { document.title = 'alerted'; }")
            within(10, "all rows", lambda: len(page.rows()) == len(runs))
            page.is_narrow()
            heights = page.js("return [...document.querySelectorAll('#rows tr')].map((tr) => tr.offsetHeight)")
            assert max(heights) <= 150, heights
            for run_id, *_, name in [(run[0], run[3]) for run in runs]:
                page.js("location.hash = arguments[0]", run_id)
                within(5, f"details of {name[:20]!r}", lambda: page.text("#prompt .part") is not None and page.text("#more dd") == run_id)
                page.is_narrow()
                found = page.js("return [...new Set([...document.querySelectorAll('*')].map((e) => e.localName))].filter((n) => !arguments[0].includes(n))", elements.split(","))
                same("unknown elements", found, [])
                same("scripts", page.js("return document.scripts.length"), 1)
                handlers = page.js("return [...document.querySelectorAll('*')].flatMap((e) => [...e.attributes]).filter((a) => "
                                   "a.name.startsWith('on') || a.value.includes('javascript:')).length")
                same("attributes with scripts", handlers, 0)
            if size[0] > 500:
                page.js("location.hash = arguments[0]", runs[0][0])
                within(5, "the markup as text", lambda: page.text("#answer pre") == HOSTILE[0] and page.text("#error pre") == HOSTILE[0])
                page.js("location.hash = arguments[0]", runs[4][0])
                within(5, "invisible characters", lambda: "⟨202E⟩gnitset⟨202C⟩" in (page.text("#error pre") or ""))
                page.js("location.hash = arguments[0]", runs[7][0])
                within(5, "control characters", lambda: (page.text("#error pre") or "").startswith("⟨00⟩⟨01⟩⟨1B⟩[31m⟨7F⟩"))
                page.shot("hostile.png")
            same("the title", page.js("return document.title"), "Runs")
            page.is_quiet()
    # The same texts over the wire, while they stream.
    with gateway(pace=1) as server, browser() as page:
        page.open(server.page)
        for text in HOSTILE[:-1]:
            ask(server, text, messages=[{"role": "user", "content": text}], tools=[{"name": text}], metadata={"user_id": text})
        within(10, "all rows", lambda: len(page.rows()) == len(HOSTILE) - 1)
        page.is_narrow()
        page.click("#rows tr:last-child")
        within(5, "the prompt", lambda: page.text("#prompt pre") == HOSTILE[0])
        page.is_quiet()


def check_phone():
    with gateway(pace=20) as server, browser(size=(390, 844), scheme="dark") as page:
        page.open(server.page)
        populate(server)
        within(10, "rows", lambda: len(page.rows()) >= 8)
        same("the viewport", page.js("return innerWidth"), 390)
        page.is_narrow()
        page.shot("phone.png")
        page.click("#rows tr[data-state=completed]")
        within(5, "details", lambda: page.text("#answer pre"))
        page.is_narrow()
        box = page.js("const r = document.getElementById('details').getBoundingClientRect(); return [r.left, r.top, r.width, r.height]")
        same("the details' position and size", box, [0, 0, 390, 844])
        page.shot("phone-details.png")
        page.js("history.back()")
        within(5, "back", lambda: page.js("return document.getElementById('details').hidden"))
        page.is_quiet()


def populate(server):
    for model in ("claude-haiku-4-5", "error-529", "tokens-60", "truncate", "gpt-5-mini"):
        path = "/v1/chat/completions" if model.startswith("gpt") else "/v1/messages"
        ask(server, model, path=path, **({"stream_options": {"include_usage": True}} if "chat" in path else {}))
    ask(server, "claude-opus-4-8", tools=[{"name": "get_weather"}], read=1200)
    later(server, "tokens-500")
    later(server, "slow")
    later(server, "tokens-300", path="/v1/responses", input=PROMPT)


def contrast(page):
    """Returns the least contrast of visible text, by WCAG's formula."""
    return page.js("""
        const light = (c) => { const [r, g, b] = c.match(/[\\d.]+/g).map((x) => { x /= 255; return x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4; });
            return .2126 * r + .7152 * g + .0722 * b; };
        const back = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!/, 0\\)$/.test(c)) return c; } return 'rgb(255, 255, 255)'; };
        return Math.min(...[...document.querySelectorAll('body *')].filter((e) => e.offsetParent && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
            .map((e) => { const [a, b] = [light(getComputedStyle(e).color), light(back(e))].sort((x, y) => y - x); return (a + .05) / (b + .05); }));""")


def check_dark_and_light():
    backs = []
    for scheme in ("dark", "light"):
        _, file = family()
        with gateway("--replay", file, pace=20) as server, browser(scheme=scheme) as page:
            page.open(server.page)
            populate(server)
            within(10, "rows", lambda: len(page.rows()) >= 13)
            time.sleep(1)
            page.shot(f"{scheme}.png")
            page.click("#rows tr[data-state=running]")
            within(5, "details", lambda: page.text("#answer pre"))
            time.sleep(0.5)
            page.shot(f"{scheme}-details.png")
            backs.append(page.js("return getComputedStyle(document.body).backgroundColor"))
            found = contrast(page)
            assert found >= 4.5, f"{scheme}: contrast {found}"
            page.is_quiet()
    assert backs[0] != backs[1], backs


def check_waiting_requests():
    with gateway() as server, browser() as page:
        page.open(server.page)
        half = b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{"
        uploads = [socket.create_connection(server.address, timeout=20) for _ in range(2)]
        for upload in uploads:
            upload.sendall(half)
        within(5, "the uploads", lambda: page.text("#waiting") == "waiting for 2 request bodies")
        uploads[0].close()
        within(5, "one upload", lambda: page.text("#waiting") == "waiting for 1 request body")
        uploads[1].close()
        within(5, "no upload", lambda: page.text("#waiting") == "")


def check_unobserved_requests():
    with gateway() as server, browser() as page:
        page.open(server.page)
        same("no request yet", page.text("#unobserved"), "")
        get = lambda path: urllib.request.urlopen(f"http://{':'.join(server.address)}{path}", timeout=20).close()
        get("/v1/models")
        within(5, "one request", lambda: page.text("#unobserved") == "1 unobserved request")
        with contextlib.suppress(urllib.error.HTTPError):
            get("/v1/mod%65ls/")
        within(5, "two requests", lambda: page.text("#unobserved") == "2 unobserved requests")
        same("the list", page.js("return document.getElementById('unobserved').title"), "2 × GET /v1/models")


def check_nothing_leaks():
    canary = lambda place: f"sk-ant-api03-CANARY{place}0123456789abcdefghijklmnopqrstuvwxyz"
    headers = {name: canary(name) for name in ("authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "x-any-secret", "user-agent",
        "proxy-authorization", "referer", "x-forwarded-for", "openai-organization", "origin", "x-user-email")}
    secrets = {"metadata": {"user_id": canary("user-id")}, "user": canary("user"), "api_key": canary("key"), "safety_identifier": canary("safety"),
               "extra_headers": {"authorization": canary("extra")}, "prompt_cache_key": canary("cache"), "client_metadata": {"x-installation-id": canary("install")},
               "mcp_servers": [{"type": "url", "name": "files", "url": f"https://u:{canary('p')}@h.example/?key={canary('q')}", "authorization_token": canary("mcp")}]}
    with gateway(pace=0) as server, browser() as page:
        for model in ("joker", "error-401"):
            for path in ("/v1/messages", "/v1/chat/completions", "/v1/responses"):
                ask(server, model, path=f"{path}?key={canary('query')}&api_key={canary('query')}", headers=headers, input="hi", **secrets)
        page.open(server.page)
        within(10, "rows", lambda: len(page.rows()) == 6)
        snapshot = events(read_for(listen(server), 0.5))[0][1]
        for run in snapshot["runs"]:
            raw = read_for(listen(server, f"/events/{run['id']}"), 0.4)
            assert b"event: detail" in raw and b"CANARY" not in raw, raw
            page.js("location.hash = arguments[0]", run["id"])
            within(5, "details", lambda: page.text("#more dd") == run["id"])
            assert "CANARY" not in page.js("return document.documentElement.outerHTML")


def check_content():
    prompt = [{"role": "user", "content": "quetzal " * 9}]
    for setting, shown in (("off", None), ("20", "quetzal quetzal quet"), ("full", "quetzal " * 9)):
        with gateway("--content", setting, pace=1) as server, browser() as page:
            ask(server, "joker", messages=prompt, system="quetzal")
            ask(server, "whole", messages=prompt, stream=False)
            page.open(server.page)
            for model in ("joker", "whole"):
                page.row(model, "completed")
                run = page.js("return [...runs.values()].find((run) => run.model === arguments[0]).id", model)
                raw = read_for(listen(server, f"/events/{run}"), 0.4).decode()
                page.js("location.hash = arguments[0]", run)
                within(5, "details", lambda: page.text("#more dd") == run)
                if setting == "off":
                    assert "quetzal" not in raw and "bicycle" not in raw and "little" not in raw, raw
                    assert "not captured" in page.text("#prompt") and "bicycle" not in page.text("#answer")
                else:
                    same("the prompt", page.js("return [...document.querySelectorAll('#prompt pre')].at(-1).textContent"), shown)
                    same("the answer", page.text("#answer pre"), JOKE if setting == "full" else JOKE[:20])
            same("the tokens", page.row("joker", "completed")[3], "24")
    failed = subprocess.run([BINARY, "--content", "some"], capture_output=True, text=True, timeout=20)
    same("an invalid value", (failed.returncode, "number of bytes" in failed.stderr), (2, True))


def check_bounds():
    long = "0123456789" * 20_000
    with gateway(pace=0) as server, browser() as page:
        page.open(server.page)
        ask(server, "tokens-5000", max_tokens=9000, messages=[{"role": "user", "content": long}])
        page.row("tokens-5000", "completed")
        page.click("#rows tr")
        within(5, "details", lambda: page.text("#prompt pre"))
        same("the prompt", page.text("#prompt pre"), long[: 64 << 10])
        assert "64 KiB are kept" in page.text("#prompt .cut")
        ask(server, "tokens-30000", max_tokens=90000)
        page.row("tokens-30000", "completed")
        page.click("#rows tr")
        within(5, "details", lambda: page.text("#title") == "tokens-30000" and page.text("#answer .cut"))
        assert len(page.text("#answer pre").encode()) <= 64 << 10
        assert (JOKE * 2000).startswith(page.text("#answer pre"))
        page.keys("Escape")
        # Five hundred runs are kept. An open run is not removed while there are ended ones. Four choices take 48 s.
        later(server, "slow", path="/v1/chat/completions", n=4)
        page.row("slow", "running")
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda n: ask(server, f"m-{n}", max_tokens=2), range(700)))
        within(20, "all runs", lambda: page.js("return totals.started") == 703)
        within(20, "500 rows", lambda: len(page.rows()) == 500)
        page.row("slow", "running")
        shot = events(read_for(listen(server), 0.5))[0][1]
        same("the kept runs", (len(shot["runs"]), shot["limit"]), (500, 500))
        ids = page.js("return [...runs.keys()].sort((a, b) => a - b)")
        same("the runs of the page", ids, sorted(run["number"] for run in shot["runs"]))
        page.is_quiet()


def check_access():
    with gateway() as server:
        address = server.page.removeprefix("http://").rstrip("/")
        for host, expected in (("evil.example", 403), (f"evil.example:{address.rsplit(':', 1)[1]}", 403), ("127.0.0.1.evil.example", 403), ("localhost:1", 200), ("[::1]:80", 200), (address, 200)):
            for path in ("/", "/events"):
                connection = http.client.HTTPConnection(address, timeout=10)
                connection.request("GET", path, headers={"host": host})
                answer = connection.getresponse()
                same(f"{path} for {host}", answer.status, expected)
                policy = answer.getheader("content-security-policy")
                assert path != "/" or expected == 403 or policy.startswith("default-src 'none'; script-src 'nonce-"), policy
                assert "unsafe" not in (policy or "")
                same("cache-control", answer.getheader("cache-control"), "no-store")
                connection.close()
        many = [listen(server) for _ in range(32)]
        time.sleep(0.3)
        refused = within(5, "the refusal of one more", lambda: (a := listen(server).recv(100)).startswith(b"HTTP/1.1 503") and a)
        assert refused
        for connection in many:
            connection.close()
        within(15, "a free connection", lambda: listen(server).recv(100).startswith(b"HTTP/1.1 200"))
    for bare, shown in (("0", "127.0.0.1:"), (":0", "127.0.0.1:"), ("localhost:0", "127.0.0.1:"), ("0.0.0.0:0", "0.0.0.0:")):
        server = processes.Server(BINARY, "--listen", "127.0.0.1:0", "--admin", bare)
        assert server.line().startswith(f"metrics on http://{shown}"), bare
        server.stop()


def pointed(page, at):
    """Moves the pointer to a place, and returns the id of the row there."""
    page.ask("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": [
        {"type": "pointerMove", "duration": 0, "x": int(at[0]), "y": int(at[1])}]}]})
    return page.js("return document.elementFromPoint(arguments[0], arguments[1])?.closest('#rows tr')?.run.id ?? null", *map(int, at))


def press(page):
    page.ask("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": [
        {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]}]})


def check_clicks_under_load():
    """At 200 runs a second a click opens the row that was under the pointer."""
    with gateway(pace=0) as server, browser() as page:
        page.open(server.page)
        stop = threading.Event()

        def load():
            while not stop.is_set():
                with contextlib.suppress(OSError, http.client.HTTPException):
                    ask(server, "tokens-3")
                stop.wait(0.03)

        threads = [threading.Thread(target=load, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        started = time.monotonic()
        within(20, "rows", lambda: page.js("return document.querySelectorAll('#rows tr').length") > 30)
        wrong = 0
        for n in range(OPTIONS.clicks):
            if n % 10 == 9:
                # The pointer leaves the list, which goes on.
                pointed(page, (200, 20))
                time.sleep(0.1)
            box = page.js("const r = document.querySelector('#list').getBoundingClientRect(); return [r.left, r.top, r.width, r.height]")
            wanted = pointed(page, (box[0] + 150, box[1] + 60 + n * 37 % (box[3] - 120)))
            press(page)
            wrong += not wanted or page.js("return location.hash.slice(1)") != wanted
        rate = page.js("return totals.started") / (time.monotonic() - started)
        stop.set()
        for thread in threads:
            thread.join()
        same("the wrong clicks", wrong, 0)
        pointed(page, (200, 20))
        within(20, "the newest run is shown", lambda: page.js("return Math.max(...runs.keys()) === document.querySelector('#rows tr').run.number"))
        same("the rows", page.js("return document.querySelectorAll('#rows tr').length") <= 500, True)
        page.is_quiet()
        return f"{OPTIONS.clicks} clicks at {rate:.0f} runs a second"


def check_pause_and_filters():
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "events.jsonl")
        with gateway("--events", file, pace=1) as server, browser() as page:
            page.open(server.page)
            for model in ("one", "two", "error-429", "two"):
                ask(server, model)
            ask(server, "gpt-5-mini", path="/v1/chat/completions")
            page.row("gpt-5-mini", "completed")
            shown = lambda: page.js("return [...document.querySelectorAll('#rows tr:not([hidden]) .model')].map((it) => it.textContent)")
            pick = lambda name, value: page.js("const it = document.getElementById(arguments[0]); "
                                               "if (it.names) it.selectedIndex = it.names.indexOf(arguments[1]); else it.value = arguments[1]; "
                                               "it.dispatchEvent(new Event('input', { bubbles: true }))", name, value)
            all_models = ["gpt-5-mini", "two", "error-429", "two", "one"]
            same("all", shown(), all_models)
            pick("by-model", "two")
            within(5, "only a model", lambda: shown() == ["two", "two"])
            assert "2 of 5 shown" in page.text("#shown"), page.text("#shown")
            pick("by-model", "")
            pick("by-provider", "openai")
            within(5, "only a provider", lambda: shown() == ["gpt-5-mini"])
            pick("by-provider", "")
            pick("by-time", "5")
            within(5, "all are new", lambda: shown() == all_models)
            lines = [json.loads(line) for line in file.read_text().splitlines()]
            for word in ("two", "TWO messages", "429", "openai", "no such run", lines[0]["run_id"]):
                pick("search", word)
                starts = {line["run_id"]: json.dumps([line["name"], line["data"]["model"], line["data"]["provider"], line["data"]["api"],
                          line["run_id"]]) for line in lines if line["event"] == "llm_start"}
                ends = {line["run_id"]: json.dumps(line["data"]["error"]) for line in lines if line["event"] == "llm_error"}
                wanted = [run for run, text in starts.items() if all(one in (text + ends.get(run, "")).lower() for one in word.lower().split())]
                within(5, f"the search for {word}", lambda: page.js("return [...document.querySelectorAll('#rows tr:not([hidden])')].map((it) => it.run.id)") == wanted[::-1])
            pick("search", "")
            # The status and the message of an error are in its row.
            row = next(row for row in page.rows() if row["state"] == "provider")
            assert "429" in row["cells"][1] and "asked to fail" in row["cells"][1], row
            page.click("#pause")
            ask(server, "three")
            within(5, "what is hidden is said", lambda: "1 new while paused" in page.text("#shown"))
            same("the paused list", shown(), all_models)
            page.click("#pause")
            within(5, "the list goes on", lambda: shown() == ["three", *all_models])
            page.is_quiet()
        # The next process shows what this one has seen.
        with gateway("--events", file) as server, browser() as page:
            page.open(server.page)
            within(10, "the history", lambda: page.js("return [...document.querySelectorAll('#rows .model')].map((it) => it.textContent)") == ["three", *all_models])
            same("the totals", page.js("return totals"), {"started": 6, "running": 0, "ended": {"completed": 5, "provider": 1}})
            page.is_quiet()


def check_overview_and_usage():
    ids, file = family()
    with gateway("--replay", file) as server, browser() as page:
        page.open(server.page)
        page.row("agent", "completed")
        for _ in range(3):
            ask(server, "tokens-30")
        within(10, "all have ended", lambda: page.js("return [totals.started, totals.running]") == [7, 0])
        used = sum(page.js("return [...runs.values()].map((run) => (run.model ? run.input + run.output : 0))"))
        within(5, "the plot of tokens", lambda: page.text("#tokens-plot figcaption") == f"{used:,} tokens in 30 min")
        assert " / " in page.text("#quantiles dd"), page.text("#quantiles")
        same("the bars", page.js("return document.querySelectorAll('#tokens-plot rect').length"), 30)
        assert page.text("#cost-plot figcaption").startswith("0.0051 USD"), page.text("#cost-plot figcaption")
        page.js("location.hash = arguments[0]", ids[1])
        rows = lambda: page.js("return [...document.querySelectorAll('#usage tr')].map((tr) => [...tr.cells].map((td) => td.textContent))")
        within(5, "the usage", lambda: [row[:2] for row in rows()] == [["Input", "101"], ["Output", "36"], ["Total", "137"]])
        json_of = f"return fetch('/runs/{ids[1]}').then((it) => it.json())"
        found = page.js(json_of)
        same("the run as JSON", (found["id"], found["model"], found["detail"]["usage"]["input_tokens"]), (ids[1], "claude-sonnet-5", 101))
        same("the link to it", page.js("return [$('save').pathname, $('save').download]"), [f"/runs/{ids[1]}", f"run-{ids[1]}.json"])
        # All rows have one scale. The timelines are hidden beside the details.
        page.js("location.hash = ''")
        within(5, "the timelines", lambda: page.js("return $('details').hidden"))
        widths = page.js("return [...document.querySelectorAll('#rows tr')].filter((tr) => tr.run.root === tr.run).map((tr) => "
                         "[tr.run.duration, tr.querySelector('.b').getBoundingClientRect().right - tr.querySelector('.timeline').getBoundingClientRect().left])")
        ends = [width / duration for duration, width in widths if width > 20]
        assert max(ends) < 1.1 * min(ends), widths
        page.is_quiet()


def check_abort():
    with gateway("--admin-abort", pace=50) as server, browser() as page:
        page.open(server.page)
        later(server, "tokens-2000")
        page.row("tokens-2000", "running")
        page.click("#rows tr")
        within(5, "the button", lambda: not page.js("return $('abort').hidden"))
        address = f"{server.page}runs/{page.js('return location.hash.slice(1)')}/abort"
        token = page.js("return abortToken")
        for headers in ({}, {"x-abort-token": "wrong"}, {"x-abort-token": token, "origin": "http://example.com"}):
            try:
                urllib.request.urlopen(urllib.request.Request(address, method="POST", headers=headers))
                raise AssertionError(f"{headers} aborted the call")
            except urllib.error.HTTPError as error:
                same("the status", error.code, 403)
        same("the state", page.rows()[0]["state"], "running")
        page.click("#abort")
        page.row("tokens-2000", "aborted")
        within(5, "no button", lambda: page.js("return $('abort').hidden"))
        page.is_quiet()
    with gateway(pace=50) as server, browser() as page:
        page.open(server.page)
        later(server, "tokens-300")
        page.row("tokens-300", "running")
        page.click("#rows tr")
        within(5, "details", lambda: page.text("#prompt pre"))
        same("the button", page.js("return $('abort').hidden"), True)


def throughput(server, runs=20, tokens=1500):
    started = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda _: ask(server, f"tokens-{tokens}", max_tokens=90000), range(runs)))
    return runs * tokens / (time.monotonic() - started)


def check_stuck_reader():
    """Compares throughput with and without eight connections that select a run and never read."""
    with gateway(pace=0) as server:
        throughput(server)
        run = events(read_for(listen(server), 0.5))[0][1]["runs"][0]["id"]
        alone, beside = [], []
        for _ in range(5):
            alone.append(throughput(server))
            stuck = [listen(server, f"/events/{run}", room=4096) for _ in range(8)]
            beside.append(throughput(server))
            for connection in stuck:
                connection.close()
        ratio = max(beside) / max(alone)
        outcome = f"{ratio:.2f} of the tokens per second with eight stuck readers ({max(beside):,.0f} of {max(alone):,.0f})"
        # The ratio includes other load of the machine. Readers must not block streams.
        assert ratio > 0.7, (outcome, alone, beside)
        return outcome


def burst(server, page, runs, seconds, every):
    """Makes calls at an even rate and returns samples of the memory of both sides, in MiB."""
    found, started = [], time.monotonic()
    body = {"messages": [{"role": "user", "content": "x" * 20_000}]}
    with ThreadPoolExecutor(32) as pool:
        asked = []
        for n in range(runs):
            time.sleep(max(0, started + n * seconds / runs - time.monotonic()))
            asked.append(pool.submit(ask, server, f"tokens-{100 + n % 3}", **body))
            if n % every == every - 1:
                found.append((rss(server.process.pid), rss(DRIVER.process.pid)))
        for one in asked:
            one.result()
    within(30, "all have ended", lambda: page.js("return [totals.started - totals.running]")[0] >= runs)
    return [*found, (rss(server.process.pid), rss(DRIVER.process.pid))]


def check_memory():
    with gateway(pace=2) as server, browser() as page:
        page.open(server.page)
        stuck = [listen(server) for _ in range(5)]
        found = burst(server, page, 2000, 60, 250)
        same("rows", len(page.rows()), 500)
        # During the first quarter, the kept runs fill up.
        early, late = found[2], found[-1]
        assert late[0] < early[0] + 15, found
        assert late[1] < early[1] * 1.3, found
        page.is_quiet()
        assert stuck
        return "MiB of gateway and browser: " + ", ".join(f"{a}/{b}" for a, b in found)


def check_falls_behind():
    """Checks that a reader that missed hundreds of runs receives a new snapshot."""
    with gateway(pace=0) as server:
        connection = listen(server, room=4096)
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda n: ask(server, "tokens-3"), range(2500)))
        raw, total = b"", {}
        until = time.monotonic() + 60
        while total != {"started": 2500, "running": 0, "ended": {"completed": 2500}} and time.monotonic() < until:
            raw += read_for(connection, 1)
            # The number of uploads is an event of its own.
            received = [(name, data) for name, data in events(raw) if name != "waiting"]
            total = received[-1][1]["totals"]
        rows = {}
        for name, data in received:
            if name == "snapshot":
                rows = {}
            rows.update((row["number"], row["state"]) for row in data["runs"])
            for number in data["gone"]:
                rows.pop(number, None)
        fresh = {row["number"]: row["state"] for row in events(read_for(listen(server), 0.5))[0][1]["runs"]}
        same("the final rows", rows, fresh)
        snapshots = [name for name, _ in received].count("snapshot")
        assert snapshots >= 2 and len(received) < 60, (snapshots, len(received))
        return f"{snapshots} snapshots among {len(received)} events"


def soak():
    with gateway(pace=2) as server, browser() as page:
        page.open(server.page)
        page.js("location.hash = [...runs.values()][0]?.id ?? ''")
        found = burst(server, page, 10_000, 600, 1000)
        same("rows", len(page.rows()), 500)
        page.is_quiet()
        print("soak, MiB of gateway and browser, once a minute: " + ", ".join(f"{a}/{b}" for a, b in found), flush=True)


parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--only", default="")
parser.add_argument("--clicks", type=int, default=50)
parser.add_argument("--soak", action="store_true")
parser.add_argument("--shots", type=Path)
OPTIONS = parser.parse_args()
install()
BINARY = processes.gateway_binary()
DRIVER = Driver()
failed = 0
for name, check in [(name, check) for name, check in globals().items() if name.startswith("check_")]:
    if OPTIONS.only not in name:
        continue
    began = time.monotonic()
    try:
        outcome = check() or "ok"
    except Exception as error:
        failed += 1
        outcome = f"FAILED: {type(error).__name__}: {error}"
    print(f"{name.removeprefix('check_').replace('_', ' ')}: {outcome}, {time.monotonic() - began:.1f} s", flush=True)
if OPTIONS.soak:
    soak()
if failed:
    sys.exit(f"{failed} checks failed")
