#!/usr/bin/env -S python3 -B
"""Planted secrets are searched for in everything that windlass wrote and in what the machine shows
of its processes: publishing, signing in, rotating, failing. The search itself is tested first."""

import base64
import contextlib
import json
import os
import re
import shutil
import stat
import threading
import time
from pathlib import Path
from urllib.parse import quote

from rotation import exported, in_targets, private, token_in
from world import CHARMS, RELEASE, SCRATCH, WINDLASS, Client, Ended, World, check, need, referee, start

#: Typed by somebody who was refused; unlike anything else in the world.
WRONG_PASSWORD, WRONG_OTP = "planted-Pa55word!kestrel", "80417239"
LOUD = {"RUST_LOG": "trace", "WINDLASS_LOG": "trace"}
#: A credential helper of Docker's that notes what it is shown of its caller's environment.
HELPER = """#!/bin/sh
cat > /dev/null
{{ printf '%s\\n' "$0" "$@"; env; }} >> {seen}
case "$1" in
  get) printf '{{"ServerURL":"","Username":"","Secret":""}}' ;;
  list) printf '{{}}' ;;
esac
"""


def main():
    world = World()
    home = SCRATCH / "home"
    (home / "bin").mkdir(parents=True)
    client = Client(world, env={"HOME": str(home), "PATH": f"{home}/bin:{os.environ['PATH']}"})
    watch = Watch()
    written = {}

    def note(name, *arguments, env=None, stdin=None):
        answer = watched(watch, client, arguments, env or {}, stdin)
        written[f"{name}: stdout"], written[f"{name}: stderr"] = answer.out, answer.err
        return answer

    publishing(world, note)
    tokens = credentials(world, note, home)
    watch.end()
    check(watch.looks > 100, f"{watch.looks} looks at /proc while windlass ran", "too few")
    written |= watch.found

    secrets = planted(world, tokens)
    the_search_finds(secrets)
    files = [path for folder in (client.state, home) for path in folder.rglob("*") if path.is_file()]
    for path in files:
        if path not in (home / "export", home / "docker/config.json"):
            written[str(path.relative_to(SCRATCH))] = path.read_bytes().decode("latin-1")
    check(len(files) > 1 and any(path.name.startswith("journal") for path in files), f"{len(files)} files under the state folder and home")
    found = search(written, secrets)
    check(
        not found,
        f"none of {len(secrets)} forms of secrets (passwords, tokens and parts of them, plain and encoded) in "
        f"{len(written)} outputs, files and process lists", "\n  " + "\n  ".join(found[:40]),
    )
    open_to_others = [
        f"{path.relative_to(SCRATCH)} {stat.filemode(path.stat().st_mode)}"
        for path in [client.state, *client.state.rglob("*"), home / "export", home / "docker/config.json"]
        if path.stat().st_mode & 0o077
    ]
    check(not open_to_others, "state, cache, export and logins are readable by their owner only", "; ".join(open_to_others[:8]))


def publishing(world, note):
    done = note("publish -vv", "publish", RELEASE, "--yes", "--json", "--progress", "json", "-vv", env=LOUD)
    need(done.outcome == "done", f"publish -vv: {done.tail()}")
    check(len(done.err) > 200, "-vv writes a log that is worth searching", f"{len(done.err)} bytes")
    for command in ("status", "releases", "charms", "channels", "whoami", "runs"):
        note(f"{command} -vv", command, "-vv", env=LOUD)
        note(f"{command} --json", command, "--json")
    note("config show", "config", "show")
    note("config show --json", "config", "show", "--json")
    note("resolve", "resolve", "finos/legend-studio:13.16.0", "-vv", env=LOUD)
    # Failures name things: with a wrong token, with a refused one, with a broken address.
    for name, env in (
        ("expired", {"CHARMCRAFT_AUTH": base64.b64encode(b"planted-secret-" + world.token[:40].encode()).decode()}),
        ("not base64", {"CHARMCRAFT_AUTH": "planted-secret-not-base64!"}),
        ("a password in an address", {"GITHUB_API_URL": "http://user:planted-secret-url@127.0.0.1:9"}),
    ):
        note(f"whoami, {name}", "whoami", "--json", "-vv", env=env | LOUD)
        note(f"publish, {name}", "publish", RELEASE, "--yes", "--json", "-vv", env=env | LOUD)


def credentials(world, note, home):
    """Signs in, rotates, fails; gives every token that was minted, by name."""
    folder = home / "docker"
    folder.mkdir()
    seen = home / "helper-saw"
    helper = home / "bin/docker-credential-kestrel"
    helper.write_text(HELPER.format(seen=seen))
    helper.chmod(0o755)
    docker = {"DOCKER_CONFIG": str(folder)}
    wrong = {"WINDLASS_SSO_PASSWORD": WRONG_PASSWORD, "WINDLASS_SSO_OTP": WRONG_OTP}
    arguments = ("rotate", "--yes", "--json", "-vv", "--progress", "json")
    refused = note("rotate, wrong password", *arguments, env=LOUD | wrong)
    check(refused.code == 4, "a wrong password is refused", refused.tail())
    refused = note("rotate, wrong OTP", *arguments, env=LOUD | {"WINDLASS_SSO_OTP": WRONG_OTP})
    check(refused.code == 4, "a wrong one-time password is refused", refused.tail())
    tokens = {}
    for turn in ("first", "second"):
        done = note(f"rotate, {turn}", *arguments, "--revoke", "recorded", env=LOUD)
        need(done.outcome == "done", f"rotate, {turn}: {done.tail()}")
        tokens[f"the token of the {turn} rotation"] = token_in(in_targets(world)[0])
    done = note("login --export", "login", "--export", home / "export", "--yes", "-vv", env=LOUD)
    need(done.code == 0, f"login --export: {done.tail()}")
    tokens["the exported token"] = token_in((home / "export").read_bytes())
    note("rotate --token-file", *arguments, "--token-file", home / "export", "--target", "finos/legend-juju-db-operator:CHARMHUB_TOKEN", env=LOUD)
    bad = private("bad", b"planted-secret-" + exported(tokens["the exported token"])[40:])
    note("rotate, a broken token file", *arguments, "--token-file", bad, env=LOUD)
    hub, ghcr = (world.mirror(name).removeprefix("http://") for name in ("docker.io", "ghcr.io"))
    (folder / "config.json").write_text(json.dumps({"credHelpers": {hub: "kestrel"}}))
    (folder / "config.json").chmod(0o600)
    piped = private("login", f"releaser:{world.variables['CR_PAT']}\n".encode())
    note("login --registry", "login", "--registry", ghcr, "--yes", "-vv", env=LOUD | docker, stdin=piped)
    note("login --registry, refused", "login", "--registry", ghcr, "--yes", "-vv", env=LOUD | docker, stdin=private("no", b"releaser:planted-secret-x\n"))
    note("resolve with a helper", "resolve", f"{hub}/finos/legend-studio:13.16.0", "-vv", env=LOUD | docker)
    check(seen.exists(), "a child of windlass's was seen: a credential helper", "it was not called")
    for command in (("credentials",), ("plan", "rotate"), ("doctor",), ("runs",), ("whoami",), ("rotate", "--yes", "--read-only")):
        note(f"{' '.join(command)}, then", *command, "-vv", env=LOUD)
        note(f"{' '.join(command)} --json, then", *command, "--json")
    return tokens


# ---------------------------------------------------------------- processes


def watched(watch, client, arguments, env, stdin):
    """Runs windlass while its processes are looked at."""
    out, err = SCRATCH / "watched.out", SCRATCH / "watched.err"
    with open(out, "wb") as stdout, open(err, "wb") as stderr, open(stdin or os.devnull) as given:
        process = start([WINDLASS, *arguments], env=client.env | env, stdin=given, stdout=stdout, stderr=stderr)
        watch.process = process.pid
        try:
            code = process.wait(180)
        except Exception:
            process.kill()
            code = process.wait()
        watch.process = None
    texts = [path.read_bytes().decode(errors="replace") for path in (out, err)]
    return Ended(["windlass", *arguments], code, *texts)


class Watch:
    """Command lines of windlass and its children, and the environment of the children: windlass's
    own is what its caller gave it."""

    def __init__(self):
        self.process, self.found, self.looks, self.going = None, {}, 0, True
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self):
        while self.going:
            if self.process:
                self.note(self.process, "cmdline")
                for child in children(self.process):
                    self.note(child, "cmdline")
                    self.note(child, "environ")
                self.looks += 1
            time.sleep(0.004)

    def note(self, process, what):
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{process}/{what}").read_bytes().decode("latin-1")
            self.found[f"/proc/{process}/{what}: {len(text)} bytes"] = text

    def end(self):
        self.going = False
        self.thread.join()


def children(process):
    found = []
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            for child in (thread / "children").read_text().split():
                # Between fork and exec a child still shows its parent's own environment.
                if os.readlink(f"/proc/{child}/exe") != os.readlink(f"/proc/{process}/exe"):
                    found += [child, *children(child)]
    return found


# ---------------------------------------------------------------- the search


def search(written, secrets):
    """`SECRET in PLACE` for every secret found. A one-time password counts where it stands alone."""
    found = []
    for where, text in written.items():
        for name, secret in secrets.items():
            if isinstance(secret, re.Pattern):
                if secret.search(text):
                    found.append(f"{name} in {where}")
            elif secret in text:
                found.append(f"{name} in {where}")
    return found


def planted(world, tokens):
    """Name -> text of every secret, plain and in the forms in which it travels."""
    plain = {
        "the store token": world.token,
        "GH_TOKEN": world.variables["GH_TOKEN"],
        "CR_PAT": world.variables["CR_PAT"],
        "the sign-on password": world.variables["WINDLASS_SSO_PASSWORD"],
        "the wrong password": WRONG_PASSWORD,
        "a planted secret": "planted-secret-",
    } | tokens
    plain |= {f"the export of {name}": exported(token).decode() for name, token in tokens.items()}
    for charm, (resource, _) in CHARMS.items():
        newest = world.resource_revisions(charm, resource)[:3]
        for revision in newest:
            descriptor = world.descriptor(charm, resource, revision)
            plain[f"the password behind {charm} {resource} r{revision}"] = descriptor["Password"]
        path = f"/v1/charm/{charm}/resources/{resource}/oci-image/upload-credentials"
        plain[f"the push password of {charm}"] = world.get(path)["password"]
    forms = {}
    for name, secret in plain.items():
        need(secret and len(secret) >= 8, f"{name} is too short to search for")
        forms[name] = secret
        forms[f"{name}, in an address"] = quote(secret, safe="")
        forms[f"{name}, in JSON"] = json.dumps(secret)[1:-1]
        forms[f"{name}, in hexadecimal"] = secret.encode().hex()
        for shift in range(3):
            # As it looks inside a longer text in base64, whatever stands before it.
            code = base64.b64encode(b"-" * shift + secret.encode()).decode().rstrip("=")
            forms[f"{name}, in base64 ({shift})"] = code[4 if shift else 0 : -1]
        if name in tokens or name == "the store token":
            forms |= signature(name, secret)
    for name, otp in (("the one-time password", world.variables["WINDLASS_SSO_OTP"]), ("the wrong one-time password", WRONG_OTP)):
        forms[name] = re.compile(rf"(?<![0-9A-Za-z]){otp}(?![0-9A-Za-z])")
        forms[f"{name}, in base64"] = base64.b64encode(otp.encode()).decode().rstrip("=")[:-1]
    return forms


def signature(name, token):
    """The signature at the end of a token is secret by itself, and so is any part of it: every
    window of 20 characters, of the token and of its export."""
    forms = {}
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    forms[f"the signature of {name}, as bytes"] = raw[-32:].decode("latin-1")
    forms[f"the signature of {name}, in hexadecimal"] = raw[-32:].hex()
    for what, text, tail in (("token", token, 42), ("export", exported(token).decode().rstrip("="), 56)):
        part = text[-tail:]
        for at in range(len(part) - 19):
            forms[f"characters {at} to {at + 20} of the signature of {name}, in the {what}"] = part[at : at + 20]
    return forms


def the_search_finds(secrets):
    """Planted on purpose, each kind of secret is found."""
    token = secrets["the token of the second rotation"]
    plants = {
        "a password": f"log: signing in with {WRONG_PASSWORD}",
        "a password in base64": base64.b64encode(f'{{"password":"{WRONG_PASSWORD}"}}'.encode()).decode(),
        "a one-time password": f'{{"otp": "{WRONG_OTP}"}}',
        "a token": f"Macaroon {token}",
        "an export": exported(token).decode(),
        "a part of a token": f"…{token[-31:-8]}…",
        "a decoded token": base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("latin-1"),
        "an export encoded twice": base64.b64encode(b"x" + exported(token)).decode(),
    }
    missed = [name for name, text in plants.items() if not search({name: text}, secrets)]
    check(not missed, f"the search finds {len(plants)} planted secrets", f"it misses {missed}")
    folder = SCRATCH / "planted"
    folder.mkdir()
    (folder / "journal").write_bytes(os.urandom(500) + token[-30:].encode() + os.urandom(500))
    found = search({"journal": (folder / "journal").read_bytes().decode("latin-1")}, secrets)
    check(bool(found), "the search finds a part of a token in a binary file", "it does not")
    shutil.rmtree(folder)
    other = Watch()
    sleeper = start(["sh", "-c", "sleep 0.4; :", WRONG_PASSWORD], env={"PATH": os.environ["PATH"], "SECRET": token})
    other.process = sleeper.pid
    sleeper.wait()
    other.process = None
    other.end()
    found = search(other.found, secrets)
    check(
        any("cmdline" in line for line in found) and any("environ" in line for line in found),
        "the watch over processes finds a secret in a command line and in a child's environment", f"{found} {list(other.found)}",
    )


referee(main)
