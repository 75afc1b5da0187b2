#!/usr/bin/env -S python3 -B
"""Publishing the three charms of a release: windlass beside the pipeline it replaces, which pulls
into a Docker engine and calls charmcraft for each upload and release.

    tests/bench/publish.py [--check] [--sample] [--rounds N] [--megabytes N]

Both on a demo world of their own, made alike; charmcraft 4.5.0 as `tests/run` installs it.
"""

import argparse
import os

from copies import Peer, skopeo_version
from engine import Docker
from measure import WINDLASS, Sample, Table, in_turns, machine, optimised, sample
from world import CHARMS, RELEASE, SCRATCH, TRACK, Client, World, Wrong, charmcraft, charmcraft_place, check, merged, need
from world import referee

CHANNELS = (f"{TRACK}/edge", "latest/edge")
counter = iter(range(1000))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=100, help="size of each of the three images")
    parser.add_argument("--check", action="store_true", help="exit 1 where a budget is missed")
    parser.add_argument("--sample", action="store_true", help="small images once, times only printed")
    wish = parser.parse_args()
    if wish.sample:
        wish.rounds, wish.megabytes = 1, 5
    else:
        optimised()
    found = in_turns(wish.rounds, {
        "windlass": lambda: in_a_world(wish, ours), "old": lambda: in_a_world(wish, pipeline),
    })
    table = Table(
        f"`tests/bench/publish.py`, three images of {wish.megabytes} MB, median of {wish.rounds}, {machine()}, {skopeo_version()}"
    )
    table.add(
        "publish three charms", found["windlass"], "docker pull, charmcraft upload-resource and release", found["old"],
        **({} if wish.sample else {"wall": 0.1}),
    )
    check(True, "both ways end with the three resources in both channels")
    table.print()
    if wish.check:
        check(not table.missed(), "every budget is kept", str(table.missed()))


def in_a_world(wish, way):
    world = World(f"world-{next(counter)}", image_size=wish.megabytes << 20)
    try:
        # The images are made when first asked for: none of it is anybody's time.
        images = upstream(world)
        need(Client(world, f"warm-{world.name}").run("resolve", *images.values(), "--json").code == 0, "resolve")
        taken = way(world, images)
        arrived(world)
        return taken
    finally:
        world.stop()


def upstream(world):
    """charm -> the reference that the release names."""
    answer = Client(world, f"look-{world.name}").run("releases", "--json")
    need(answer.code == 0, f"releases: {answer.tail()}")
    named = next(release["images"] for release in answer.json["releases"] if release["name"] == RELEASE)
    return {charm: f"{hub}:{named[hub]}" for charm, (_, hub) in CHARMS.items()}


def arrived(world):
    for charm, (resource, _) in CHARMS.items():
        newest = max(world.resource_revisions(charm, resource))
        running = {channel for (channel, _), (_, held) in world.rows(charm).items() if held.get(resource) == newest}
        need(set(CHANNELS) <= running, f"{charm}: {resource} r{newest} runs only in {running}")


def ours(world, images):
    """One command on a machine that knows nothing."""
    state = SCRATCH / f"state-{world.name}"
    command = [WINDLASS, "publish", RELEASE, "--yes", "--json", "--without", "branch,bundle"]
    return sample([command], world.env | {"WINDLASS_STATE_DIR": str(state)})


def pipeline(world, images):
    """Pull, upload and release, one charm after another, as the old workflow does."""
    for charm in CHARMS:
        # Tracks were made by hand, once a month.
        made = charmcraft(world, "4.5.0", "create-track", "--name", charm, "--track", TRACK)
        need(made.code == 0, f"create-track: {made.tail()}")
    revisions = {charm: next(row[0] for (channel, _), row in world.rows(charm).items() if channel == "latest/edge") for charm in CHARMS}
    docker = engine(world)
    program, env, _ = charmcraft_place(world, "4.5.0", docker.env)
    env = merged(env, {"PATH": f"{shim(docker)}:{os.environ['PATH']}"} | skopeo_cache())
    hub = world.mirror("docker.io").removeprefix("http://")
    steps = []
    for charm, (resource, repository) in CHARMS.items():
        tag = images[charm].rpartition(":")[2]
        url = f"http://engine/v1.41/images/create?fromImage={hub}/{repository}&tag={tag}"
        steps.append(sample([["curl", "-sf", "--unix-socket", docker.socket, "-X", "POST", "-o", "/dev/null", url]]))
        held = docker.inspect(f"{hub}/{repository}:{tag}")["Id"]
        steps.append(sample([[program, "upload-resource", charm, resource, "--image", held, "--format", "json"]], env))
        revision = max(world.resource_revisions(charm, resource))
        steps.append(sample([[
            program, "release", charm, f"--revision={revisions[charm]}", *(f"--channel={channel}" for channel in CHANNELS),
            f"--resource={resource}:{revision}",
        ]], env))
    docker.stop()
    return Sample(sum(step.wall for step in steps), sum(step.cpu for step in steps), max(step.rss for step in steps))


def engine(world):
    name = f"engine-{world.name}"
    try:
        return Docker(name, "overlay2")
    except Wrong:
        return Docker(f"{name}-vfs")


def skopeo_cache():
    env = Peer("skopeo").env
    return {name: value for name, value in env.items() if name != "HOME"}


def shim(docker):
    """A `skopeo` that finds the engine: Debian's asks only the machine's own, whatever DOCKER_HOST says."""
    folder = SCRATCH / f"shim-{next(counter)}"
    folder.mkdir()
    script = folder / "skopeo"
    script.write_text(
        "#!/bin/sh\n# --insecure-policy COMMAND ...\n"
        "case \" $* \" in\n"
        f"*' inspect '*) shift 2; exec /usr/bin/skopeo --insecure-policy inspect --daemon-host={docker.host} \"$@\" ;;\n"
        f"*' copy '*) shift 2; exec /usr/bin/skopeo --insecure-policy copy --src-daemon-host={docker.host} \"$@\" ;;\n"
        "*) exec /usr/bin/skopeo \"$@\" ;;\nesac\n"
    )
    script.chmod(0o700)
    return folder


if __name__ == "__main__":
    referee(main)
