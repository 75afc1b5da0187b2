#!/usr/bin/env -S python3 -B
"""Planted secrets are searched for in everything that windlass wrote."""

import base64
import json
import stat
from urllib.parse import quote

from world import CHARMS, RELEASE, SCRATCH, Client, World, check, need, publish, referee


def main():
    world = World()
    written = {}
    client = Client(world)

    def note(name, *arguments, env=None):
        answer = client.run(*arguments, env=env)
        written[f"{name}: stdout"], written[f"{name}: stderr"] = answer.out, answer.err
        return answer

    loud = {"RUST_LOG": "trace", "WINDLASS_LOG": "trace"}
    done = note("publish -vv", "publish", RELEASE, "--yes", "--json", "--progress", "json", "-vv", env=loud)
    need(done.outcome == "done", f"publish -vv: {done.tail()}")
    check(len(done.err) > 200, "-vv writes a log that is worth searching", f"{len(done.err)} bytes")
    for command in ("status", "releases", "charms", "channels", "whoami", "runs"):
        note(f"{command} -vv", command, "-vv", env=loud)
        note(f"{command} --json", command, "--json")
    note("config show", "config", "show")
    note("config show --json", "config", "show", "--json")
    note("resolve", "resolve", "finos/legend-studio:13.16.0", "-vv", env=loud)
    # Failures name things: with a wrong token, with a refused one, with a broken address.
    for name, env in (
        ("expired", {"CHARMCRAFT_AUTH": base64.b64encode(b"planted-secret-" + world.token[:40].encode()).decode()}),
        ("not base64", {"CHARMCRAFT_AUTH": "planted-secret-not-base64!"}),
        ("a password in an address", {"GITHUB_API_URL": "http://user:planted-secret-url@127.0.0.1:9"}),
    ):
        note(f"whoami, {name}", "whoami", "--json", "-vv", env=env | loud)
        note(f"publish, {name}", "publish", RELEASE, "--yes", "--json", "-vv", env=env | loud)

    secrets = planted(world)
    files = [path for path in client.state.rglob("*") if path.is_file()]
    for path in files:
        written[str(path.relative_to(SCRATCH))] = path.read_bytes().decode("latin-1")
    check(len(files) > 1 and any(path.name.startswith("journal") for path in files), f"{len(files)} files under the state folder")
    found = [
        f"{name} in {where}" for where, text in written.items() for name, secret in secrets.items() if secret in text
    ]
    check(
        not found,
        f"none of {len(secrets)} secrets (tokens, registry passwords, each plain and encoded) in {len(written)} "
        "outputs and files", "\n  " + "\n  ".join(found),
    )
    open_to_others = [
        f"{path.relative_to(SCRATCH)} {stat.filemode(path.stat().st_mode)}"
        for path in [client.state, *client.state.rglob("*")]
        if path.stat().st_mode & 0o077
    ]
    check(not open_to_others, "state and cache are readable by their owner only", "; ".join(open_to_others[:8]))


def planted(world):
    """Name -> text of every secret, plain and in the forms in which it travels."""
    plain = {
        "the store token": world.token,
        "GH_TOKEN": world.variables["GH_TOKEN"],
        "CR_PAT": world.variables["CR_PAT"],
        "the sign-on password": world.variables["WINDLASS_SSO_PASSWORD"],
        "a planted secret": "planted-secret-",
    }
    for charm, (resource, _) in CHARMS.items():
        newest = world.resource_revisions(charm, resource)[:3]
        for revision in newest:
            descriptor = world.descriptor(charm, resource, revision)
            plain[f"the password behind {charm} {resource} r{revision}"] = descriptor["Password"]
        path = f"/v1/charm/{charm}/resources/{resource}/oci-image/upload-credentials"
        plain[f"the push password of {charm}"] = world.get(path)["password"]
    forms = {}
    for name, secret in plain.items():
        need(len(secret) >= 8, f"{name} is too short to search for")
        forms[name] = secret
        forms[f"{name}, in base64"] = base64.b64encode(secret.encode()).decode().rstrip("=")[:-1]
        forms[f"{name}, in an address"] = quote(secret, safe="")
        forms[f"{name}, in JSON"] = json.dumps(secret)[1:-1]
        # The signature at the end of a token is secret by itself.
        if len(secret) > 80:
            forms[f"the tail of {name}"] = secret[-40:]
    return forms


referee(main)
