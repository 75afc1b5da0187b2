#!/usr/bin/env -S python3 -B
"""Every place an image can come from, for `upload-resource --from` and for `copy`: skopeo agrees on
the digests, and every platform's layers unpack to what its configuration says."""

import json

from engine import Docker, Podman
from images import Image, Index, oci_archive, oci_layout, push, unpacked
from uploading import ENGINE, SDLC, STUDIO, created, descriptor_digest, holds, in_canonical, messages, seen_by_skopeo
from uploading import travelled, upload
from world import SCRATCH, Client, World, check, docker_registry, need, referee, sha256, skopeo

#: Go's names of platforms -> the store's names of architectures.
PLATFORMS = {
    ("amd64", None): "amd64", ("arm64", "v8"): "arm64", ("arm", "v7"): "armhf", ("ppc64le", None): "ppc64el",
    ("s390x", None): "s390x", ("riscv64", None): "riscv64",
}


def main():
    world = World()
    source, destination = docker_registry("source"), docker_registry("destination")
    docker, podman = Docker("docker"), Podman("podman")
    places = sources(source, docker, podman)
    for number, (name, place) in enumerate(places.items()):
        client = Client(world, f"reference-{number}", docker.env | podman.env)
        resource_of(world, client, name, place, (STUDIO, ENGINE, SDLC)[number % 3])
        copy_of(world, client, name, place, destination, f"copied/{number}")
    deterministic(world, places)
    platforms(world, source, destination)
    pinned(world, source)
    inside(world, destination)
    looked_at(world, source, destination)


class Place:
    """Where an image lies, and what should arrive of it."""

    def __init__(self, reference, image, digest=None):
        self.reference, self.image = reference, image
        #: The digest where it is fixed by the source; None where windlass packs the layers itself.
        self.digest = digest


def sources(registry, docker, podman):
    """One image in every form there is."""
    image = Image("everywhere", size=200_000)
    builder = Image("built", size=150_000)
    digest = push(registry, "acme/built", "v1", builder)
    archive = image.docker_archive(SCRATCH / "everywhere.tar", "acme/everywhere:v1")
    for engine in (docker, podman):
        engine.load(archive)
    layout = SCRATCH / "layout"
    oci = Image("layout", size=150_000)
    in_layout = oci_layout(layout, oci, "it")
    packed = SCRATCH / "packed"
    other = Image("packed", size=150_000)
    in_archive = oci_layout(packed, other, "it")
    file = oci_archive(SCRATCH / "packed.tar", packed)
    return {
        "docker:// with a tag": Place(f"docker://{registry}/acme/built:v1", builder, digest),
        "a bare name with a digest": Place(f"{registry}/acme/built@{digest}", builder, digest),
        "docker-daemon: by name": Place("docker-daemon:acme/everywhere:v1", image),
        "docker-daemon: by id": Place(f"docker-daemon:{image.id}", image),
        "containers-storage: by name": Place(f"containers-storage:{podman_name(podman, image)}", image),
        "containers-storage: by id": Place(f"containers-storage:{image.hex}", image),
        "docker-archive:": Place(f"docker-archive:{archive}", image),
        "oci: with a tag": Place(f"oci:{layout}:it", oci, in_layout),
        "oci: without a tag": Place(f"oci:{layout}", oci, in_layout),
        "oci-archive:": Place(f"oci-archive:{file}", other, in_archive),
    }


def podman_name(podman, image):
    """Podman names a loaded image after a registry."""
    return podman.inspect(image.id)["RepoTags"][0]


def resource_of(world, client, name, place, target):
    """`upload-resource --from`, twice."""
    before = world.resource_revisions(*target)
    done = upload(client, target, "--from", place.reference)
    after = world.resource_revisions(*target)
    new = [revision for revision in after if revision not in before]
    lines = messages(done.out)
    last = lines[-1] if lines else None
    # The same image from another place is the same revision where its digest is the same.
    wanted = [created(new[0], target)] if new else [holds(revision, target) for revision in after]
    if not check(done.code == 0 and last in wanted, f"--from {name}: a revision", f"{new}; {done.tail()}"):
        return
    revision = new[0] if new else int(last.split()[1])
    digest = descriptor_digest(world, target, revision)
    if place.digest:
        check(digest == place.digest, f"--from {name}: the digest is the source's", f"{digest}, not {place.digest}")
    place.arrived = digest
    seen_by_skopeo(world, target, revision, digest, f"--from {name}")
    reference, login = in_canonical(world, target, revision)
    arrived(world, f"--from {name}", reference, [place.image], "--src-creds", login)
    mark = world.mark()
    again = upload(client, target, "--from", place.reference)
    check(
        again.code == 0 and messages(again.out)[-1:] == [holds(revision, target)] and not travelled(world, mark),
        f"--from {name}, again: nothing is sent", f"{travelled(world, mark)}; {again.tail()}",
    )


def copy_of(world, client, name, place, registry, repository):
    """`copy` into Debian's docker-registry, twice."""
    target = f"{registry}/{repository}:v1"
    done = client.run("copy", place.reference, f"docker://{target}", "--yes", "--json")
    if not check(done.code == 0 and done.outcome == "done", f"copy {name} to docker-registry", done.tail()):
        return
    raw = skopeo(world, "inspect", "--raw", "--tls-verify=false", f"docker://{target}")
    digest = sha256(raw.out.encode())
    parsed = skopeo(world, "inspect", "--tls-verify=false", f"docker://{target}")
    wanted = place.digest or getattr(place, "arrived", digest)
    check(
        raw.code == parsed.code == 0 and digest == json.loads(parsed.out)["Digest"] == wanted,
        f"copy {name}: skopeo inspect agrees on {wanted[:19]}", f"{digest}; {parsed.tail()}",
    )
    arrived(world, f"copy {name}", f"docker://{target}", [place.image], "--src-tls-verify=false")
    again = client.run("copy", place.reference, f"docker://{target}", "--yes", "--json")
    outcomes = {step["outcome"] for step in (again.json.get("run") or {}).get("steps", [])}
    check(again.code == 0 and outcomes == {"skipped"}, f"copy {name}, again: every step is skipped", again.tail())


counter = iter(range(1000))


def arrived(world, what, reference, images, *options):
    """Fetched by skopeo, every layer unpacks to the diff id that its configuration names."""
    folder = SCRATCH / f"fetched-{next(counter)}"
    copied = skopeo(world, "copy", "--all", *options, reference, f"oci:{folder}:it")
    found = unpacked(folder) if copied.code == 0 else []
    check(
        copied.code == 0 and sorted(entry[2] for entry in found) == sorted(one.diff_ids for one in images)
        and all(named == real for _, named, real in found),
        f"{what}: the layers unpack to their diff ids", f"{found}; {copied.tail()}",
    )


def deterministic(world, places):
    """One image, however it is kept here, has one remote digest."""
    digests = {name: getattr(place, "arrived", None) for name, place in places.items() if place.digest is None}
    check(len(set(digests.values())) == 1 and None not in digests.values(), "Docker, Podman and an archive of one image: one digest", str(digests))


def platforms(world, source, destination):
    """An index: every platform, or those that are named; the store is told the architectures."""
    index = Index([Image("many", size=30_000, architecture=go, variant=variant) for go, variant in PLATFORMS])
    push(source, "acme/many", "v1", index)
    layout = SCRATCH / "many"
    oci_layout(layout, index)
    client = Client(world, "platforms")
    for name, reference in (("a registry", f"docker://{source}/acme/many:v1"), ("an OCI layout", f"oci:{layout}")):
        target = STUDIO if name == "a registry" else ENGINE
        done = upload(client, target, "--from", reference, json_wanted=True)
        resource = done.json.get("resource") or {}
        holds_it = check(
            done.code == 0 and resource.get("digest") == index.digest, f"an index from {name}: its own digest arrives", done.tail()
        )
        if holds_it:
            listed = architectures(world, target, resource["revision"])
            check(listed == sorted(PLATFORMS.values()), f"an index from {name}: the store knows its architectures", str(listed))
            link, login = in_canonical(world, target, resource["revision"])
            arrived(world, f"an index from {name}", link, index.images, "--src-creds", login)
        done = upload(client, target, "--from", reference, "--platform", "linux/arm/v7", "--platform", "linux/ppc64le", json_wanted=True)
        resource = done.json.get("resource") or {}
        if check(done.code == 0 and resource.get("created") is True, f"two platforms of an index from {name}", done.tail()):
            listed = architectures(world, target, resource["revision"])
            check(listed == ["armhf", "ppc64el"], f"two platforms of an index from {name}: in the store's names", str(listed))
            link, login = in_canonical(world, target, resource["revision"])
            chosen = [image for image in index.images if image.architecture in ("arm", "ppc64le")]
            arrived(world, f"two platforms of an index from {name}", link, chosen, "--src-creds", login)
    done = client.run("copy", f"{source}/acme/many:v1", f"{destination}/acme/many:v1", "--yes", "--json")
    raw = skopeo(world, "inspect", "--raw", "--tls-verify=false", f"docker://{destination}/acme/many:v1")
    check(done.code == 0 and sha256(raw.out.encode()) == index.digest, "copy of an index: its own digest arrives", done.tail())
    arrived(world, "copy of an index", f"docker://{destination}/acme/many:v1", index.images, "--src-tls-verify=false")
    before = travelled(world, 0)
    done = upload(client, SDLC, "--from", f"docker://{source}/acme/many:v1", "--platform", "linux/mips64le", json_wanted=True)
    check(
        done.code in (1, 2) and "mips64le" in json.dumps(done.problem or {}) and travelled(world, 0) == before,
        "a platform that the image does not have: named, nothing sent", done.tail(),
    )


def architectures(world, place, revision):
    listed = world.get(f"/v1/charm/{place[0]}/resources/{place[1]}/revisions")["revisions"]
    found = next(item for item in listed if item["revision"] == revision)
    return sorted({name for base in found["bases"] for name in base["architectures"]})


def pinned(world, source):
    """A tag is pinned and shown; only the digest travels."""
    image = Image("pinned")
    digest = push(source, "acme/pinned", "v1", image)
    client = Client(world, "pinned")
    done = upload(client, SDLC, "--from", f"{source}/acme/pinned:v1")
    check(done.code == 0 and digest in done.out + done.err, "a tag's digest is shown", done.tail())
    unknown = upload(client, SDLC, "--from", f"{source}/acme/pinned:v9", json_wanted=True)
    check(
        unknown.code in (1, 6) and "v9" in json.dumps(unknown.problem or {}), "a tag that does not exist: named", unknown.tail()
    )


def inside(world, registry):
    """Within one registry blobs are mounted: no byte of them goes through the client."""
    image = Image("inside", size=500_000)
    digest = push(registry, "acme/inside", "v1", image)
    client = Client(world, "inside")
    done = client.run("copy", f"{registry}/acme/inside:v1", f"{registry}/other/inside:v2", "--yes", "--json")
    raw = skopeo(world, "inspect", "--raw", "--tls-verify=false", f"docker://{registry}/other/inside:v2")
    check(done.code == 0 and sha256(raw.out.encode()) == digest, "copy inside one registry", done.tail())


def looked_at(world, source, destination):
    """`resolve` and `diff` of images, which need no service but the registry."""
    client = Client(world, "looking")
    image = Image("looked at", labels={"who": "one"})
    other = Image("looked at", labels={"who": "two"})
    digest = push(source, "acme/looked", "v1", image)
    push(destination, "acme/looked", "v2", other)
    mark = world.mark()
    answer = client.run("resolve", f"{source}/acme/looked:v1", "--json")
    found = (answer.json.get("images") or [{}])[0] if answer.code == 0 else {}
    check(
        found.get("digest") == digest and [one.get("config_digest") for one in found.get("platforms", [])] == [image.id],
        "resolve of a registry's image: manifest and configuration digest", answer.tail(),
    )
    answer = client.run("diff", f"{source}/acme/looked:v1", f"{destination}/acme/looked:v2")
    check(answer.code == 0 and "who" in answer.out and "two" in answer.out, "diff of two images names the label that differs", answer.tail())
    answer = client.run("resolve", f"{source}/acme/nothing:v1", "--json")
    check(answer.code == 1 and bool((answer.problem or {}).get("hints")), "resolve of an unknown image: exit 1 with a remedy", answer.tail())
    asked = [entry for entry in world.requests(mark)]
    check(not asked, "copy, resolve and diff of images ask none of the workspace's services", str(asked[:3]))


if __name__ == "__main__":
    referee(main)
