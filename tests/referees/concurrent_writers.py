#!/usr/bin/env -S python3 -B
"""Another client acts while a write of windlass fails: its change is never overwritten, the run does
not end `done`, and the report shows what was previewed and what is there now."""

import base64
import json
import time

from world import BUNDLE_REPOSITORY, FULL, RELEASE, SCRATCH, Template, check, http, kill, need, referee, wait_for

ENGINE = "finos-legend-engine-k8s"
SECRET = "CHARMHUB_TOKEN"
ALPINE = "cfpb/regtech/sbl/alpine"
#: How the first try of the write fails.
KINDS = {
    "refuse": "action = 'refuse'",
    "reset-before": "action = 'reset-before'",
    "reset-after": "action = 'reset-after'",
    "429": "rate-limit = 2",
    "503": "status = 503",
    "500": "status = 500",
    "408": "status = 408",
    "hang": "hang = 30",
}
#: Clients give up on a hung request within a second or so.
IMPATIENT = {"WINDLASS_TIMEOUT": "0.05"}


class Case:
    """A command, the write of it that fails, and what another client does meanwhile."""

    def __init__(self, name, arguments, struck, meanwhile, stands, before=None, shows=True, but=(), only=None):
        self.name, self.arguments, self.struck, self.meanwhile = name, arguments, struck, meanwhile
        self.stands, self.before, self.shows = stands, before, shows
        self.kinds = only or [kind for kind in KINDS if kind not in but]

    def faults(self, kind):
        service, method, path, nth = self.struck
        changes = ",\n".join(
            "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in change.items()) + " }" for change in self.meanwhile
        )
        return (
            f"[[fault]]\nservice = '{service}'\nmethod = '{method}'\npath = '{path}'\nnth = {nth}\n{KINDS.get(kind, '')}\n"
            f"meanwhile = [\n{changes}\n]\n"
        )


def release_elsewhere(channel, image=31):
    item = {"revision": 50, "channel": channel, "resources": [{"name": "engine-image", "revision": image}]}
    return {"service": "charmhub", "method": "POST", "path": f"/v1/charm/{ENGINE}/releases", "body": json.dumps([item])}


def serves(channel, image=31):
    """Whether the channel serves what the other client released."""

    def stands(world):
        found = [row for (name, _), row in world.rows(ENGINE).items() if name == channel]
        return (50, {"engine-image": image}) in found, str(found)

    return stands


def reference(name, sha):
    def stands(world):
        found = world.github(f"/repos/{BUNDLE_REPOSITORY}/git/ref/{name}")
        return bool(found) and found["object"]["sha"] == sha, str(found)

    return stands


def set_elsewhere(world):
    held = json.loads((world.dir / "github.json").read_text())["repositories"][BUNDLE_REPOSITORY]["secrets"][SECRET]
    return held["encrypted_value"].startswith("BwcHBwcH"), str(held)


def tag_digest(world, tag):
    accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json"
    url = f"{world.mirror('ghcr.io')}/v2/{ALPINE}/manifests/{tag}"
    _, headers, _ = http("GET", url, {"Accept": accept, "Authorization": f"Bearer {anonymous(world)}"})
    return headers.get("Docker-Content-Digest")


def anonymous(world):
    _, _, body = http("GET", f"{world.mirror('ghcr.io')}/token?scope=repository:{ALPINE}:pull&service=ghcr.io")
    return json.loads(body)["token"]


def moved_elsewhere(world):
    now, wanted = tag_digest(world, "latest"), tag_digest(world, "v3.18.0_60.1")
    return now is not None and now == wanted, f"{now} instead of {wanted}"


def cases(other):
    releases = ("charmhub", "POST", f"*/{ENGINE}/releases")
    refs = f"/repos/{BUNDLE_REPOSITORY}/git/refs"
    hold = f"windlass-hold-{RELEASE}"
    resource = ["--resource", "engine-image:30"]
    put_secret = {"service": "github", "method": "PUT", "path": f"/repos/{BUNDLE_REPOSITORY}/actions/secrets/{SECRET}"}
    tag_elsewhere = {
        "service": "ghcr", "method": "PUT", "path": f"/v2/{ALPINE}/manifests/latest", "body-of": f"/v2/{ALPINE}/manifests/v3.18.0_60.1",
    }
    branch_elsewhere = {
        "service": "github", "method": "POST", "path": refs, "body": json.dumps({"ref": f"refs/heads/release-{RELEASE}", "sha": other}),
    }
    return [
        Case(
            "release", ["release", ENGINE, "--revision", "50", "--channel", "latest/edge", *resource], (*releases, 1),
            [release_elsewhere("latest/edge")], serves("latest/edge"),
        ),
        Case(
            "release to a closed channel", ["release", ENGINE, "--revision", "50", "--channel", "latest/beta", *resource],
            (*releases, 1), [release_elsewhere("latest/beta")], serves("latest/beta"),
        ),
        Case("close", ["close", ENGINE, "latest/edge"], (*releases, 1), [release_elsewhere("latest/edge")], serves("latest/edge")),
        Case("publish", ["publish", RELEASE], (*releases, 1), [release_elsewhere("latest/edge")], serves("latest/edge")),
        Case(
            "publish, the branch", ["publish", RELEASE], ("github", "POST", "*/git/refs", 1), [branch_elsewhere],
            reference(f"heads/release-{RELEASE}", other), but=["reset-after"],
        ),
        Case(
            "promote", ["promote", RELEASE, "--to", "candidate"], (*releases, 2), [release_elsewhere("2025-01/candidate")],
            serves("2025-01/candidate"), before=["publish", RELEASE],
        ),
        Case(
            "rollback", ["rollback", "--run"], (*releases, 2), [release_elsewhere("latest/edge", 29)], serves("latest/edge", 29),
            before=["release", ENGINE, "--revision", "50", "--channel", "latest/edge", *resource],
        ),
        Case(
            "copy", ["copy", "ghcr.io/cfpb/regtech/sbl/python-alpine:v3.12.0", f"ghcr.io/{ALPINE}:latest"],
            ("ghcr", "PUT", f"/v2/{ALPINE}/manifests/latest", 1), [tag_elsewhere], moved_elsewhere,
        ),
        Case(
            "copy, before its first blob", ["copy", "ghcr.io/cfpb/regtech/sbl/python-alpine:v3.12.0", f"ghcr.io/{ALPINE}:latest"],
            ("ghcr", "POST", f"/v2/{ALPINE}/blobs/uploads/", 1), [tag_elsewhere], moved_elsewhere, only=["none"],
        ),
        Case(
            "rotate", ["rotate", "--token-file", "TOKEN", "--target", f"{BUNDLE_REPOSITORY}:{SECRET}"],
            ("github", "PUT", f"*/{BUNDLE_REPOSITORY}/actions/secrets/{SECRET}", 1), [put_secret], set_elsewhere,
        ),
        Case(
            "unhold", ["unhold", RELEASE], ("github", "DELETE", f"*/git/refs/tags/{hold}", 1),
            [
                {"service": "github", "method": "DELETE", "path": f"{refs}/tags/{hold}"},
                {"service": "github", "method": "POST", "path": refs, "body": json.dumps({"ref": f"refs/tags/{hold}", "sha": other})},
            ],
            reference(f"tags/{hold}", other), before=["hold", RELEASE],
        ),
        Case(
            "hold", ["hold", RELEASE], ("github", "POST", "*/git/refs", 1),
            [{"service": "github", "method": "POST", "path": refs, "body": json.dumps({"ref": f"refs/tags/{hold}", "sha": other})}],
            reference(f"tags/{hold}", other), shows=False, but=["reset-after"],
        ),
    ]


def main():
    seen = {}

    def prepare(world, client):
        seen["other"] = next(iter(world.branches("main").values()))
        warm = client.run("plan", "publish", RELEASE, "--json")
        need(warm.code == 0, warm.tail())

    template = Template("writers", prepare)
    for place, case in enumerate(cases(seen["other"])):
        # The normal run takes two kinds of each command; together all of them.
        kinds = case.kinds
        chosen = kinds if FULL else {kinds[(2 * place) % len(kinds)], kinds[(2 * place + 3) % len(kinds)]}
        for kind in sorted(chosen):
            one(template, case, kind)
    killed(template)


def one(template, case, kind):
    what = f"{case.name}, first try: {kind}"
    world, client = template.copy(case.faults(kind))
    try:
        arguments = list(case.arguments)
        if case.before:
            first = client.run(*case.before, "--yes", "--json")
            need(first.outcome in ("done", "partly"), f"{what}: {' '.join(case.before)}: {first.tail()}")
            if arguments[-1] == "--run":
                arguments.append(first.json["run"]["id"])
        arguments = [token_file(client, world) if word == "TOKEN" else word for word in arguments]
        mark = world.mark()
        done = client.run(*arguments, "--yes", "--json", env=IMPATIENT if kind == "hang" else {})
        acted = [entry for entry in world.requests(mark) if entry["client"] == "another-client"]
        need(acted and acted[-1]["status"] < 300, f"{what}: the other client: {acted} {done.tail()}")
        holds, found = case.stands(world)
        check(holds, f"{what}: the other client's change stands", f"{found} {done.tail()}")
        if case.shows:
            check(done.outcome in ("failed", "unknown"), f"{what}: the run does not end done", done.tail())
            said = json.dumps(done.json.get("problem"))
            check("now" in said or "is at" in said, f"{what}: both states are shown", said)
    finally:
        template.drop(world, client)


def killed(template):
    """A secret that another client sets between a killed run and its resume is left alone."""
    what = "rotate killed while its write hangs, the secret set by another client, then resumed"
    path = f"/repos/{BUNDLE_REPOSITORY}/actions/secrets/{SECRET}"
    world, client = template.copy(f"[[fault]]\nservice = 'github'\nmethod = 'PUT'\npath = '{path}'\nnth = 1\nhang = 30\n")
    try:
        begun = client.popen("rotate", "--target", f"{BUNDLE_REPOSITORY}:{SECRET}", "--yes")
        minted = lambda: [entry for entry in world.requests() if entry["path"].endswith("/exchange")]
        wait_for("the token", minted, begun)
        mark = world.mark()
        wait_for("the check before the write", lambda: [e for e in world.requests(mark) if e["path"] == path], begun)
        time.sleep(1)
        kill(begun)
        # Later than a try of the killed run can explain.
        time.sleep(4)
        headers = {"Authorization": f"Bearer {world.variables['GH_TOKEN']}", "Content-Type": "application/json"}
        key = world.github(f"/repos/{BUNDLE_REPOSITORY}/actions/secrets/public-key")["key_id"]
        value = base64.b64encode(bytes([7] * 64)).decode()
        body = json.dumps({"encrypted_value": value, "key_id": key}).encode()
        status, _, _ = http("PUT", world.variables["GITHUB_API_URL"] + path, headers, body)
        need(status == 204, f"{what}: {status}")
        resumed = client.run("resume", "--yes", "--json")
        holds, found = set_elsewhere(world)
        check(holds, f"{what}: the other client's value stands", f"{found} {resumed.tail()}")
        check(resumed.code == 3, f"{what}: it is refused before a write", resumed.tail())
    finally:
        template.drop(world, client)


def token_file(client, world):
    """A file with the demo operator's token."""
    path = SCRATCH / f"{client.state.name}.token"
    path.write_text(world.variables["CHARMCRAFT_AUTH"])
    path.chmod(0o600)
    return path


referee(main)
