#!/usr/bin/env -S python3 -B
"""Debian's docker-registry plays Docker Hub and Canonical's registry; the publish is the same."""

import json

from world import CHARMS, RELEASE, TRACK, Client, World, check, docker_registry, need, publish, referee, sha256
from world import skopeo


def main():
    for name, variables in (
        ("only Docker Hub's mirror named", lambda source: {"WINDLASS_REGISTRY_MIRRORS": f"docker.io={source}"}),
        (
            "both mirrors named",
            lambda source: {
                "WINDLASS_REGISTRY_MIRRORS": f"docker.io={source},registry.jujucharms.com=DESTINATION",
            },
        ),
    ):
        world = World(f"world-{len(name)}")
        one(world, name, variables)
        world.stop()


def one(world, called, variables):
    source, destination = docker_registry(f"source-{len(called)}"), docker_registry(f"destination-{len(called)}")
    plain = Client(world, f"before-{len(called)}")
    manifest = next(item for item in plain.run("releases", "--json").json["releases"] if item["name"] == RELEASE)
    hub = world.mirror("docker.io").removeprefix("http://")
    digests = {}
    for charm, (_, repository) in CHARMS.items():
        image = f"{repository}:{manifest['images'][repository]}"
        copied = skopeo(
            world, "copy", "--all", "--preserve-digests", "--dest-tls-verify=false",
            f"docker://{hub}/{image}", f"docker://{source}/{image}",
        )
        need(copied.code == 0, f"skopeo copy {image} into docker-registry: {copied.tail()}")
        raw = skopeo(world, "inspect", "--raw", "--tls-verify=false", f"docker://{source}/{image}")
        digests[charm] = sha256(raw.out.encode())

    env = {name: value.replace("DESTINATION", f"http://{destination}") for name, value in variables(f"http://{source}").items()}
    env["CHARMCRAFT_REGISTRY_URL"] = f"http://{destination}"
    client = Client(world, f"client-{len(called)}", env)
    mark = world.mark()
    done = publish(client)
    check(done.code == 0 and done.outcome == "done", f"publish through two docker-registries ({called})", done.tail())
    asked = {entry["service"] for entry in world.requests(mark)} & {"hub", "canonical"}
    check(not asked, f"the demo's own registries were not asked ({called})", str(asked))

    for charm, (resource, _) in CHARMS.items():
        revision = max(world.resource_revisions(charm, resource))
        name = world.descriptor(charm, resource, revision)["ImageName"]
        place = f"{destination}/{name.partition('/')[2]}"
        raw = skopeo(world, "inspect", "--raw", "--tls-verify=false", f"docker://{place}")
        parsed = skopeo(world, "inspect", "--tls-verify=false", f"docker://{place}")
        found = json.loads(parsed.out)["Digest"] if parsed.code == 0 else parsed.tail()
        check(
            sha256(raw.out.encode()) == digests[charm] == found == name.partition("@")[2],
            f"skopeo inspect on the destination agrees with the source on {charm} ({called})",
            f"source {digests[charm]}, destination {found}, descriptor {name}; {raw.tail()}",
        )
        channels = {
            channel for (channel, _), (_, resources) in world.rows(charm).items() if resources.get(resource) == revision
        }
        check(
            channels == {f"{TRACK}/edge", "latest/edge"}, f"{charm} runs it in both channels ({called})", str(channels)
        )
    again = publish(client)
    outcomes = {step["outcome"] for step in (again.json.get("run") or {}).get("steps", [])}
    check(again.code == 0 and outcomes == {"skipped"}, f"a second publish skips every step ({called})", again.tail())


referee(main)
