"""A server that replays the transcripts, in small pieces. Prints `listening on http://ADDRESS` and serves until its standard
input is closed."""

import http.server
import json
import sys
import threading
import urllib.parse

import transcripts

REPLIES = {scenario["name"]: scenario["reply"] for scenario in transcripts.ALL}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        _, model, operation = self.path.split("/model/")[0], *self.path.split("/model/")[1].rsplit("/", 1)
        reply = REPLIES[urllib.parse.unquote(model)]
        self.send_response(reply.get("status", 200))
        for name, value in reply.get("headers", {}).items():
            self.send_header(name, value)
        self.send_header("x-amzn-RequestId", "request-1")
        if "body" in reply:
            body = json.dumps(reply["body"]).encode()
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_header("Content-Type", "application/vnd.amazon.eventstream")
        self.send_header("X-Amzn-Bedrock-Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        body = b"".join(reply["frames"])
        # Frames lie across several pieces, and pieces across several frames.
        for size, start in ((37, at) for at in range(0, len(body), 37)):
            piece = body[start:start + size]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
sys.stdin.read()
