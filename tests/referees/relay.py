#!/usr/bin/env -S python3 -B
"""A wire between a client and a service on loopback: with a round trip of its own, counted, and cut
at a byte where somebody wants it.

Used as a module by referees, and as a program by benchmarks, so that its work is nobody's but the
wire's: `relay.py HOST:PORT SECONDS` prints the address it listens on and runs until SIGTERM.
"""

import collections
import contextlib
import re
import socket
import sys
import threading
import time

PIECE = 1 << 18
#: Bytes under way in one direction of one connection: what a long wire holds.
UNDER_WAY = 64 << 20
REQUEST = re.compile(rb"(GET|HEAD|PUT|POST|PATCH|DELETE) (/\S*) HTTP/1\.1\r\n")


class Relay:
    """Hands bytes on to `target`; every direction takes half of `rtt` seconds."""

    def __init__(self, target, rtt=0.0, watch=True):
        host, _, port = target.rpartition(":")
        self.target, self.rtt, self.watch = (host, int(port)), rtt, watch
        self.lock = threading.Lock()
        #: Bytes that clients sent and got, and the requests among them as "METHOD path".
        self.sent, self.got, self.requests = 0, 0, []
        self._at, self._call = None, None
        #: Clients whose bytes are still handed on, and a word whenever one is done.
        self._clients, self._done = 0, threading.Condition(self.lock)
        self.server = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = f"127.0.0.1:{self.server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.server.close()

    def reset(self):
        with self.lock:
            self.sent, self.got, self.requests, self._at = 0, 0, [], None

    def at(self, byte, call):
        """Calls `call` once, as soon as clients have sent so many bytes."""
        with self.lock:
            self._at, self._call = byte, call

    def drained(self, patience=60):
        """Waits until no client is left and the last byte that one sent was handed on."""
        # Who knocks last is let in last: whoever came before is counted by then.
        with socket.create_connection(self.server.getsockname()) as last:
            last.shutdown(socket.SHUT_WR)
            last.recv(1)
        with self.lock:
            return self._done.wait_for(lambda: self._clients == 0, patience)

    def _accept(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            with self.lock:
                self._clients += 1
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client):
        try:
            self._serve(client)
        finally:
            with self.lock:
                self._clients -= 1
                self._done.notify_all()

    def _serve(self, client):
        try:
            service = socket.create_connection(self.target)
        except OSError:
            client.close()
            return
        for end in (client, service):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # On a long wire a connection is made in a round trip of its own.
        opened = time.monotonic() + self.rtt
        there = threading.Thread(target=self._pump, args=(client, service, opened, self.watch), daemon=True)
        there.start()
        self._pump(service, client, opened, False)
        there.join()
        for end in (client, service):
            end.close()

    def _pump(self, source, sink, opened, watched):
        if self.rtt:
            self._pump_late(source, sink, opened, watched)
            return
        buffer = bytearray(PIECE)
        view = memoryview(buffer)
        rest = b""
        with contextlib.suppress(OSError):
            while size := source.recv_into(buffer):
                if watched:
                    rest = self._seen(bytes(view[:size]), rest)
                else:
                    self.got += size
                sink.sendall(view[:size])
        self._ended(source, sink)

    def _pump_late(self, source, sink, opened, watched):
        """As `_pump`, each piece half a round trip after it came."""
        queue, ready = collections.deque(), threading.Condition()
        held = 0

        def deliver():
            nonlocal held
            with contextlib.suppress(OSError):
                while True:
                    with ready:
                        ready.wait_for(lambda: queue)
                        due, piece = queue.popleft()
                    time.sleep(max(0.0, due - time.monotonic()))
                    if piece is None:
                        break
                    sink.sendall(piece)
                    with ready:
                        held -= len(piece)
                        ready.notify_all()
            self._ended(source, sink)

        sender = threading.Thread(target=deliver, daemon=True)
        sender.start()
        rest = b""
        with contextlib.suppress(OSError):
            while piece := source.recv(PIECE):
                if watched:
                    rest = self._seen(piece, rest)
                due = max(time.monotonic(), opened) + self.rtt / 2
                with ready:
                    ready.wait_for(lambda: held < UNDER_WAY)
                    held += len(piece)
                    queue.append((due, piece))
                    ready.notify_all()
        with ready:
            queue.append((time.monotonic() + self.rtt / 2, None))
            ready.notify_all()
        sender.join()

    def _ended(self, source, sink):
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            source.shutdown(socket.SHUT_RD)

    def _seen(self, piece, rest):
        """Counts and notes requests; returns the end of the piece, where a request may begin."""
        text = rest + piece
        # A request that lay wholly in what is kept was noted before.
        found = [match for match in REQUEST.finditer(text) if match.end() > len(rest)]
        call = None
        with self.lock:
            self.sent += len(piece)
            self.requests += [f"{match[1].decode()} {match[2].decode(errors='replace')}" for match in found]
            if self._at is not None and self.sent >= self._at:
                self._at, call = None, self._call
        if call:
            call()
        return text[-2048:]


def main():
    relay = Relay(sys.argv[1], float(sys.argv[2]), watch=False)
    print(relay.address, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
