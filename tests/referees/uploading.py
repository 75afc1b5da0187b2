"""What the referees of `upload-resource` share: the messages, what travelled, what arrived."""

import json
import re

from world import CHARMS, check, need, sha256, skopeo

FOUND = "Using the OCI image from Canonical's registry"
ABSENT = "Remote image not found, uploading from local registry"
PUSHED = "Image uploaded, new remote digest: sha256:"
#: charm -> its image resource, those that a release feeds first
IMAGES = {charm: resource for charm, (resource, _) in CHARMS.items()}
STUDIO = ("finos-legend-studio-k8s", "studio-image")
ENGINE = ("finos-legend-engine-k8s", "engine-image")
SDLC = ("finos-legend-sdlc-k8s", "sdlc-image")
FILE = ("finos-legend-db-k8s", "legend-db-seed")


def upload(client, place, *source, json_wanted=False, env=None, timeout=180):
    """`windlass upload-resource` of one (charm, resource)."""
    tail = ["--yes", "--json"] if json_wanted else ["--yes"]
    return client.run("upload-resource", *place, *source, *tail, env=env, timeout=timeout)


def messages(text):
    """The quoted messages among the lines of a stream, in their order."""
    known = (FOUND, ABSENT, PUSHED, "Revision ")
    return [line for line in text.splitlines() if line.startswith(known)]


def created(revision, place):
    return f"Revision {revision} created of resource '{place[1]}' for charm '{place[0]}'"


def holds(revision, place):
    return f"Revision {revision} of resource '{place[1]}' for charm '{place[0]}' already contains this image"


def number(line):
    """The revision a last line speaks of."""
    found = re.match(r"Revision (\d+) ", line)
    return int(found.group(1)) if found else None


def travelled(world, since):
    """Requests that carried, or prepared to carry, bytes to a registry or to the store's storage."""
    return [
        f"{entry['service']} {entry['method']} {entry['path']} {entry['status']}"
        for entry in world.requests(since)
        if entry["method"] in ("POST", "PUT", "PATCH") and entry["service"] in ("canonical", "storage")
        and not entry["path"].endswith("/token")
    ]


def blobs_sent(entries, repository=None):
    """Blobs that were taken in, as digests: finished uploads, not mounts."""
    digests = []
    for entry in entries:
        if entry["service"] != "canonical" or "/blobs/uploads/" not in entry["path"] or entry["status"] != 201:
            continue
        named = re.search(r"(?:^|&)digest=(sha256(?::|%3A)[0-9a-f]{64})", entry["query"] or "")
        if named and (repository is None or f"/{repository}/" in entry["path"]):
            digests.append(named.group(1).replace("%3A", ":"))
    return digests


def descriptor_digest(world, place, revision):
    return world.descriptor(*place, revision)["ImageName"].partition("@")[2]


def in_canonical(world, place, revision):
    """(reference for skopeo, login): the image behind a resource revision in Canonical's role."""
    descriptor = world.descriptor(*place, revision)
    host = world.variables["CHARMCRAFT_REGISTRY_URL"].removeprefix("http://")
    name = descriptor["ImageName"].partition("/")[2]
    return f"docker://{host}/{name}", f"{descriptor['Username']}:{descriptor['Password']}"


def seen_by_skopeo(world, place, revision, digest, what):
    """skopeo says the same of the digest, twice over."""
    reference, login = in_canonical(world, place, revision)
    raw = skopeo(world, "inspect", "--raw", "--creds", login, reference)
    parsed = skopeo(world, "inspect", "--creds", login, reference)
    said = json.loads(parsed.out)["Digest"] if parsed.code == 0 else parsed.tail()
    return check(
        raw.code == 0 and sha256(raw.out.encode()) == digest == said,
        f"{what}: skopeo inspect agrees on {digest[:19]}", f"raw {sha256(raw.out.encode())}, parsed {said}, {raw.tail()}",
    )


def push_login(world, place):
    """(image name without its host, user:password) with which the store lets push."""
    answer = world.get(f"/v1/charm/{place[0]}/resources/{place[1]}/oci-image/upload-credentials")
    need("image-name" in answer, f"upload credentials: {answer}")
    return answer["image-name"].partition("/")[2], f"{answer['username']}:{answer['password']}"
