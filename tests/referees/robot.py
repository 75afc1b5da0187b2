#!/usr/bin/env -S python3 -B
"""The nightly robot: what is new is published once, what is odd is left out with its reason, and a
second night writes nothing."""

import json

from world import RELEASE, SCRATCH, Client, World, check, is_write, need, referee

ODD = "2024-01-08"


def main():
    world = World()
    client = Client(world)
    summary = SCRATCH / "summary.md"
    job = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_ACTOR": "robot-keeper"}
    first = client.run("publish", "--new", "--yes", "--json", env=job)
    check(first.code == 0, "publish --new --yes --json on a fresh world exits 0", first.tail())
    runs = first.json["runs"]
    check(
        len(runs) == 1 and runs[0]["outcome"] == "done" and RELEASE in runs[0]["command"],
        f"it publishes {RELEASE} and nothing else", json.dumps(runs)[:600],
    )
    left = {item["release"]: item["reason"] for item in first.json["left_out"]}
    check("misdated" in left.get(ODD, ""), f"{ODD} is left out as misdated", str(left))
    check(summary.exists() and RELEASE in summary.read_text(), "the job's summary names the release", str(summary.exists()))
    token = world.variables["GH_TOKEN"]
    check(token not in first.out + first.err + (summary.read_text() if summary.exists() else ""), "no token is told", "")
    check("::" in first.err, "annotations go to stderr", first.err[-300:])

    quiet_night(world, client, "a second night")
    client.forget()
    quiet_night(world, client, "a night without the journal")

    refused = client.run("publish", ODD, "--yes", "--json")
    check(refused.code == 3, f"publish {ODD} --yes is refused as a downgrade", refused.tail())
    check("latest/edge" in json.dumps(refused.problem or {}), "the refusal names latest/edge", str(refused.problem))
    track = client.run("publish", ODD, "--track-only", "--yes", "--json")
    need(track.code == 0, f"publish {ODD} --track-only: {track.tail()}")
    channels = {item["channel"] for item in track.json["run"]["released"]}
    check(channels == {"2024-01/edge"}, f"publish {ODD} --track-only goes to its track alone", str(channels))

    held = client.run("hold", "2023-12-05", "--yes", "--json")
    check(held.code == 0 and held.outcome == "done", "hold RELEASE ends done", held.tail())
    free = client.run("unhold", "2023-12-05", "--yes", "--json")
    check(free.code == 0 and free.outcome == "done", "unhold RELEASE ends done", free.tail())


def quiet_night(world, client, what):
    mark = world.mark()
    night = client.run("publish", "--new", "--yes", "--json")
    writes = [entry for entry in world.requests(mark) if is_write(entry)]
    check(night.code == 0 and not night.json["runs"], f"{what} publishes nothing and exits 0", night.tail())
    check(not writes, f"{what} writes nothing", str(writes))


referee(main)
