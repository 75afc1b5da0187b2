"""Real engines behind sockets of their own: Debian's dockerd and Podman, networking off.

Owns how they are started, asked and stopped. Each keeps everything in a folder of its own under
the scratch folder; nothing of the machine's own engine is touched.
"""

import hashlib
import http.client
import json
import os
import socket
from urllib.parse import quote

from world import SCRATCH, bare_environment, need, start, stop, wait_for

#: Anything but root cannot have an engine of its own without preparing the machine.
PATIENCE = 60


class _Wire(http.client.HTTPConnection):
    """HTTP through a Unix socket."""

    def __init__(self, path):
        super().__init__("engine", timeout=600)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


class Engine:
    """An engine at work; `host` is what DOCKER_HOST or CONTAINER_HOST is set to."""

    def __init__(self, name, command, folder):
        need(os.geteuid() == 0, f"{name} needs root")
        self.name, self.folder = name, folder
        self.socket = folder / "engine.sock"
        self.host = f"unix://{self.socket}"
        folder.mkdir()
        home = folder / "home"
        home.mkdir()
        log = open(folder / "log", "wb")
        try:
            # A group of its own: a terminal's Ctrl-C must not reach it before its referee.
            self.process = start(
                command, env=bare_environment() | {"HOME": str(home)}, stdout=log, stderr=log, start_new_session=True
            )
        except FileNotFoundError:
            need(False, f"{command[0]} is not installed (tests/run does it)")
        finally:
            log.close()
        wait_for(f"{name} ({folder / 'log'})", self._answers, self.process, PATIENCE)

    def _answers(self):
        try:
            return self.ask("GET", "/_ping")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def stop(self):
        # It stops its own containerd, which takes a while; killed it could not.
        stop(self.process, PATIENCE)

    # -- asking

    def open(self, method, path, body=None, headers=None):
        """(connection, answer), the answer not read yet."""
        wire = _Wire(self.socket)
        wire.request(method, path, body, headers or {})
        return wire, wire.getresponse()

    def ask(self, method, path, body=None, headers=None):
        wire, answer = self.open(method, path, body, headers)
        try:
            return answer.status, answer.read()
        finally:
            wire.close()

    def told(self, method, path, body=None, headers=None):
        status, answer = self.ask(method, path, body, headers)
        need(status in (200, 201, 204), f"{self.name}: {method} {path}: {status} {answer[:300]!r}")
        return answer

    def load(self, archive):
        """Loads what `docker save` wrote; returns what the engine says it loaded."""
        headers = {"Content-Type": "application/x-tar", "Content-Length": str(archive.stat().st_size)}
        with open(archive, "rb") as body:
            said = self.told("POST", "/v1.41/images/load?quiet=1", body, headers)
        need(b"rror" not in said, f"{self.name}: load {archive.name}: {said[:300]!r}")
        return said.decode()

    def inspect(self, name):
        return json.loads(self.told("GET", f"/v1.41/images/{quote(name, safe='/:@')}/json"))

    def export(self, name):
        """(bytes, their sha256) of what `docker save` would write."""
        wire, answer = self.open("GET", f"/v1.41/images/{quote(name, safe='/:@')}/get")
        need(answer.status == 200, f"{self.name}: export {name}: {answer.status}")
        size, digest = 0, hashlib.sha256()
        while piece := answer.read(1 << 20):
            size += len(piece)
            digest.update(piece)
        wire.close()
        return size, "sha256:" + digest.hexdigest()


class Docker(Engine):
    """dockerd with a containerd of its own."""

    def __init__(self, name, driver="vfs"):
        folder = SCRATCH / name
        super().__init__(f"dockerd ({driver})", [
            "dockerd", "-H", f"unix://{folder}/engine.sock", "--data-root", folder / "data", "--exec-root", folder / "exec",
            "--pidfile", folder / "pid", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false",
            "--bridge=none", "--userland-proxy=false", f"--storage-driver={driver}",
        ], folder)

    @property
    def env(self):
        return {"DOCKER_HOST": self.host}

    def pull(self, registry, repository, tag):
        """From a registry on loopback, which dockerd takes for insecure without being told."""
        self.told("POST", f"/v1.41/images/create?fromImage={quote(f'{registry}/{repository}', safe='')}&tag={tag}")
        return self.inspect(f"{registry}/{repository}:{tag}")


class Podman(Engine):
    """`podman system service` on storage of its own."""

    def __init__(self, name):
        folder = SCRATCH / name
        super().__init__("podman", [
            "podman", "--root", folder / "root", "--runroot", folder / "run", "--storage-driver", "vfs",
            "--cgroup-manager", "cgroupfs", "--events-backend", "none", "system", "service", "--time=0",
            f"unix://{folder}/engine.sock",
        ], folder)

    @property
    def env(self):
        return {"CONTAINER_HOST": self.host}

    def pull(self, registry, repository, tag):
        reference = f"{registry}/{repository}:{tag}"
        self.told("POST", f"/v4.0.0/libpod/images/pull?reference={quote(reference, safe='')}&tlsVerify=false")
        return self.inspect(reference)
