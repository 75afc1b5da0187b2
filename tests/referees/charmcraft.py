#!/usr/bin/env -S python3 -B
"""The real charmcraft, 4.5.0 and 4.3.1 from PyPI, unmodified, against the demo world."""

import base64
import json

from world import SCRATCH, World, charmcraft, check, need, referee, sha256, skopeo

DB, SEED = "finos-legend-db-k8s", "legend-db-seed"
STUDIO, IMAGE = "finos-legend-studio-k8s", "studio-image"
HUB_TAG = "finos/legend-studio:13.16.0"


def main():
    for version in ("4.5.0", "4.3.1"):
        world = World(f"world-{version}")
        session(world, version, {}, version)
        world.stop()
    world = World("world-wrapped")
    wrapped = base64.b64encode(json.dumps({"t": "macaroon", "v": world.token}).encode()).decode()
    session(world, "4.3.1", {"CHARMCRAFT_AUTH": wrapped}, "4.3.1 with its wrapped credential")


def session(world, version, env, called):
    def ask(*arguments, timeout=180):
        return charmcraft(world, version, *arguments, env=env, timeout=timeout)

    def told(what, *arguments):
        answer = ask(*arguments)
        holds = check(answer.code == 0, f"charmcraft {called} {what}", answer.tail())
        return answer if holds else None

    def document(what, *arguments):
        answer = told(what, *arguments, "--format", "json")
        return json.loads(answer.out) if answer else []

    me = told("whoami", "whoami")
    check(me is not None and "legend" in (me.out + me.err).lower(), f"{called}: whoami names the account", me and me.tail())
    tracks = {entry["track"] for entry in document("status", "status", STUDIO)}
    check({"latest", "2023-12"} <= tracks, f"{called}: status lists the tracks", str(tracks))
    revisions = [entry["revision"] for entry in document("revisions", "revisions", STUDIO)]
    check(len(revisions) > 5, f"{called}: revisions lists them", str(revisions))
    resources = {entry["name"] for entry in document("resources", "resources", DB)}
    check(SEED in resources, f"{called}: resources lists {SEED}", str(resources))
    numbers = [entry["revision"] for entry in document("resource-revisions", "resource-revisions", STUDIO, IMAGE)]
    check(29 in numbers, f"{called}: resource-revisions lists r29", str(numbers))

    seed = SCRATCH / f"seed-{world.name}.sql"
    seed.write_text(f"-- {called}\n")
    before = world.resource_revisions(DB, SEED)
    file_revision = uploaded(told("upload-resource --filepath", "upload-resource", DB, SEED, "--filepath", seed, "--format", "json"))
    check(file_revision not in before, f"{called}: upload-resource --filepath makes a new revision", str(file_revision))
    same = uploaded(ask("upload-resource", DB, SEED, "--filepath", seed, "--format", "json"))
    check(same == file_revision, f"{called}: the same file again is the same revision", f"{same}, not {file_revision}")

    layout = SCRATCH / f"layout-{world.name}"
    hub = world.mirror("docker.io").removeprefix("http://")
    copied = skopeo(world, "copy", "--all", "--preserve-digests", f"docker://{hub}/{HUB_TAG}", f"oci:{layout}:it")
    need(copied.code == 0, f"skopeo copy from the demo hub: {copied.tail()}")
    raw = skopeo(world, "inspect", "--raw", f"docker://{hub}/{HUB_TAG}")
    digest = sha256(raw.out.encode())
    image_revision = uploaded(told("upload-resource --image (an OCI layout)", "upload-resource", STUDIO, IMAGE, "--image", layout, "--format", "json"))
    if check(bool(image_revision), f"{called}: upload-resource --image makes a revision", str(image_revision)):
        name = world.descriptor(STUDIO, IMAGE, image_revision)["ImageName"]
        check(name.endswith("@" + digest), f"{called}: the revision names the image that was pushed", f"{name} is not @{digest}")
        place = world.variables["CHARMCRAFT_REGISTRY_URL"].removeprefix("http://") + "/" + name.partition("/")[2]
        seen = skopeo(world, "inspect", "--raw", f"docker://{place}")
        check(sha256(seen.out.encode()) == digest, f"{called}: the image lies in Canonical's role", seen.tail())

    newest = max(revisions)
    told(
        "release", "release", STUDIO, f"--revision={newest}", "--channel=latest/candidate", "--channel=beta",
        f"--resource={IMAGE}:{image_revision}",
    )
    rows = {(channel, revision, resources.get(IMAGE)) for (channel, _), (revision, resources) in world.rows(STUDIO).items()}
    wanted = {("latest/candidate", newest, image_revision), ("latest/beta", newest, image_revision)}
    check(wanted <= rows, f"{called}: release set latest/candidate and latest/beta", str(rows))
    branch = f"latest/edge/fix-{world.name[6:].replace('.', '-')}"
    told("release to a branch", "release", STUDIO, f"--revision={newest}", f"--channel={branch}", f"--resource={IMAGE}:{image_revision}")
    told("status after the release to a branch", "status", STUDIO)
    released = [
        release for entry in document("status", "status", STUDIO) for mapping in entry["mappings"] for release in mapping["releases"]
        if release["channel"] == branch
    ]
    check(bool(released) and all(release["expires_at"] for release in released), f"{called}: status shows when the branch expires", str(released))
    told("close", "close", STUDIO, "latest/beta")
    channels = {channel for channel, _ in world.rows(STUDIO)}
    check("latest/beta" not in channels, f"{called}: close closed latest/beta", str(channels))
    told(
        "promote", "promote", "--name", STUDIO, "--from-channel", "latest/candidate", "--to-channel", "latest/stable", "--yes",
    )
    rows = {(channel, revision, resources.get(IMAGE)) for (channel, _), (revision, resources) in world.rows(STUDIO).items()}
    check(("latest/stable", newest, image_revision) in rows, f"{called}: promote set latest/stable", str(rows))
    told("create-track", "create-track", "--name", STUDIO, "--track", "2031-07")
    tracks = {track["name"] for track in world.get(f"/v1/charm/{STUDIO}")["metadata"]["tracks"]}
    check("2031-07" in tracks, f"{called}: create-track made it", str(tracks))

    refusals(world, ask, called, newest)


def refusals(world, ask, called, newest):
    """The store's rules as charmcraft meets them."""
    cases = (
        ("a track outside the guardrail", "no-month", ("create-track", "--name", STUDIO, "--track", "no-month")),
        ("a release to a missing track", "2099-01", ("release", STUDIO, f"--revision={newest}", "--channel=2099-01/edge")),
        (
            "a release of a resource revision that does not exist", "99999",
            ("release", STUDIO, f"--revision={newest}", "--channel=edge", f"--resource={IMAGE}:99999"),
        ),
        ("status of an unknown charm", "no-such-charm", ("status", "no-such-charm")),
    )
    for what, named, command in cases:
        answer = ask(*command)
        # 64 would be charmcraft's own complaint about the command line.
        check(
            answer.code not in (0, 64, 70) and named in answer.err,
            f"{called}: {what} is refused, and the refusal names {named}", answer.tail(),
        )


def uploaded(answer):
    """The resource revision that charmcraft says it made."""
    if answer is None or answer.code != 0:
        return None
    return json.loads(answer.out).get("revision")


referee(main)
