"""A server that replays the scenarios' replies byte for byte. Python's standard library only.

The model's name in the request, or the last part of the path, selects the scenario. In addition, `/echo…` returns the
request, `/trailers` sends a trailer, `/redirect?to=URL` redirects, the model `endless` never stops, and `/seen` returns how streams ended.
Prints `listening on http://ADDRESS` and serves until its standard input is closed.
"""

import asyncio
import hashlib
import json
import re
import sys
import urllib.parse
import zlib

import scenarios

TRANSCRIPTS = {scenario["name"]: scenario["reply"] for scenario in scenarios.ALL}
SEEN = []


async def read_request(reader, writer):
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, target, _ = first.split(" ")
    headers = [tuple(line.split(": ", 1)) if ": " in line else (line.rstrip(":"), "") for line in lines]
    known = {name.lower(): value for name, value in headers}
    if known.get("expect") == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = b""
    if known.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        while await reader.readline() != b"\r\n":
            pass
    elif "content-length" in known:
        body = await reader.readexactly(int(known["content-length"]))
    return method, target, headers, body


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b""


def head(status, headers):
    lines = [f"HTTP/1.1 {status} Whatever"] + [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def whole(writer, method, status, headers, body):
    writer.write(head(status, [*headers, ("content-length", len(body))]) + (b"" if method == "HEAD" else body))
    await writer.drain()


async def pieces(writer, reply):
    """Sends a streamed answer. Each piece is a chunk and a packet of its own."""
    headers = [*reply["headers"], ("transfer-encoding", "chunked")]
    compress = None
    if reply.get("gzip"):
        headers.append(("content-encoding", "gzip"))
        compress = zlib.compressobj(wbits=31)
    writer.write(head(reply["status"], headers))
    for piece in reply["pieces"]:
        if compress:
            piece = compress.compress(piece) + compress.flush(zlib.Z_SYNC_FLUSH)
        writer.write(chunk(piece))
        await writer.drain()
        await asyncio.sleep(reply.get("pause", 0.002))
    if compress:
        writer.write(chunk(compress.flush()))
    await asyncio.sleep(reply.get("linger", 0))
    if not reply.get("cut"):
        writer.write(b"0\r\n\r\n")
    await writer.drain()


async def endless(writer):
    writer.write(head(200, [("content-type", "text/event-stream"), ("transfer-encoding", "chunked")]))
    for piece in scenarios.endless():
        writer.write(chunk(piece))
        await writer.drain()
        await asyncio.sleep(0.02)


async def watched(name, reader, answer):
    """Sends an answer until the client is gone. Returns whether the answer is complete."""
    answer = asyncio.ensure_future(answer)
    while not answer.done() and not reader.at_eof():
        await asyncio.wait({answer}, timeout=0.005)
    is_complete = answer.done() and not answer.exception()
    SEEN.append({"name": name, "ended": "complete" if is_complete else "closed"})
    answer.cancel()
    return is_complete


async def answer(reader, writer, request):
    """Answers a request. Returns whether the connection can be reused."""
    method, target, headers, body = request
    path = target.split("?")[0]
    if path.startswith("/echo"):
        echo = {"method": method, "target": target, "headers": headers, "length": len(body),
                "sha256": hashlib.sha256(body).hexdigest()}
        extra = [("x-one", "1"), ("X-Two", "2"), ("x-one", "again"), ("connection", "x-hop"), ("x-hop", "gone")]
        extra.append(("content-type", "application/json"))
        await whole(writer, method, 200, extra, json.dumps(echo).encode())
        return True
    if path == "/seen":
        await whole(writer, method, 200, [("content-type", "application/json")], json.dumps(SEEN).encode())
        return True
    if path.endswith("/redirect"):
        to = urllib.parse.parse_qs(target.partition("?")[2])["to"][0]
        await whole(writer, method, 307, [("Location", to), ("Content-Location", to)], b"")
        return True
    if path == "/trailers":
        writer.write(head(200, [("transfer-encoding", "chunked"), ("trailer", "x-sum")]) + chunk(b"hello"))
        writer.write(b"0\r\nx-sum: 5\r\n\r\n")
        await writer.drain()
        return True
    name = path.rsplit("/", 1)[1].split(":")[0]
    if field := re.search(rb'name="model"\r\n\r\n([^\r]+)', body):
        name = field[1].decode()
    if body[:1] == b"{":
        name = json.loads(body).get("model", name)
    if name == "endless":
        await watched(name, reader, endless(writer))
        return False
    reply = TRANSCRIPTS.get(name)
    if reply is None:
        await whole(writer, method, 404, [("content-type", "text/plain")], b"no such scenario")
        return True
    if "body" in reply:
        await whole(writer, method, reply["status"], reply["headers"], reply["body"])
        return True
    return await watched(name, reader, pieces(writer, reply)) and not reply.get("cut")


async def connection(reader, writer):
    try:
        while request := await read_request(reader, writer):
            if not await answer(reader, writer, request):
                break
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(connection, "127.0.0.1", 0, limit=1 << 20)
    host, port = server.sockets[0].getsockname()
    print(f"listening on http://{host}:{port}", flush=True)
    # The server ends with the script that started it, even if that is killed.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
