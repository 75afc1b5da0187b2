#!/usr/bin/env -S python3 -B
"""`windlass copy` beside Debian's `skopeo copy`, Debian's docker-registry at both ends.

    tests/bench/copies.py                     335 MB, five rounds, one Markdown table
    tests/bench/copies.py --check             exit 1 where a budget is missed
    tests/bench/copies.py --big               only: peak memory while 3 GB are copied
    tests/bench/copies.py --sample            20 MB, one round, digests checked, no budget

The binary is target/release/windlass, or WINDLASS_BIN. Every copy starts without logins, caches or
journal unless its line says otherwise; the registry at the far end starts empty.
"""

import argparse
import contextlib
import shutil
import subprocess
import sys

import image
from measure import HERE, WINDLASS, Sample, Table, in_turns, machine, optimised, sample
from relay import Relay
from world import SCRATCH, check, docker_registry, http, need, referee, sha256, start, stop

OLD, TURNS, AT_ONCE = "skopeo", "skopeo, one after another", "skopeo, all at once"
LIMIT = "curl, blobs from disk"
RELAY = HERE.parent / "referees/relay.py"
ROUND_TRIP = 0.05
counter = iter(range(1_000_000))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=335)
    parser.add_argument("--check", action="store_true", help="exit 1 where a budget is missed")
    parser.add_argument("--big", action="store_true", help="only the peak memory while 3 GB are copied")
    parser.add_argument("--sample", action="store_true", help="a small image once, digests checked, times only printed")
    parser.add_argument("--only", nargs="+", metavar="WORK", choices=sorted(WORKS), help="only these works")
    wish = parser.parse_args()
    if wish.sample:
        wish.rounds, wish.megabytes = 1, 20
    optimised()
    table = Table(f"`tests/bench/copies.py`, {wish.megabytes} MB, median of {wish.rounds}, {machine()}, {skopeo_version()}")
    if wish.big:
        big(table)
    else:
        bench = Bench(table, wish)
        for name in wish.only or WORKS:
            WORKS[name](bench)
        # Each is compared with the source as soon as it is there; the first that differs ends it all.
        check(bench.compared > 0, f"{bench.compared} copies arrived with the digest of their source")
    table.print()
    if wish.check:
        check(not table.missed(), "every budget is kept", str(table.missed()))


def skopeo_version():
    return subprocess.run(["skopeo", "--version"], capture_output=True, text=True).stdout.strip()


# ---------------------------------------------------------------- clients


class Peer:
    """A client on a machine of its own: nothing cached, nothing known."""

    def __init__(self, name):
        self.name = name
        self.home = SCRATCH / f"peer-{next(counter)}"
        self.home.mkdir()

    def forget(self):
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir()

    @property
    def env(self):
        if self.name == "windlass":
            return {"HOME": str(self.home), "WINDLASS_STATE_DIR": str(self.home / "state")}
        # As root skopeo keeps one cache for the whole machine; this is its own way to another.
        return {"HOME": str(self.home), "XDG_DATA_HOME": str(self.home / "data"), "_CONTAINERS_ROOTLESS_UID": "1000"}

    def command(self, source, destination):
        if self.name == "windlass":
            return [WINDLASS, "copy", f"docker://{source}", f"docker://{destination}", "--yes", "--json"]
        return [
            "skopeo", "copy", "--src-tls-verify=false", "--dest-tls-verify=false", f"docker://{source}", f"docker://{destination}",
        ]

    def copies(self, pairs, together=False):
        return sample([self.command(*pair) for pair in pairs], self.env, together)

    def copy(self, source, destination):
        return self.copies([(source, destination)])


class Bench:
    """What all works share: the source, the images in it, the rounds."""

    def __init__(self, table, wish):
        self.table, self.rounds, self.sampled = table, wish.rounds, wish.sample
        self.source = docker_registry("source")
        self.first = image.image("a", wish.megabytes)
        self.megabytes = wish.megabytes
        image.push(self.source, "a/img", "v1", self.first)
        self.compared = 0

    def budget(self, **budget):
        return {} if self.sampled else budget

    @contextlib.contextmanager
    def fresh(self):
        """An empty registry, gone afterwards: a disk full of copies slows the next one down."""
        name = f"destination-{next(counter)}"
        address = docker_registry(name)
        try:
            yield address
        finally:
            registry_gone(address, name)

    def arrived(self, registry, repository, tag, which, who):
        status, _, body = http("GET", f"http://{registry}/v2/{repository}/manifests/{tag}", {"Accept": image.SCHEMA2})
        self.compared += 1
        need(status == 200 and sha256(body) == which.digest, f"{who}: {repository}:{tag} is not {which.digest} ({status})")


def registry_gone(address, name):
    """Stops the registry that listens there, and its disk goes with it."""
    import world

    config = str(SCRATCH / name / "config.yml")
    for process in list(world._processes):
        if process.args[-1:] == [config]:
            stop(process)
    shutil.rmtree(SCRATCH / name, ignore_errors=True)


class Far:
    """A registry behind a wire with a round trip of 50 ms, the same for every client."""

    def __init__(self, address):
        self.process = start([sys.executable, "-B", RELAY, address, ROUND_TRIP], stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip()

    def close(self):
        self.process.stdout.close()
        stop(self.process)


# ---------------------------------------------------------------- works


def fresh(bench):
    """One image into an empty registry."""

    def one(name):
        peer = Peer(name)

        def run():
            with bench.fresh() as destination:
                peer.forget()
                taken = peer.copy(f"{bench.source}/a/img:v1", f"{destination}/a/img:v1")
                bench.arrived(destination, "a/img", "v1", bench.first, name)
            return taken

        return run

    def limit():
        with bench.fresh() as destination:
            return put_by_curl(destination, bench.first)

    found = in_turns(bench.rounds, {name: one(name) for name in ("windlass", OLD)} | {LIMIT: limit})
    bench.table.add(
        f"one image of {bench.megabytes} MB, fresh", found["windlass"], OLD, found[OLD],
        **bench.budget(wall=0.45, cpu=0.35, rss=32 << 20),
    )
    # curl's own share is none of windlass's business: what counts is how long the registry takes.
    bench.table.add("the same", found["windlass"], LIMIT, Sample(found[LIMIT].wall, None, None))


def put_by_curl(registry, which):
    """The blobs of an image straight from disk, all at once: nothing is fetched, nothing hashed but by the registry."""
    blobs = []
    for layer in which.layers:
        status, answered, _ = http("POST", f"http://{registry}/v2/a/img/blobs/uploads/", body=b"")
        need(status == 202, f"POST uploads: {status}")
        place = answered["Location"]
        place += ("&" if "?" in place else "?") + f"digest={layer.digest}"
        blobs.append(["curl", "-sf", "-o", "/dev/null", "-H", "Expect:", "-T", layer.path, place])
    return sample(blobs, together=True)


def three(bench):
    """Three images at once."""
    images = {key: image.image(key, bench.megabytes) for key in "abc"}
    for key, which in images.items():
        image.push(bench.source, f"{key}/img", "v1", which)

    def one(label, name, together):
        peer = Peer(name)

        def run():
            with bench.fresh() as destination:
                peer.forget()
                pairs = [(f"{bench.source}/{key}/img:v1", f"{destination}/{key}/img:v1") for key in images]
                taken = peer.copies(pairs, together)
                for key, which in images.items():
                    bench.arrived(destination, f"{key}/img", "v1", which, label)
            return taken

        return run

    peers = {"windlass": ("windlass", True), TURNS: (OLD, False), AT_ONCE: (OLD, True)}
    found = in_turns(bench.rounds, {label: one(label, *how) for label, how in peers.items()})
    # Three processes at once have three times the memory: no budget of one is theirs.
    bench.table.add("three images at once", found["windlass"], TURNS, found[TURNS], **bench.budget(wall=0.45, cpu=0.35))
    bench.table.add("three images at once", found["windlass"], AT_ONCE, found[AT_ONCE])


def again(bench):
    """The same copy a second time, with what the first left behind; and with a layer changed."""
    changed = image.image("a", bench.megabytes, changed=True)
    image.push(bench.source, "a/img", "v2", changed)
    with bench.fresh() as destination:
        peers = {name: Peer(name) for name in ("windlass", OLD)}
        for name, peer in peers.items():
            peer.copy(f"{bench.source}/a/img:v1", f"{destination}/{name}/img:v1")
        found = in_turns(bench.rounds, {
            name: (lambda name=name, peer=peer: peer.copy(f"{bench.source}/a/img:v1", f"{destination}/{name}/img:v1"))
            for name, peer in peers.items()
        })
    bench.table.add("a second copy, all present", found["windlass"], OLD, found[OLD])

    def one(name):
        def run():
            peer = Peer(name)
            with bench.fresh() as destination:
                peer.copy(f"{bench.source}/a/img:v1", f"{destination}/a/img:v1")
                taken = peer.copy(f"{bench.source}/a/img:v2", f"{destination}/a/img:v2")
                bench.arrived(destination, "a/img", "v2", changed, name)
            return taken

        return run

    found = in_turns(bench.rounds, {name: one(name) for name in ("windlass", OLD)})
    bench.table.add("one layer of three changed", found["windlass"], OLD, found[OLD])


def inside(bench):
    """To another repository of the same registry."""

    def one(name):
        peer = Peer(name)

        def run():
            with bench.fresh() as registry:
                image.push(registry, "a/img", "v1", bench.first)
                peer.forget()
                taken = peer.copy(f"{registry}/a/img:v1", f"{registry}/{name}/img:v1")
                bench.arrived(registry, f"{name}/img", "v1", bench.first, name)
            return taken

        return run

    found = in_turns(bench.rounds, {name: one(name) for name in ("windlass", OLD)})
    with bench.fresh() as registry:
        image.push(registry, "a/img", "v1", bench.first)
        wire = Relay(registry)
        Peer("windlass").copy(f"{wire.address}/a/img:v1", f"{wire.address}/b/img:v1")
        through = wire.sent + wire.got
        wire.close()
    check(through < 100_000, f"inside one registry no blob goes through the client ({through} bytes did)", str(through))
    bench.table.add("other repository, same registry", found["windlass"], OLD, found[OLD])


def far(bench):
    """The same at a round trip of 50 ms to either registry."""
    source = Far(bench.source)

    def one(name):
        peer = Peer(name)

        def run():
            with bench.fresh() as near:
                destination = Far(near)
                peer.forget()
                taken = peer.copy(f"{source.address}/a/img:v1", f"{destination.address}/a/img:v1")
                bench.arrived(near, "a/img", "v1", bench.first, name)
                destination.close()
            return taken

        return run

    found = in_turns(bench.rounds, {name: one(name) for name in ("windlass", OLD)})
    bench.table.add("50 ms round trip: fresh", found["windlass"], OLD, found[OLD])
    with bench.fresh() as near:
        destination = Far(near)
        peers = {name: Peer(name) for name in ("windlass", OLD)}
        for name, peer in peers.items():
            peer.copy(f"{source.address}/a/img:v1", f"{destination.address}/{name}/img:v1")
        found = in_turns(bench.rounds, {
            name: (lambda name=name, peer=peer: peer.copy(f"{source.address}/a/img:v1", f"{destination.address}/{name}/img:v1"))
            for name, peer in peers.items()
        })
        bench.table.add("50 ms round trip: a second copy (new process)", found["windlass"], OLD, found[OLD])

        def elsewhere(name):
            def run():
                peer = Peer(name)
                target = f"{name}/other-{next(counter)}"
                taken = peer.copy(f"{destination.address}/{name}/img:v1", f"{destination.address}/{target}:v1")
                bench.arrived(near, target, "v1", bench.first, name)
                return taken

            return run

        found = in_turns(bench.rounds, {name: elsewhere(name) for name in ("windlass", OLD)})
        bench.table.add("50 ms round trip: other repository, same registry", found["windlass"], OLD, found[OLD])
        destination.close()
    source.close()


WORKS = {"fresh": fresh, "three": three, "again": again, "inside": inside, "far": far}


def big(table):
    """3 GB: memory does not grow with the image."""
    source = docker_registry("source")
    layers = [image.layer(f"big{number}", 1 << 30, 0) for number in range(3)]
    which = image.Image(layers)
    image.push(source, "a/big", "v1", which)
    found = {}
    for name in ("windlass", OLD):
        destination = docker_registry(f"destination-{name}")
        found[name] = Peer(name).copy(f"{source}/a/big:v1", f"{destination}/a/big:v1")
        registry_gone(destination, f"destination-{name}")
    table.add("3 GB, fresh", found["windlass"], OLD, found[OLD], rss=32 << 20)


if __name__ == "__main__":
    referee(main)
