"""Hands HTTP on to a demo service and keeps both directions, for whoever wants to check them.

Credentials are not kept: of a request's headers only names and those values that say how it is meant.
"""

import contextlib
import http.client
import http.server
import os
import socketserver
import threading
from urllib.parse import urlsplit

KEPT = ("accept", "content-type", "user-agent", "x-github-api-version")


class Exchange:
    """One request and its answer."""

    def __init__(self, method, target, headers, body, status, kind, answer):
        parts = urlsplit(target)
        self.method, self.path, self.query = method, parts.path, parts.query
        self.headers = {name.lower(): value for name, value in headers.items() if name.lower() in KEPT}
        self.body, self.status, self.kind, self.answer = body, status, kind, answer

    def __str__(self):
        return f"{self.method} {self.path}{'?' + self.query if self.query else ''} -> {self.status}"


@contextlib.contextmanager
def recorder(upstream, socket_path=None):
    """(`http://127.0.0.1:PORT`, list of exchanges), and the same on `socket_path` for gh."""
    host = urlsplit(upstream).netloc
    exchanges = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length) if length else b""
            # gh names api.github.com, and the demo's answers lead to where they were asked.
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            onward = http.client.HTTPConnection(host, timeout=60)
            onward.request(self.command, self.path, body or None, headers)
            reply = onward.getresponse()
            data = reply.read()
            exchanges.append(
                Exchange(self.command, self.path, self.headers, body, reply.status, reply.getheader("Content-Type", ""), data)
            )
            self.send_response_only(reply.status)
            for name, value in reply.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(name, value)
            if reply.status not in (204, 304):
                self.send_header("Content-Length", reply.getheader("Content-Length", "0") if self.command == "HEAD" else str(len(data)))
            self.end_headers()
            onward.close()
            if self.command != "HEAD":
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(data)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer

        def address_string(self):
            return "client"

        def log_message(self, *_):
            pass

    class OnSocket(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
        daemon_threads = True

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    servers = [server]
    if socket_path:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(socket_path)
        servers.append(OnSocket(str(socket_path), Handler))
    for one in servers:
        threading.Thread(target=one.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", exchanges
    finally:
        for one in servers:
            one.shutdown()
            one.server_close()
