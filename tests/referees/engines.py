#!/usr/bin/env -S python3 -B
"""Images of a real Docker and a real Podman, named by digest, go to the demo's Canonical role."""

import json

from engine import Docker, Podman
from images import Image, push, unpacked
from uploading import ABSENT, ENGINE, FOUND, PUSHED, SDLC, STUDIO, blobs_sent, created, descriptor_digest, holds
from uploading import in_canonical, messages, number, push_login, seen_by_skopeo, travelled, upload
from world import SCRATCH, Client, Wrong, World, check, docker_registry, need, referee, sha256, skopeo

#: Two images whose ids begin with the same 12 digits: found by search, fixed for ever.
TWINS = ("99e2616d4684", "a0d60f86819e")


def main():
    world = World()
    docker, podman = Docker("docker"), Podman("podman")
    forms(world, docker)
    forms(world, podman)
    pulled(world, docker)
    pulled(world, podman)
    in_the_registry(world, docker)
    documents(world, docker)
    nowhere(world, docker)
    twins(world, docker)
    alike(world, docker, podman)
    for engine in (docker, podman):
        engine.stop()
    silent(world)


def loaded(engine, *arguments, **options):
    """An image made by hand, loaded into the engine."""
    image = Image(*arguments, **options)
    archive = image.docker_archive(SCRATCH / "loaded.tar", f"acme/{image.seed}:v1")
    engine.load(archive)
    archive.unlink()
    found = engine.inspect(image.id)
    need(found["Id"].removeprefix("sha256:") == image.hex, f"{engine.name} calls {image.id} {found['Id']}")
    return image


def forms(world, engine):
    """Every way of naming an image by digest; each first and second time."""
    ways = {
        "the long id": lambda image: image.hex,
        "the short id": lambda image: image.hex[:12],
        "sha256: and the long id": lambda image: image.id,
        "sha256: and the short id": lambda image: image.id[: len("sha256:") + 12],
    }
    client = Client(world, f"forms-{engine.folder.name}", engine.env)
    for turn, (way, name) in enumerate(ways.items()):
        image = loaded(engine, f"{engine.folder.name}-{turn}")
        what = f"{engine.name}, --image as {way}"
        before = world.resource_revisions(*STUDIO)
        done = upload(client, STUDIO, "--image", name(image))
        revision = pushed(world, done, STUDIO, before, what)
        if revision is None:
            continue
        digest = descriptor_digest(world, STUDIO, revision)
        contents(world, STUDIO, revision, digest, image, what)
        mark = world.mark()
        again = upload(client, STUDIO, "--image", name(image))
        lines = messages(again.out)
        check(
            again.code == 0 and lines[-1:] == [holds(revision, STUDIO)] and not travelled(world, mark),
            f"{what}, again: the revision already holds it, nothing is sent", f"{travelled(world, mark)}; {again.tail()}",
        )
        check(world.resource_revisions(*STUDIO)[:1] == [revision], f"{what}, again: no second revision")


def pushed(world, done, place, before, what):
    """The messages of a first push, word for word and in order; returns the new revision."""
    lines = messages(done.out)
    after = world.resource_revisions(*place)
    new = [revision for revision in after if revision not in before]
    digest = descriptor_digest(world, place, new[0]) if len(new) == 1 else "none"
    wanted = [ABSENT, PUSHED.removesuffix("sha256:") + digest, created(new[0] if new else "?", place)]
    holds_it = check(
        done.code == 0 and lines == wanted and done.out.rstrip("\n").endswith(wanted[-1]),
        f"{what}: the three messages and a new revision", f"wanted {wanted}, got {lines}; {done.tail()}",
    )
    return new[0] if holds_it else None


def contents(world, place, revision, digest, image, what):
    """skopeo agrees on the digest, and fetches what was in the engine: layers unpack to its diff ids."""
    seen_by_skopeo(world, place, revision, digest, what)
    reference, login = in_canonical(world, place, revision)
    folder = SCRATCH / f"fetched-{revision}-{place[1]}"
    copied = skopeo(world, "copy", "--src-creds", login, reference, f"oci:{folder}:it")
    found = unpacked(folder) if copied.code == 0 else copied.tail()
    # Into OCI's form skopeo writes the configuration anew, so that one is read where it lies.
    raw = skopeo(world, "inspect", "--raw", "--creds", login, reference)
    config = json.loads(raw.out).get("config", {}).get("digest") if raw.code == 0 else raw.tail()
    check(
        copied.code == 0 and [entry[2] for entry in found] == [image.diff_ids] and config == image.id,
        f"{what}: its configuration is the engine's, its layers unpack to the diff ids", f"config {config}, {found}",
    )


def pulled(world, engine):
    """By RepoDigest: the digest under which a registry gave it to the engine."""
    registry = docker_registry(f"pulled-{engine.folder.name}")
    image = Image(f"pulled-{engine.folder.name}")
    digest = push(registry, "acme/it", "v1", image)
    found = engine.pull(registry, "acme/it", "v1")
    named = [name.partition("@")[2] for name in found["RepoDigests"]]
    need(digest in named, f"{engine.name}: RepoDigests {named}, pushed as {digest}")
    client = Client(world, f"pulled-{engine.folder.name}-client", engine.env)
    before = world.resource_revisions(*STUDIO)
    done = upload(client, STUDIO, "--image", digest)
    what = f"{engine.name}, --image as the RepoDigest of a pulled image"
    revision = pushed(world, done, STUDIO, before, what)
    if revision is not None:
        contents(world, STUDIO, revision, descriptor_digest(world, STUDIO, revision), image, what)


def in_the_registry(world, engine):
    """What Canonical's registry has is used from there, and the engine is not asked to export."""
    client = Client(world, "registry", engine.env)
    newest = max(world.resource_revisions(*SDLC))
    mark = world.mark()
    done = upload(client, SDLC, "--image", descriptor_digest(world, SDLC, newest))
    check(
        done.code == 0 and messages(done.out) == [FOUND, holds(newest, SDLC)] and not travelled(world, mark),
        "a digest in Canonical's registry that backs a revision: said so, nothing sent", done.tail(),
    )
    image = Image("put there by somebody")
    source = docker_registry("somebody")
    digest = push(source, "acme/it", "v1", image)
    name, login = push_login(world, SDLC)
    host = world.variables["CHARMCRAFT_REGISTRY_URL"].removeprefix("http://")
    copied = skopeo(
        world, "copy", "--preserve-digests", "--src-tls-verify=false", "--dest-creds", login, f"docker://{source}/acme/it:v1",
        f"docker://{host}/{name}",
    )
    need(copied.code == 0, f"skopeo copy into Canonical's role: {copied.tail()}")
    before = world.resource_revisions(*SDLC)
    done = upload(client, SDLC, "--image", digest)
    new = [revision for revision in world.resource_revisions(*SDLC) if revision not in before]
    check(
        len(new) == 1 and done.code == 0 and messages(done.out) == [FOUND, created(new[0], SDLC)],
        "a digest in Canonical's registry without a revision: said so, and the revision is made", done.tail(),
    )
    check(
        len(new) == 1 and descriptor_digest(world, SDLC, new[0]) == digest,
        "that revision names the digest as given", str(new),
    )


def documents(world, engine):
    """`--json`: the document alone on stdout, the messages on stderr."""
    client = Client(world, "documents", engine.env)
    image = loaded(engine, "documents")
    mark = world.mark()
    done = upload(client, ENGINE, "--image", image.hex, json_wanted=True)
    resource = done.json.get("resource") or {}
    revision = resource.get("revision")
    digest = descriptor_digest(world, ENGINE, revision) if revision else None
    check(
        done.code == 0 and done.outcome == "done" and resource.get("created") is True and resource.get("digest") == digest
        and resource.get("config_digest") == image.id and resource.get("bytes_sent", 0) > 100_000
        and resource.get("bytes_skipped") == 0,
        "--json: resource has revision, created, digest, config_digest, bytes_sent, bytes_skipped", f"{resource}; {done.tail()}",
    )
    check(
        messages(done.err) == [ABSENT, f"{PUSHED.removesuffix('sha256:')}{digest}", created(revision, ENGINE)],
        "--json: the messages go to stderr", done.tail(),
    )
    sent = blobs_sent(world.requests(mark))
    check(len(sent) == len(set(sent)) == 4, "three layers and a configuration were sent, each once", str(sent))
    mark = world.mark()
    again = upload(client, ENGINE, "--image", image.hex, json_wanted=True)
    second = again.json.get("resource") or {}
    check(
        again.code == 0 and second.get("created") is False and second.get("revision") == revision
        and second.get("digest") == digest and second.get("bytes_sent") == 0 and not travelled(world, mark),
        "--json, again: created false, the same revision and digest, no byte sent", f"{second}; {again.tail()}",
    )


def nowhere(world, engine):
    client = Client(world, "nowhere", engine.env)
    cases = {
        "a digest that is nowhere": "sha256:" + "0123456789abcdef" * 4,
        "a short id that is nowhere": "0123456789ab",
    }
    for what, name in cases.items():
        mark = world.mark()
        answer = upload(client, STUDIO, "--image", name, json_wanted=True)
        text = json.dumps(answer.problem or {}).lower()
        check(
            answer.code == 1 and "canonical" in text and ("docker" in text or "engine" in text) and bool(answer.problem.get("hints"))
            and not travelled(world, mark),
            f"{what}: exit 1, both places named, with a remedy", answer.tail(),
        )
    for name in (
        "acme/documents:v1", "documents", "latest", "docker://docker.io/finos/legend-studio:13.16.0",
        "https://docker.io/finos/legend-studio", "docker.io/finos/legend-studio@sha256:" + "0" * 64, "sha512:" + "0" * 128,
        "sha256:" + "0" * 63, "",
    ):
        mark = world.mark()
        answer = upload(client, STUDIO, "--image", name, json_wanted=True)
        text = answer.out + answer.err
        check(
            answer.code == 2 and ("--from" in text or "sha512" in name or len(name) == 70) and not travelled(world, mark),
            f"--image {name[:60]!r}: exit 2, and --from is named", answer.tail(),
        )


def twins(world, engine):
    """A short form that two images share is not guessed at."""
    images = [loaded(engine, "twins", labels={"nonce": nonce}) for nonce in TWINS]
    need(images[0].hex[:12] == images[1].hex[:12] and images[0].id != images[1].id, "the twins are none")
    client = Client(world, "twins", engine.env)
    mark = world.mark()
    answer = upload(client, STUDIO, "--image", images[0].hex[:12], json_wanted=True)
    text = json.dumps(answer.problem or {})
    check(
        answer.code in (1, 2) and all(image.hex in text for image in images) and not travelled(world, mark),
        "a short id of two images: both are named in full, nothing sent", answer.tail(),
    )
    answer = upload(client, STUDIO, "--image", images[0].hex)
    check(answer.code == 0, "the long id of one of them is taken", answer.tail())


def alike(world, docker, podman):
    """The same image from any engine, on any machine and day, has the same remote digest."""
    image = Image("alike", size=400_000)
    digests = {}
    engines = [("Docker", docker, ENGINE), ("Podman", podman, SDLC)]
    try:
        overlay = Docker("overlay", "overlay2")
        engines.append(("Docker on overlay2", overlay, STUDIO))
    except Wrong as wrong:
        print(f"dockerd with overlay2 does not start here, so only vfs was tried: {wrong}", flush=True)
        overlay = None
    for day, (name, engine, place) in enumerate(engines):
        # Another machine, another day: nothing is known, the archive is dated otherwise.
        engine.load(image.docker_archive(SCRATCH / "alike.tar", f"acme/alike:{day}", mtime=1_700_000_000 + day * 86_400))
        client = Client(world, f"alike-{day}", engine.env)
        done = upload(client, place, "--image", image.hex, json_wanted=True)
        digests[name] = (done.json.get("resource") or {}).get("digest") if done.code == 0 else done.tail()
    archive = image.docker_archive(SCRATCH / "alike.tar", "another/name:v9", mtime=1_600_000_000)
    done = upload(Client(world, "alike-archive"), ENGINE, "--from", f"docker-archive:{archive}", json_wanted=True)
    digests["docker-archive:"] = (done.json.get("resource") or {}).get("digest") if done.code == 0 else done.tail()
    if overlay:
        overlay.stop()
    check(
        len(set(digests.values())) == 1 and None not in digests.values(),
        f"the same image from {', '.join(digests)}, on machines that know nothing: one remote digest", str(digests),
    )


def silent(world):
    """No engine at all: said with a remedy; what the registry has needs none."""
    nobody = {"DOCKER_HOST": f"unix://{SCRATCH}/no.sock", "CONTAINER_HOST": f"unix://{SCRATCH}/no.sock"}
    client = Client(world, "silent", nobody)
    mark = world.mark()
    answer = upload(client, STUDIO, "--image", sha256(b"nowhere"), json_wanted=True)
    check(
        answer.code in (1, 6) and bool((answer.problem or {}).get("hints")) and not travelled(world, mark),
        "no engine is there: an error with a remedy", answer.tail(),
    )
    newest = max(world.resource_revisions(*STUDIO))
    answer = upload(client, STUDIO, "--image", descriptor_digest(world, STUDIO, newest))
    check(
        answer.code == 0 and number(messages(answer.out)[-1]) == newest, "no engine is there: Canonical's registry does without",
        answer.tail(),
    )


if __name__ == "__main__":
    referee(main)
