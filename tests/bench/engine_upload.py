#!/usr/bin/env -S python3 -B
"""An image of a local engine goes to a registry: windlass beside one bare export, and beside what
charmcraft asks of skopeo.

    tests/bench/engine_upload.py [--check] [--sample] [--rounds N] [--megabytes N]

A real dockerd (overlay2 where it works, else vfs), Debian's docker-registry at the far end.
"""

import argparse

import image
from copies import Peer, counter, registry_gone, skopeo_version
from engine import Docker
from measure import WINDLASS, Sample, Table, in_turns, machine, optimised, sample
from world import SCRATCH, Wrong, check, docker_registry, http, need, referee, sha256

NAME = "acme/measured:v1"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=335)
    parser.add_argument("--check", action="store_true", help="exit 1 where a budget is missed")
    parser.add_argument("--sample", action="store_true", help="a small image once, times only printed")
    wish = parser.parse_args()
    if wish.sample:
        wish.rounds, wish.megabytes = 1, 20
    else:
        optimised()
    docker = engine()
    which = image.image("a", wish.megabytes)
    archive = image.docker_archive(which, SCRATCH / "measured.tar", NAME)
    docker.load(archive)
    archive.unlink()
    need(docker.inspect(which.config_digest)["Id"] == which.config_digest, "the engine holds another image")
    table = Table(
        f"`tests/bench/engine_upload.py`, {wish.megabytes} MB in {docker.name}, median of {wish.rounds}, {machine()}, {skopeo_version()}"
    )
    measured(table, wish, docker, which)
    docker.stop()
    table.print()
    if wish.check:
        check(not table.missed(), "every budget is kept", str(table.missed()))


def engine():
    try:
        return Docker("overlay", "overlay2")
    except Wrong:
        return Docker("vfs")


class Ours(Peer):
    """windlass with its engine."""

    def __init__(self, docker):
        super().__init__("windlass")
        self.docker = docker

    @property
    def env(self):
        return super().env | self.docker.env

    def send(self, which, registry, repository="a/img"):
        source = f"docker-daemon:{which.config_digest}"
        return sample([[WINDLASS, "copy", source, f"docker://{registry}/{repository}:v1", "--yes", "--json"]], self.env)


def measured(table, wish, docker, which):
    digests = set()

    def export():
        url = f"http://engine/v1.41/images/{which.config_digest}/get"
        return sample([["curl", "-sf", "--unix-socket", docker.socket, "-o", "/dev/null", url]])

    def into(use):
        """A fresh registry for `use`."""
        def run():
            name = f"destination-{next(counter)}"
            registry = docker_registry(name)
            try:
                taken = use(registry)
                if use is not old:
                    digests.add(digest_of(registry))
                return taken
            finally:
                registry_gone(registry, name)

        return run

    def first(registry):
        return Ours(docker).send(which, registry)

    def known_elsewhere(registry):
        ours = Ours(docker)
        into(lambda other: ours.send(which, other))()
        return ours.send(which, registry)

    def known_present(registry):
        ours = Ours(docker)
        ours.send(which, registry)
        return ours.send(which, registry)

    def another_machine(registry):
        Ours(docker).send(which, registry)
        return Ours(docker).send(which, registry)

    def old(registry):
        return charmcrafts(docker, which, registry)

    found = in_turns(wish.rounds, {
        "export": export, "first": into(first), "elsewhere": into(known_elsewhere), "present": into(known_present),
        "machine": into(another_machine), "old": into(old),
    })
    check(len(digests) == 1, "every one of these uploads had the same digest", str(digests))

    def budget(**limits):
        return {} if wish.sample else limits

    # curl's share of an export is none of windlass's business.
    bare = ("one bare export", Sample(found["export"].wall, None, None))
    table.add("first upload from Docker", found["first"], *bare, **budget(wall=3.5))
    # Sent once, compressed layers are not kept: for another registry they are compressed again.
    table.add("digests known, blobs for another registry", found["elsewhere"], *bare)
    table.add("digests known, all present", found["present"], *bare, **budget(wall=1.5))
    table.add("another machine, all present", found["machine"], *bare)
    table.add("first upload from Docker", found["first"], "charmcraft's three skopeo calls", found["old"])


def charmcrafts(docker, which, registry):
    """What charmcraft 4.5.0 runs for `upload-resource --image ID`: two looks and a copy."""
    source = f"docker-daemon:{which.config_digest}"
    daemon = f"--daemon-host={docker.host}"
    return sample([
        ["skopeo", "--insecure-policy", "inspect", daemon, "--raw", source],
        ["skopeo", "--insecure-policy", "inspect", daemon, source],
        [
            "skopeo", "--insecure-policy", "copy", "--all", "--dest-tls-verify=false", f"--src-daemon-host={docker.host}", source,
            f"docker://{registry}/a/img:v1",
        ],
    ], Peer("skopeo").env)


def digest_of(registry):
    status, _, body = http("GET", f"http://{registry}/v2/a/img/manifests/v1", {"Accept": image.SCHEMA2})
    need(status == 200, f"the image did not arrive: {status}")
    return sha256(body)


if __name__ == "__main__":
    referee(main)
