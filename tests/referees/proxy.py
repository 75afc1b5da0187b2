"""A service that lies: everything is handed on to the real one, and what comes back is changed."""

import contextlib
import http.client
import http.server
import threading
from urllib.parse import urlsplit


@contextlib.contextmanager
def proxy(upstream, change):
    """A service on loopback that hands everything on to `upstream` and lets `change` lie."""
    host = urlsplit(upstream).netloc

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self):
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length) if length else None
            onward = http.client.HTTPConnection(host, timeout=60)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
            onward.request(self.command, self.path, body, headers)
            reply = onward.getresponse()
            data = reply.read()
            kept = {
                name: value for name, value in reply.getheaders()
                if name.lower() not in ("transfer-encoding", "connection", "content-length", "etag")
            }
            if self.command == "HEAD":
                kept["Content-Length"] = reply.getheader("Content-Length", "0")
            path = urlsplit(self.path).path
            status, kept, data = change(self.command, path, reply.status, kept, data)
            onward.close()
            self.send_response_only(status)
            if "Content-Length" not in kept:
                kept["Content-Length"] = str(len(data))
            for name, value in kept.items():
                self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                # Whoever has seen enough may leave.
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(data)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
