#!/usr/bin/env -S python3 -B
"""Another client acts while a write of windlass fails: its change is never overwritten, the run does
not end `done`, and the report shows what was previewed and what is there now."""

import base64
import json
import os
import random
import time

from world import BUNDLE, BUNDLE_REPOSITORY, FULL, RELEASE, SCRATCH, TRACK, Template, check, http, kill, need, referee, wait_for

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


#: The normal run takes two kinds of each command, drawn with this seed; `--full` takes all of them.
SEED = int(os.environ.get("WINDLASS_WRITERS_SEED", "13"))


class Case:
    """A command, the write of it that fails, and what another client does meanwhile.

    `before` is a command that must succeed first, or, with `fails`, fail because of that fault."""

    def __init__(self, name, arguments, struck, meanwhile, stands, before=None, shows=True, but=(), only=None, fails=""):
        self.fails = fails
        self.name, self.arguments, self.struck, self.meanwhile = name, arguments, struck, meanwhile
        self.stands, self.before, self.shows = stands, before, shows
        self.kinds = only or [kind for kind in KINDS if kind not in but]

    def faults(self, kind):
        service, method, path, nth = self.struck
        changes = ",\n".join(
            "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in change.items()) + " }" for change in self.meanwhile
        )
        return self.fails + (
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


def bundle_serves(channel, revision):
    def stands(world):
        found = [row for (name, _), row in world.rows(BUNDLE).items() if name == channel]
        return [one for one, _ in found] == [revision], str(found)

    return stands


def has_track(world):
    tracks = [track["name"] for track in world.get(f"/v1/charm/{ENGINE}")["metadata"]["tracks"]]
    return tracks.count(TRACK) == 1, str(tracks)


def organisation_set_elsewhere(world):
    held = json.loads((world.dir / "github.json").read_text())["organizations"]["finos"]["secrets"].get(SECRET, {})
    return held.get("encrypted_value", "").startswith("BwcHBwcH"), str(held)


def started_once_each(world):
    """At most one run of windlass beside the one of the other client."""
    runs = world.github(f"/repos/{BUNDLE_REPOSITORY}/actions/workflows/ci.yaml/runs?event=workflow_dispatch")
    return 1 <= runs["total_count"] <= 2, str(runs["total_count"])


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


def cases(seen):
    other = seen["other"]
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
    refused_once = "[[fault]]\nservice = 'charmhub'\nmethod = 'POST'\n" + f"path = '*/{ENGINE}/releases'\nnth = 1\nstatus = 403\n"
    bundle_elsewhere = {
        "service": "charmhub", "method": "POST", "path": f"/v1/charm/{BUNDLE}/releases",
        "body": json.dumps([{"revision": seen["bundle"], "channel": f"{TRACK}/edge", "resources": []}]),
    }
    edge_elsewhere = {
        "service": "github", "method": "PATCH", "path": f"{refs}/heads/edge", "body": json.dumps({"sha": other, "force": True}),
    }
    track_elsewhere = {
        "service": "charmhub", "method": "POST", "path": f"/v1/charm/{ENGINE}/tracks", "body": json.dumps([{"name": TRACK}]),
    }
    organisation = f"/orgs/finos/actions/secrets/{SECRET}"
    put_organisation = {
        "service": "github", "method": "PUT", "path": organisation,
        "body": json.dumps({"encrypted_value": base64.b64encode(bytes([7] * 64)).decode(), "key_id": seen["key"], "visibility": "all"}),
    }
    dispatches = f"/repos/{BUNDLE_REPOSITORY}/actions/workflows/ci.yaml/dispatches"
    return [
        Case(
            "publish, the bundle", ["publish", RELEASE], ("charmhub", "POST", f"*/{BUNDLE}/releases", 1), [bundle_elsewhere],
            bundle_serves(f"{TRACK}/edge", seen["bundle"]),
        ),
        Case(
            "publish, the commit", ["publish", RELEASE], ("github", "POST", "*/git/commits", 1), [edge_elsewhere],
            # The commit is named by its content and has the parent that was previewed: storing it again overwrites nothing.
            reference("heads/edge", other), shows=False,
        ),
        Case(
            "publish, a track", ["publish", RELEASE], ("charmhub", "POST", f"*/{ENGINE}/tracks", 1), [track_elsewhere], has_track,
            shows=False, but=["reset-after"],
        ),
        Case(
            "promote --track", ["promote", "--track", "latest", "--to", "candidate"], (*releases, 1),
            [release_elsewhere("latest/candidate")], serves("latest/candidate"),
        ),
        Case(
            "resume", ["resume", "--run"], (*releases, 2), [release_elsewhere("latest/edge")], serves("latest/edge"),
            before=["release", ENGINE, "--revision", "50", "--channel", "latest/edge", *resource], fails=refused_once,
        ),
        Case(
            "rotate --organisation", ["rotate", "--organisation", "--token-file", "TOKEN"], ("github", "PUT", organisation, 1),
            [put_organisation], organisation_set_elsewhere,
        ),
        Case(
            "rotate --organisation, a copy", ["rotate", "--organisation", "--token-file", "TOKEN"],
            ("github", "DELETE", f"*/{BUNDLE_REPOSITORY}/actions/secrets/{SECRET}", 1), [put_secret], set_elsewhere,
        ),
        Case(
            "workflow run", ["workflow", "run", "ci.yaml"], ("github", "POST", dispatches, 1),
            [{"service": "github", "method": "POST", "path": dispatches, "body": json.dumps({"ref": "main"})}],
            started_once_each, shows=False,
        ),
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
        now = {revision for revision, _ in world.rows(BUNDLE).values()}
        uploaded = [one["revision"] for one in world.get(f"/v1/charm/{BUNDLE}/revisions")["revisions"]]
        seen["bundle"] = min(set(uploaded) - now or set(uploaded))
        seen["key"] = world.github("/orgs/finos/actions/secrets/public-key")["key_id"]

    template = Template("writers", prepare)
    print(f"# seed {SEED}", flush=True)
    drawn = random.Random(SEED)
    names = [name for name in os.environ.get("WINDLASS_WRITERS_ONLY", "").split(";") if name]
    for case in cases(seen):
        chosen = case.kinds if FULL else drawn.sample(case.kinds, min(2, len(case.kinds)))
        if names and case.name not in names:
            continue
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
            wanted = ("failed",) if case.fails else ("done", "partly")
            need(first.outcome in wanted, f"{what}: {' '.join(case.before)}: {first.tail()}")
            if arguments[-1] == "--run":
                number = first.json["run"]["id"]
                arguments = ["resume", number] if case.fails else [*arguments, number]
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
