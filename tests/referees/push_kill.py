#!/usr/bin/env -S python3 -B
"""A push killed with SIGKILL at any byte, then the same command: nothing that the registry has is
sent again, and what was half sent goes on where it stopped."""

import json
import os
import random
import re
import time

from images import Image, push, unpacked
from relay import Relay
from uploading import ENGINE, STUDIO, descriptor_digest, in_canonical, push_login
from world import FULL, SCRATCH, Client, World, check, docker_registry, http, kill, need, referee, skopeo

SEED = int(os.environ.get("WINDLASS_SEED") or time.time_ns() % 1_000_000)
#: Around the blobs: manifest, configuration, chunk lengths; and the head of a request with its token.
AROUND, HEAD = 96 << 10, 1 << 10
HALF = 2 << 20


def main():
    print(f"WINDLASS_SEED={SEED}", flush=True)
    kills = 30 if FULL else 3
    draw = random.Random(SEED)
    world = World()
    registry = docker_registry("registry")
    canonical = world.variables["CHARMCRAFT_REGISTRY_URL"].removeprefix("http://")
    for target in (Copy(world, registry, docker_registry("source")), Copy(world, registry), Upload(world, canonical)):
        target.undisturbed()
        trouble, resumed, half = [], 0, 0
        for turn in range(kills):
            seed = draw.randrange(1 << 32)
            # Every third time the journal is lost too, as a runner's disk is.
            wrong, was_half, went_on = one(target, random.Random(seed), seed, forget=turn % 3 == 2)
            trouble += [f"seed {seed}: {text}" for text in wrong]
            half += was_half
            resumed += went_on
        print(f"{target.name}: {resumed} of {half} half-sent blobs went on where they stopped", flush=True)
        check(
            not trouble, f"{target.name}: {kills} pushes killed at any byte, then repeated: nothing sent twice",
            "\n  " + "\n  ".join(trouble),
        )
        if target.resumes:
            check(resumed == half, f"{target.name}: what was half sent goes on where it stopped", f"{resumed} of {half}")
        target.arrived()


class Copy:
    """`copy` of an archive, or out of another registry, into Debian's docker-registry."""

    resumes = False

    def __init__(self, world, registry, source=None):
        self.world, self.registry, self.relay, self.source = world, registry, Relay(registry), source
        self.name = f"{'registry' if source else 'archive'} to docker-registry"
        self.count = 0

    def undisturbed(self):
        pass

    def prepare(self, image):
        self.count += 1
        if self.source:
            self.repository = f"copied/{self.count}"
            digest = push(self.source, self.repository, "v1", image)
            self.reference = f"docker://{self.source}/{self.repository}@{digest}"
        else:
            self.repository = f"killed/{self.count}"
            self.reference = f"docker-archive:{image.docker_archive(SCRATCH / 'killed.tar')}"
        self.client = Client(self.world, f"copy-{self.repository.replace('/', '-')}")

    def command(self):
        return ("copy", self.reference, f"docker://{self.relay.address}/{self.repository}:v1", "--yes", "--json")

    def has(self, digest):
        return http("HEAD", f"http://{self.registry}/v2/{self.repository}/blobs/{digest}")[0] == 200

    def judge(self, done):
        return None

    def arrived(self):
        folder = SCRATCH / f"copied-{self.repository.replace('/', '-')}"
        copied = skopeo(self.world, "copy", "--src-tls-verify=false", f"docker://{self.registry}/{self.repository}:v1", f"oci:{folder}:it")
        verify(self.name, copied, folder)


class Upload:
    """`upload-resource --from docker-archive:` into the demo's Canonical role."""

    name, resumes = "the demo's registry", True

    def __init__(self, world, registry):
        self.world, self.relay, self.registry = world, Relay(registry), registry
        self.path, _ = push_login(world, STUDIO)
        self.revisions = None
        self.count = 0

    def undisturbed(self):
        # Uploads of another resource, so that tokens and mounts of a whole push are known to work.
        image = Image("undisturbed", size=200_000)
        client = self._client("undisturbed")
        archive = image.docker_archive(SCRATCH / "undisturbed.tar")
        done = client.run("upload-resource", *ENGINE, "--from", f"docker-archive:{archive}", "--yes", "--json")
        need(done.code == 0, f"an undisturbed push: {done.tail()}")

    def _client(self, name):
        return Client(self.world, name, {"CHARMCRAFT_REGISTRY_URL": f"http://{self.relay.address}"})

    def prepare(self, image):
        self.count += 1
        self.archive = image.docker_archive(SCRATCH / "killed.tar")
        self.client = self._client(f"upload-{self.count}")
        self.before = self.world.resource_revisions(*STUDIO)
        self.mark = self.world.mark()

    def command(self):
        return ("upload-resource", *STUDIO, "--from", f"docker-archive:{self.archive}", "--yes", "--json")

    def has(self, digest):
        ended = [entry for entry in self.world.requests(self.mark) if entry["service"] == "canonical" and entry["status"] == 201]
        return any(digest in entry["query"].replace("%3A", ":") and "/blobs/" in entry["path"] for entry in ended)

    def judge(self, done):
        new = [revision for revision in self.world.resource_revisions(*STUDIO) if revision not in self.before]
        if len(new) != 1:
            return f"{len(new)} new revisions"
        self.revision = new[0]
        digest = (done.json.get("resource") or {}).get("digest")
        return None if descriptor_digest(self.world, STUDIO, new[0]) == digest else f"the revision is not {digest}"

    def arrived(self):
        reference, login = in_canonical(self.world, STUDIO, self.revision)
        folder = SCRATCH / "uploaded"
        verify(self.name, skopeo(self.world, "copy", "--src-creds", login, reference, f"oci:{folder}:it"), folder)


def verify(name, copied, folder):
    found = unpacked(folder) if copied.code == 0 else []
    check(
        len(found) == 1 and found[0][1] == found[0][2], f"{name}: the last of them is whole, its layers unpack to their diff ids",
        f"{found}; {copied.tail()}",
    )


def one(target, draw, seed, forget):
    """(what is wrong, blobs that were half sent, those that went on where they stopped)."""
    image = Image(f"killed-{seed}", size=5 << 20, layers=3)
    target.prepare(image)
    size = 3 * (5 << 20)
    byte = draw.randrange(1000, size)
    target.relay.reset()
    process = target.client.popen(*target.command())
    target.relay.at(byte, lambda: kill_now(process))
    process.wait(300)
    kill(process)
    # What it had handed to the wire still arrives, and must not be taken for the next try's.
    need(target.relay.drained(), "the killed process is gone, but not its connections")
    first, first_requests = target.relay.sent, list(target.relay.requests)
    there = {digest for digest in finished(first_requests) if target.has(digest)}
    if process.returncode == 0:
        return [f"killed at byte {byte} it ended with 0, {first} bytes sent"], 0, 0
    if forget:
        target.client.forget()
    target.relay.reset()
    again = target.client.run(*target.command())
    second, requests = target.relay.sent, target.relay.requests
    wrong = []
    if again.code != 0 or again.outcome != "done":
        wrong.append(f"the same command again: {again.tail()}")
        return wrong, 0, 0
    if repeated := there & set(finished(requests)):
        wrong.append(f"killed at byte {byte}: sent again although it was there: {sorted(repeated)}")
    # Blobs are of one size here: what random bytes come to after gzip.
    blob = (5 << 20) + (16 << 10)
    layers = len(there - {image.id})
    missing = (3 - layers) * blob
    if second > missing + AROUND + HEAD * len(requests):
        wrong.append(f"killed at byte {byte}: {second} bytes sent, {missing} were missing")
    if trouble := target.judge(again):
        wrong.append(f"killed at byte {byte}: {trouble}")
    lost = first - layers * blob
    was_half = int(lost > HALF and not forget)
    return wrong, was_half, int(was_half and second < missing - lost // 2)


def finished(requests):
    """Digests of layers whose upload was closed, or tried to be."""
    named = (re.search(r"^(?:PUT|POST) /v2/\S*/blobs/uploads/\S*[?&]digest=(sha256(?::|%3A)[0-9a-f]{64})", text) for text in requests)
    return [match[1].replace("%3A", ":") for match in named if match]


def kill_now(process):
    import signal

    process.send_signal(signal.SIGKILL)


if __name__ == "__main__":
    referee(main)
