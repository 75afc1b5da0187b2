#!/usr/bin/env -S python3 -B
"""Bad input from every side gives a Problem that names the thing and the remedy, the documented
exit code, and nothing half done."""

import base64
import contextlib
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import time
from proxy import proxy
from world import CHARMS, REFEREES, RELEASE, SCRATCH, WINDLASS, Client, Ended, World, check, is_write, need
from world import publish, referee, run

#: Control characters but line feed and tab, and the bidirectional ones.
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def main():
    world = World()
    token = short_token(world)
    expires = time.monotonic() + 11
    configuration(world)
    confirmation(world)
    strange_services(world)
    # Every client here is a fresh machine, and Docker Hub's quota is that of one address.
    for part in (bad_manifests, lying_registries, terminal_escapes, full_disk):
        other = World(part.__name__)
        part(other)
        other.stop()
    time.sleep(max(0.0, expires - time.monotonic()))
    credentials(world, token)
    world.stop()
    world.start()
    client = Client(world, "last")
    done = publish(client)
    check(done.outcome == "done", "after all of this the same world takes the publish", done.tail())


counter = iter(range(1000))


def judged(world, what, arguments, codes, named, env=None, client=None):
    """A command that must fail: exit code, a Problem that names `named` and hints, no write."""
    client = client or Client(world, f"bad-{next(counter)}")
    mark = world.mark()
    answer = client.run(*arguments, env=env, timeout=120)
    problem = answer.problem or {}
    text = json.dumps(problem, ensure_ascii=False)
    missing = [word for word in named if word.lower() not in text.lower()]
    writes = [entry for entry in world.requests(mark) if is_write(entry)]
    why = []
    if answer.code not in codes:
        why.append(f"exit {answer.code}, expected {' or '.join(map(str, codes))}")
    if not problem.get("summary"):
        why.append("no problem in the document")
    if not problem.get("hints"):
        why.append("no hint")
    if missing:
        why.append(f"it does not name {missing}")
    if writes:
        why.append(f"it wrote: {[entry['path'] for entry in writes]}")
    if "panicked" in answer.err:
        why.append("panic")
    check(not why, f"{what}: exit {answer.code}, named with a remedy, nothing written", f"{why}; {answer.tail()}")
    return answer


EXPIRED = "Provided credentials are no longer valid for Charmhub. Regenerate them and try again."
PUBLISH = ("publish", RELEASE, "--yes", "--json")


def credentials(world, expired):
    def auth(text):
        return {"CHARMCRAFT_AUTH": base64.b64encode(text.encode()).decode()}

    cases = {
        "CHARMCRAFT_AUTH that is not base64": {"CHARMCRAFT_AUTH": "%%% not base64 %%%"},
        "CHARMCRAFT_AUTH cut short": auth(world.token[: len(world.token) // 2]),
        "CHARMCRAFT_AUTH of another kind": auth(json.dumps({"t": "u1-macaroon", "v": {"r": "x", "d": "y"}})),
        "CHARMCRAFT_AUTH of words": auth("this is no token at all"),
        "an expired CHARMCRAFT_AUTH": auth(expired),
    }
    for what, env in cases.items():
        for command in (PUBLISH, ("whoami", "--json")):
            named = ["charmcraft", *([EXPIRED] if what.startswith("an expired") else [])]
            judged(world, f"{what}, {command[0]}", command, (4,), named, env)
    client = Client(world, "no-credential")
    bare = {name: value for name, value in client.env.items() if name != "CHARMCRAFT_AUTH"}
    answer = run([WINDLASS, *PUBLISH], bare)
    check(
        answer.code == 4 and bool((answer.problem or {}).get("hints")), "no credential at all, publish: exit 4 with a remedy",
        answer.tail(),
    )
    answer = run([WINDLASS, "releases", "--json"], bare)
    check(answer.code == 0 and len(answer.json["releases"]) >= 42, "no credential at all: reading works", answer.tail())
    wrapped = auth(json.dumps({"t": "macaroon", "v": world.token}))
    answer = client.run("whoami", "--json", env=wrapped)
    check(answer.code == 0, "the wrapped credential of charmcraft 4.3.1 is read", answer.tail())


def short_token(world):
    """Signs in for the shortest time the store gives, as charmcraft 4.5.0 does, with the macaroon
    library it came with."""
    script = """
import json, os, sys, urllib.request
from pymacaroons import Macaroon
def ask(url, body, **headers):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})
    return json.load(urllib.request.urlopen(request))
api, sso = os.environ["CHARMCRAFT_STORE_API_URL"], os.environ["CHARMCRAFT_STORE_SSO_URL"]
root = ask(api + "/v1/tokens/usso", {"permissions": ["package-manage"], "ttl": 10})["macaroon"]
parsed = Macaroon.deserialize(root)
caveat = next(c for c in parsed.caveats if c.location)
who = {"email": os.environ["WINDLASS_SSO_EMAIL"], "password": os.environ["WINDLASS_SSO_PASSWORD"],
       "otp": os.environ["WINDLASS_SSO_OTP"], "caveat_id": caveat.caveat_id if isinstance(caveat.caveat_id, str) else caveat.caveat_id.decode()}
discharge = Macaroon.deserialize(ask(sso + "/api/v2/tokens/discharge", who)["discharge_macaroon"])
bound = parsed.prepare_for_request(discharge).serialize()
print(ask(api + "/v1/tokens/usso/exchange", {"client-description": "referee"},
          Authorization=f"Macaroon root={root}, discharge={bound}")["macaroon"])
"""
    python = REFEREES / "charmcraft-4.5.0/bin/python"
    need(python.exists(), "charmcraft 4.5.0 is not installed (tests/run does it)")
    answer = run([python, "-c", script], world.env)
    need(answer.code == 0, f"sign-in for a token of ten seconds: {answer.tail()}")
    return answer.out.strip()


def configuration(world):
    text = run([WINDLASS, "config", "show", "--json"], world.env | {"WINDLASS_STATE_DIR": str(SCRATCH / "config")})
    need(text.code == 0, f"config show: {text.tail()}")
    good = 'name = "mine"\n\n[upstream]\nkind = "manifest-directory"\nrepository = "finos/legend"\nbranch = "master"\n' \
        'path = "releases"\nsince = "2022-04-01"\nselect = "newest-per-month"\nregistry = "docker.io"\n\n' \
        '[publish]\nchannels = ["latest/edge"]\n\n[[charm]]\nname = "finos-legend-studio-k8s"\n' \
        'repository = "finos/legend-juju-studio-operator"\nresources = [{ name = "studio-image", image = "finos/legend-studio" }]\n'
    cases = {
        "an unknown key": (good.replace('branch = "master"', 'brunch = "master"'), "brunch", 6),
        "a value of the wrong type": (good.replace('since = "2022-04-01"', "since = 7"), "since", 8),
        "broken TOML": (good.replace('path = "releases"', 'path = "releases'), "path", 7),
    }
    file = SCRATCH / "mine.toml"
    file.write_text(good)
    answer = Client(world, "mine").run("--workspace", file, "config", "check", "--json")
    check(answer.code == 0, "a workspace of one's own is read", answer.tail())
    for what, (content, named, line) in cases.items():
        file.write_text(content)
        answer = judged(world, f"a workspace file with {what}", ("--workspace", file, "releases", "--json"), (2,), ["mine.toml"])
        text = json.dumps(answer.problem)
        check(
            re.search(rf"(line |:){line}\b", text) is not None, f"a workspace file with {what}: the problem names line {line}",
            text,
        )
        check(what == "broken TOML" or named in text, f"a workspace file with {what}: the problem names {named}", text)
    judged(world, "a workspace that does not exist", ("--workspace", "no-such-workspace", "releases", "--json"), (2,), ["no-such-workspace"])


def confirmation(world):
    judged(world, "--read-only", (*PUBLISH, "--read-only"), (3,), ["read-only"])
    judged(world, "no terminal and no --yes", ("publish", RELEASE, "--json"), (3,), ["--yes"])
    judged(world, "a release that does not exist", ("publish", "2099-12-31", "--yes", "--json"), (1, 2), ["2099-12-31"])
    judged(world, "a charm that is not in the workspace", (*PUBLISH, "--charm", "no-such-charm"), (1, 2), ["no-such-charm"])
    judged(world, "an older release", ("publish", "2022-04-26", "--yes", "--json"), (3,), ["--allow-downgrade"])
    judged(world, "a tag that does not exist", (*PUBLISH, "--image", "finos/legend-studio=no-such-tag"), (1, 2, 3), ["no-such-tag"])
    answer = Client(world, "usage").run("publish", "--no-such-flag")
    check(answer.code == 2, "an unknown flag: exit 2", answer.tail())
    answer = Client(world, "planned").run("plan", "publish", RELEASE, "--json", "--read-only")
    check(answer.code == 0 and len(answer.json["plan"]["steps"]) > 5, "plan publish under --read-only shows the plan", answer.tail())


def strange_services(world):
    with proxy(world.api, lambda *_: (200, {"Content-Type": "text/html"}, b"<html><body>Welcome to the hotel</body></html>")) as url:
        judged(world, "a store that answers HTML with 200", PUBLISH, (6,), ["Charmhub credential"], {"CHARMCRAFT_STORE_API_URL": url})
    with proxy(world.api, lambda *_: (502, {"Content-Type": "text/html"}, b"<html>bad gateway</html>")) as url:
        judged(world, "a store that answers 502", PUBLISH, (6,), ["502"], {"CHARMCRAFT_STORE_API_URL": url, "WINDLASS_TIMEOUT": "0.2"})
    with proxy(world.api, lambda *_: (200, {"Content-Type": "application/json"}, b'{"surprise": []}')) as url:
        judged(world, "a store that answers other JSON", PUBLISH, (6,), ["Charmhub credential"], {"CHARMCRAFT_STORE_API_URL": url})
    judged(
        world, "a store that is not there", PUBLISH, (6,), ["127.0.0.1:9"],
        {"CHARMCRAFT_STORE_API_URL": "http://127.0.0.1:9", "WINDLASS_TIMEOUT": "0.2"},
    )
    judged(
        world, "a store behind plain HTTP elsewhere", PUBLISH, (2, 3, 6), ["http"],
        {"CHARMCRAFT_STORE_API_URL": "http://store.example", "WINDLASS_TIMEOUT": "0.2"},
    )
    client = Client(world, "known")
    need(client.run("releases", "--json").code == 0, "releases")
    answer = client.run("releases", "--json", env={"GITHUB_API_URL": "http://127.0.0.1:9", "WINDLASS_TIMEOUT": "0.2"})
    check(answer.code in (0, 6) and "panicked" not in answer.err, "GitHub away: releases answers or says why", answer.tail())
    answer = client.run("releases", "--json", "--offline")
    check(
        answer.code == 0 and len(answer.json["releases"]) >= 42, "nothing already known is lost: --offline shows the releases",
        answer.tail(),
    )


def bad_manifests(world):
    """GitHub with one manifest changed."""
    cases = {
        "a manifest that is not JSON": (lambda text: "{ not json", (1, 2, 3, 6), []),
        "a manifest without an image": (lambda text: without(text, "finos/legend-studio"), (1, 2, 3, 6), ["legend-studio"]),
        "a manifest that names a tag that does not exist": (
            lambda text: text.replace("13.16.0", "13.16.0-nowhere"), (1, 2, 3, 6), ["13.16.0-nowhere"],
        ),
    }
    for what, (change, codes, named) in cases.items():
        def altered(method, path, status, headers, body, change=change):
            if path == "/graphql":
                return status, headers, altered_folder(body, change)
            if "/git/blobs/" not in path and "/contents/" not in path:
                return status, headers, body
            with contextlib.suppress(ValueError, KeyError, UnicodeDecodeError):
                document = json.loads(body)
                text = base64.b64decode(document["content"]).decode()
                if f'"{RELEASE}"' in text:
                    text = change(text)
                    document["content"] = base64.b64encode(text.encode()).decode()
                    document["size"] = len(text.encode())
                    body = json.dumps(document).encode()
            return status, headers, body

        with proxy(world.variables["GITHUB_API_URL"], altered) as url:
            client = Client(world, f"bad-{next(counter)}", {"GITHUB_API_URL": url})
            judged(world, what, PUBLISH, codes, [RELEASE, *named], client=client)
            answer = client.run("releases", "--json")
            names = [release["name"] for release in answer.json["releases"]] if answer.code == 0 else []
            check(len(names) >= 41, f"{what}: the other releases are still shown", answer.tail())


def altered_folder(body, change):
    """An answer of GraphQL in which the manifest is changed, with the object id of what it says then."""
    def walk(value):
        if isinstance(value, list):
            for item in value:
                walk(item)
        elif isinstance(value, dict):
            text = value.get("text")
            if isinstance(text, str) and f'"{RELEASE}"' in text:
                content = change(text).encode()
                value["text"] = content.decode()
                value["oid"] = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            for item in value.values():
                walk(item)

    document = json.loads(body)
    walk(document)
    return json.dumps(document).encode()


def without(text, image):
    document = json.loads(text)
    for section in document.values():
        if isinstance(section, dict):
            section.pop(image, None)
    return json.dumps(document)


def lying_registries(world):
    """Docker Hub with bytes that are not what their digest says. The run starts, fails and leaves
    every channel as it was."""
    def flipped(method, path, status, headers, body):
        if method == "GET" and "/blobs/" in path and status == 200 and len(body) > 5000:
            body = body[:4000] + bytes([body[4000] ^ 1]) + body[4001:]
        return status, headers, body

    def shortened(method, path, status, headers, body):
        if method == "GET" and "/blobs/" in path and status == 200 and len(body) > 5000:
            body = body[:-100]
        return status, headers, body

    def other_manifest(method, path, status, headers, body):
        if method == "GET" and "/manifests/" in path and status == 200:
            body = body + b"\n"
        return status, headers, body

    before = {charm: world.rows(charm) for charm in CHARMS}
    hub = world.mirror("docker.io")
    for what, lie in (
        ("a registry that lies about a digest", flipped), ("a registry that lies about a length", shortened),
        ("a registry that sends another manifest", other_manifest),
    ):
        with proxy(hub, lie) as url:
            mirrors = world.variables["WINDLASS_REGISTRY_MIRRORS"].replace(hub, url)
            client = Client(world, f"bad-{next(counter)}", {"WINDLASS_REGISTRY_MIRRORS": mirrors})
            answer = publish(client, timeout=120)
        problem = answer.problem or {}
        text = json.dumps(problem)
        check(
            answer.code in (1, 6) and "sha256:" in text and "TOOMANY" not in text and bool(problem.get("hints")),
            f"{what}: exit {answer.code}, the problem names the digest and a remedy", answer.tail(),
        )
        now = {charm: world.rows(charm) for charm in CHARMS}
        check(now == before, f"{what}: no channel changed", str(now)[:300])


def terminal_escapes(world):
    evil = "4.2\x1b]0;owned\x07\x1b[2J\u202eevil\u2066"

    def escaped(method, path, status, headers, body):
        if method == "GET" and (path.endswith("/revisions") or path.endswith("/releases") or "whoami" in path):
            with contextlib.suppress(ValueError):
                document = json.loads(body)
                poison(document, evil)
                body = json.dumps(document).encode()
        return status, headers, body

    with proxy(world.api, escaped) as url:
        for command in ("charms", "channels", "status", "whoami", "plan"):
            arguments = (command,) if command != "plan" else ("plan", "publish", RELEASE)
            client = Client(world, f"escape-{command}", {"CHARMCRAFT_STORE_API_URL": url})
            answer = client.run(*arguments, "-v")
            found = UNSAFE.findall(answer.out + answer.err)
            check(
                not found and bool(answer.out + answer.err),
                f"{command}: terminal escapes from the store do not reach the terminal (exit {answer.code})",
                f"{found[:5]} {answer.tail()}",
            )


def poison(value, evil):
    if isinstance(value, dict):
        for key, item in value.items():
            if key in ("version", "display-name", "username") and isinstance(item, str):
                value[key] = evil
            else:
                poison(item, evil)
    elif isinstance(value, list):
        for item in value:
            poison(item, evil)


def full_disk(world):
    """The journal's disk is full: before the first write the run is refused, nothing is done."""
    folder = SCRATCH / "disk"
    folder.mkdir()
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k,mode=0700", "tmpfs", folder], capture_output=True
    ).returncode == 0
    try:
        if mounted:
            with contextlib.suppress(OSError), open(folder / "filler", "wb", buffering=0) as filler:
                while True:
                    filler.write(b"x" * 4096)
            answer, writes = on_disk(world, folder, None)
            how = "a full disk (a tmpfs) under the journal"
        else:
            # Without the right to mount: no file may grow, which the journal meets as it meets a full disk.
            answer, writes = on_disk(world, folder, no_growth)
            how = "a journal whose file cannot grow (RLIMIT_FSIZE, no right to mount a full disk)"
        problem = answer.problem or {}
        check(
            answer.code not in (0, -1) and bool(problem.get("summary")) and bool(problem.get("hints")) and not writes
            and "panicked" not in answer.err,
            f"{how}: exit {answer.code}, a Problem, nothing written", f"{writes}; {answer.tail()}",
        )
    finally:
        if mounted:
            subprocess.run(["umount", folder], check=True)
    shutil.rmtree(folder)


def on_disk(world, folder, limit):
    mark = world.mark()
    env = world.env | {"WINDLASS_STATE_DIR": str(folder / "state")}
    done = subprocess.run(
        [WINDLASS, *PUBLISH], env=env, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, preexec_fn=limit
    )
    answer = Ended(["windlass", *PUBLISH], done.returncode, done.stdout, done.stderr)
    return answer, [entry["path"] for entry in world.requests(mark) if is_write(entry)]


def no_growth():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


referee(main)
