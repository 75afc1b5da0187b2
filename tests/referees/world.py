"""A demo world, the clients that talk to it, and how a referee reports.

Every referee imports this. Standard library only. Processes that are started here are stopped by
their own process id when the referee ends, and the scratch folder goes with them.
"""

import atexit
import base64
import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
WINDLASS = Path(os.environ.get("WINDLASS_BIN", REPO / "target/debug/windlass"))
REFEREES = REPO / "target/referees"
FULL = os.environ.get("WINDLASS_REFEREES_FULL") == "1"

RELEASE = "2025-01-27"
TRACK = "2025-01"
#: charm -> (resource, Docker Hub repository) of the charms whose image a release names
CHARMS = {
    "finos-legend-engine-k8s": ("engine-image", "finos/legend-engine-server"),
    "finos-legend-sdlc-k8s": ("sdlc-image", "finos/legend-sdlc-server"),
    "finos-legend-studio-k8s": ("studio-image", "finos/legend-studio"),
}
BUNDLE = "finos-legend-bundle"
BUNDLE_REPOSITORY = "finos/legend-juju-bundle"
OURS = "referee"  # our own User-Agent: never counted as a client's request

SCRATCH = Path(tempfile.mkdtemp(prefix="windlass-"))
_processes = []
_failures = []


class Wrong(Exception):
    """The referee cannot go on: something it needs is missing or broken."""


# ---------------------------------------------------------------- reporting


def check(holds, what, why=""):
    """One `ok` line, or one `not ok` line with the reason. Goes on either way."""
    if holds:
        print(f"ok {what}", flush=True)
    else:
        _failures.append(what)
        print(f"not ok {what}: {why}", flush=True)
    return bool(holds)


def need(holds, why):
    """For what everything after it stands on."""
    if not holds:
        raise Wrong(why)


def referee(main):
    """Runs `main`, stops what it started, and ends with the right exit code."""
    try:
        main()
    except Wrong as wrong:
        check(False, Path(sys.argv[0]).stem, str(wrong))
    except SystemExit:
        check(False, Path(sys.argv[0]).stem, "it was told to stop")
    except Exception as error:  # a referee that breaks is no referee that passes
        import traceback

        traceback.print_exc()
        check(False, Path(sys.argv[0]).stem, f"{type(error).__name__}: {error}")
    finally:
        stop_all()
    if _failures and os.environ.get("WINDLASS_KEEP"):
        print(f"kept: {SCRATCH}", file=sys.stderr)
    else:
        shutil.rmtree(SCRATCH, ignore_errors=True)
    sys.exit(1 if _failures else 0)


# ---------------------------------------------------------------- processes


def start(command, **options):
    """Starts a server; it is stopped at the end at the latest."""
    process = subprocess.Popen([str(word) for word in command], **options)
    _processes.append(process)
    return process


def stop(process, patience=10):
    """SIGTERM, then SIGKILL, to this one process."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process in _processes:
        _processes.remove(process)


def stop_all():
    for process in list(_processes):
        stop(process)


atexit.register(stop_all)
# Told to stop, a referee unwinds, so that its servers do not outlive it.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


class Ended:
    """What a command came to."""

    def __init__(self, command, code, out, err):
        self.command = " ".join(shlex.quote(str(word)) for word in command)
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        try:
            return json.loads(self.out)
        except ValueError:
            raise Wrong(f"no JSON document from `{self.command}` (exit {self.code})\n{self.tail()}")

    @property
    def outcome(self):
        """`run.outcome`, or None where no run started or stdout is no document."""
        try:
            return (json.loads(self.out).get("run") or {}).get("outcome")
        except (ValueError, AttributeError):
            return None

    @property
    def problem(self):
        try:
            return json.loads(self.out).get("problem")
        except (ValueError, AttributeError):
            return None

    def tail(self):
        return f"exit {self.code}; stdout: {self.out[-600:]!r}; stderr: {self.err[-900:]!r}"


def run(command, env, timeout=180, cwd=None, stdin=subprocess.DEVNULL):
    """Runs a command to its end; too long counts as wrong."""
    command = [str(word) for word in command]
    try:
        done = subprocess.run(
            command, env=env, cwd=cwd, stdin=stdin, timeout=timeout,
            capture_output=True, text=True, errors="replace",
        )
    except subprocess.TimeoutExpired as late:
        out = (late.stdout or b"").decode(errors="replace")
        err = (late.stderr or b"").decode(errors="replace")
        return Ended(command, -1, out, err + f"\n[referee: not finished after {timeout} s]")
    except FileNotFoundError:
        raise Wrong(f"{command[0]} is not installed")
    return Ended(command, done.returncode, done.stdout, done.stderr)


def bare_environment():
    """Nothing of the caller's but where programs are."""
    home = SCRATCH / "nobody"
    home.mkdir(exist_ok=True)
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "TERM": "dumb", "USER": "referee"}


def merged(*environments):
    """One environment of several: later ones win, and None takes a variable away."""
    whole = {}
    for environment in environments:
        whole |= environment
    return {name: value for name, value in whole.items() if value is not None}


def wait_for(what, ready, process=None, patience=30):
    until = time.monotonic() + patience
    while not ready():
        need(process is None or process.poll() is None, f"{what}: the process ended")
        need(time.monotonic() < until, f"{what}: not there after {patience} s")
        time.sleep(0.01)


# ---------------------------------------------------------------- HTTP


def http(method, url, headers=None, body=None, timeout=30):
    """(status, headers, body); an HTTP error is an answer, not an exception."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    request.add_header("User-Agent", OURS)
    try:
        with _opener.open(request, timeout=timeout) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read()


def look(url, headers=None):
    """A GET of the referee's own. A fault meant for windlass may strike it instead, so it is asked again."""
    for pause in (0.1, 0.6, 1.0, 1.0, None):
        try:
            status, answered, body = http("GET", url, headers, timeout=45)
            whole = len(body) == int(answered.get("Content-Length", len(body)))
            if whole and status not in (429, 500, 502, 503, 504):
                return status, answered, body
            trouble = f"{url}: {status}"
        except (OSError, HTTPException) as error:
            trouble = f"{url}: {error}"
        if pause is not None:
            time.sleep(pause)
    need(False, f"the referee's own look failed five times: {trouble}")


class _KeepMethod(urllib.request.HTTPRedirectHandler):
    """Downloads are redirected to storage; without credentials."""

    def redirect_request(self, request, *rest):
        new = super().redirect_request(request, *rest)
        if new is not None:
            new.remove_header("Authorization")
        return new


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _KeepMethod)


# ---------------------------------------------------------------- the world


class World:
    """A demo world in a folder of its own."""

    def __init__(self, name="world", image_size=None, faults=None, folder=None, fresh=True):
        self.dir = Path(folder) if folder else SCRATCH / name
        self.name, self.image_size, self.fresh = name, image_size, fresh
        self.start(faults)

    def start(self, faults=None):
        env_file = SCRATCH / f"{self.name}.env"
        command = [WINDLASS, "demo", "--serve", "--state", self.dir, "--env-file", env_file]
        if self.fresh:
            command.append("--fresh")
        if self.image_size:
            command += ["--image-size", self.image_size]
        if faults:
            path = SCRATCH / f"{self.name}-faults.toml"
            path.write_text(faults)
            command += ["--faults", path]
        env_file.unlink(missing_ok=True)
        log = open(SCRATCH / f"{self.name}.log", "ab")
        self.process = start(command, env=bare_environment(), stdout=log, stderr=log)
        log.close()
        try:
            wait_for("the demo world", env_file.exists, self.process)
        except Wrong as wrong:
            raise Wrong(f"{wrong}: {(SCRATCH / f'{self.name}.log').read_text()[-600:]}")
        need(env_file.stat().st_mode & 0o777 == 0o600, "the environment file is not 0600")
        self.variables = read_env_file(env_file)
        self.token = base64.b64decode(self.variables["CHARMCRAFT_AUTH"]).decode()
        self.api = self.variables["CHARMCRAFT_STORE_API_URL"]
        self.fresh = False

    def stop(self):
        stop(self.process)

    @property
    def env(self):
        """The environment file, sourced into a bare environment."""
        return bare_environment() | self.variables

    @property
    def home(self):
        return self.dir / "home"

    def mirror(self, registry):
        """`http://127.0.0.1:PORT` of docker.io, ghcr.io or registry.jujucharms.com."""
        pairs = dict(item.split("=", 1) for item in self.variables["WINDLASS_REGISTRY_MIRRORS"].split(","))
        return pairs[registry]

    # -- what was asked of it

    def mark(self):
        """A place in the request log."""
        path = self.dir / "requests.jsonl"
        return path.stat().st_size if path.exists() else 0

    def requests(self, since=0):
        """Whole lines after `since`, our own requests left out."""
        with open(self.dir / "requests.jsonl", "rb") as log:
            log.seek(since)
            lines = log.read().split(b"\n")[:-1]
        return [entry for entry in map(json.loads, lines) if entry["client"] != OURS]

    # -- what it holds

    def get(self, path):
        status, _, body = look(self.api + path, {"Authorization": f"Macaroon {self.token}"})
        need(status == 200, f"GET {path}: {status} {body[:200]!r}")
        return json.loads(body)

    def rows(self, charm):
        """{(channel, base): (revision, {resource: revision})} as the publisher sees it."""
        rows = {}
        for row in self.get(f"/v1/charm/{charm}/releases")["channel-map"]:
            resources = {item["name"]: item["revision"] for item in row["resources"]}
            rows[row["channel"], base_name(row["base"])] = (row["revision"], resources)
        return rows

    def github(self, path):
        """A document of the demo's GitHub, or None where there is none."""
        headers = {"Authorization": f"Bearer {self.variables['GH_TOKEN']}", "Accept": "application/vnd.github+json"}
        status, _, body = look(self.variables["GITHUB_API_URL"] + path, headers)
        need(status in (200, 404), f"GET {path}: {status} {body[:200]!r}")
        return json.loads(body) if status == 200 else None

    def branches(self, prefix="release-"):
        """{branch: id of its tip} of the bundle's repository."""
        refs = self.github(f"/repos/{BUNDLE_REPOSITORY}/git/matching-refs/heads/{prefix}")
        return {ref["ref"].removeprefix("refs/heads/"): ref["object"]["sha"] for ref in refs}

    def commit(self, sha):
        return self.github(f"/repos/{BUNDLE_REPOSITORY}/git/commits/{sha}")

    def file(self, path, branch):
        """The bytes of a file of the bundle's repository, or None."""
        found = self.github(f"/repos/{BUNDLE_REPOSITORY}/contents/{path}?ref={branch}")
        return None if found is None else base64.b64decode(found["content"])

    def channel_map(self):
        """Every row of every charm and of the bundle, as the publisher sees them."""
        charms = [*CHARMS, "finos-legend-db-k8s", "finos-legend-gitlab-integrator-k8s", BUNDLE]
        return {(charm, *place): row for charm in charms for place, row in self.rows(charm).items()}

    def descriptor(self, charm, resource, revision):
        """The text behind an image resource revision, as anybody downloads it."""
        charm_id = self.get(f"/v1/charm/{charm}")["metadata"]["id"]
        url = f"{self.api}/api/v1/resources/download/charm_{charm_id}.{resource}_{revision}"
        status, _, body = look(url)
        need(status == 200, f"GET {url}: {status}")
        return json.loads(body)

    def resource_revisions(self, charm, resource):
        return [item["revision"] for item in self.get(f"/v1/charm/{charm}/resources/{resource}/revisions")["revisions"]]

    def state(self):
        """Everything a publish may change, in a form that two worlds can be compared by."""
        state = {}
        digests = {}
        for charm, (resource, _) in CHARMS.items():
            for place, (revision, resources) in self.rows(charm).items():
                # Only what a publish touches needs its digest looked up.
                named = {}
                for name, number in resources.items():
                    key = (charm, name, number)
                    if number is not None and key not in digests:
                        digests[key] = self.descriptor(*key)["ImageName"].partition("@")[2]
                    named[name] = digests.get(key)
                state[charm, *place] = (revision, tuple(sorted(named.items())))
            state[charm, "resource revisions"] = len(self.resource_revisions(charm, resource))
            tracks = self.get(f"/v1/charm/{charm}")["metadata"]["tracks"]
            state[charm, "tracks"] = tuple(sorted(track["name"] for track in tracks))
        bundle = self.get(f"/v1/charm/{BUNDLE}/revisions")["revisions"]
        uploaded = {item["revision"]: item["sha3-384"] for item in bundle}
        state[BUNDLE, "revisions"] = len(uploaded)
        for place, (revision, _) in self.rows(BUNDLE).items():
            state[BUNDLE, *place] = uploaded[revision]
        # A commit's id holds the time at which it was planned; its tree is what it says.
        for branch, tip in self.branches().items():
            commit = self.commit(tip)
            state["branch", branch] = (commit["tree"]["sha"], commit["message"], len(commit["parents"]))
        return state


class Template:
    """A world that has been looked at once, so that copies of it start fast and alike.

    Copies keep the ports of the original: one copy at a time.
    """

    def __init__(self, name, prepare=None):
        world = World(name)
        self.client = Client(world, f"{name}-client")
        if prepare:
            prepare(world, self.client)
        world.stop()
        self.name, self.dir = name, world.dir
        self.count = 0

    def copy(self, faults=None):
        """(world, client): the copy and a client with the template's warm cache."""
        self.count += 1
        name = f"{self.name}.{self.count}"
        folder = SCRATCH / name
        shutil.copytree(self.dir, folder, ignore=shutil.ignore_patterns("*.sock", "requests.jsonl"))
        world = World(name, faults=faults, folder=folder, fresh=False)
        client = Client(world, f"{name}-client")
        shutil.copytree(self.client.state, client.state)
        return world, client

    def drop(self, world, client):
        world.stop()
        shutil.rmtree(world.dir, ignore_errors=True)
        shutil.rmtree(client.state, ignore_errors=True)


def base_name(base):
    return "none" if base is None else f"{base['name']} {base['channel']} {base['architecture']}"


def read_env_file(path):
    """`export NAME='value'` lines, read by a shell as users do."""
    script = f"set -eu; . {shlex.quote(str(path))}; env -0"
    out = subprocess.run(["sh", "-c", script], env={"PATH": os.environ["PATH"]}, capture_output=True, check=True).stdout
    pairs = dict(item.split("=", 1) for item in out.decode().split("\0") if "=" in item)
    for name in ("PATH", "PWD", "OLDPWD", "SHLVL", "_"):
        pairs.pop(name, None)
    return pairs


def is_write(entry):
    """True for a request that can change a service: every POST, PUT, PATCH and DELETE, except the
    store's `refresh` (a question in the form of a POST) and token endpoints."""
    if entry["method"] in ("GET", "HEAD", "OPTIONS"):
        return False
    return not (entry["path"] in ("/v2/charms/refresh", "/token", "/graphql") and entry["method"] == "POST")


# ---------------------------------------------------------------- windlass


class Client:
    """windlass with a state folder of its own."""

    def __init__(self, world, name="client", env=None):
        self.world = world
        self.state = SCRATCH / name
        self.extra = env or {}

    @property
    def env(self):
        return merged(self.world.env, {"WINDLASS_STATE_DIR": str(self.state)}, self.extra)

    def run(self, *arguments, env=None, timeout=180, stdin=subprocess.DEVNULL):
        return run([WINDLASS, *arguments], merged(self.env, env or {}), timeout, stdin=stdin)

    def popen(self, *arguments, **options):
        command = [str(WINDLASS), *map(str, arguments)]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return start(command, env=self.env, **(quiet | options))

    def forget(self):
        """Throws the journal away, as a runner's disk is."""
        shutil.rmtree(self.state, ignore_errors=True)


def publish(client, **options):
    return client.run("publish", RELEASE, "--yes", "--json", **options)


# ---------------------------------------------------------------- other people's programs


def skopeo(world, *arguments, timeout=120):
    """skopeo as a user of the demo runs it: HOME is the world's."""
    return run(["skopeo", *arguments], world.env | {"HOME": str(world.home)}, timeout)


def charmcraft(world, version, *arguments, env=None, cwd=None, timeout=180):
    """The real charmcraft of this version, unmodified."""
    program, environment, folder = charmcraft_place(world, version, env)
    return run([program, *arguments], environment, timeout, cwd=cwd or folder)


def charmcraft_place(world, version, env=None):
    """(program, environment, an empty folder to run it in)."""
    program = REFEREES / f"charmcraft-{version}/bin/charmcraft"
    need(program.exists(), f"charmcraft {version} is not installed (tests/run does it)")
    folder = SCRATCH / "empty"
    folder.mkdir(exist_ok=True)
    return program, merged(world.env, {"HOME": str(world.home), "XDG_RUNTIME_DIR": str(SCRATCH)}, env or {}), folder


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def free_port():
    import socket

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def docker_registry(name):
    """Debian's docker-registry on loopback; returns `127.0.0.1:PORT`."""
    port = free_port()
    folder = SCRATCH / name
    folder.mkdir()
    config = folder / "config.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
    )
    log = open(folder / "log", "wb")
    try:
        process = start(["docker-registry", "serve", config], env=bare_environment(), stdout=log, stderr=log)
    except FileNotFoundError:
        raise Wrong("docker-registry is not installed (tests/run does it)")
    finally:
        log.close()

    def answers():
        try:
            return http("GET", f"http://127.0.0.1:{port}/v2/")[0] == 200
        except OSError:
            return False

    wait_for("docker-registry", answers, process)
    return f"127.0.0.1:{port}"


def kill(process):
    """kill -9, to this one process."""
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait()
    if process in _processes:
        _processes.remove(process)
