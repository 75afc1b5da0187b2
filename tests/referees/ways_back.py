#!/usr/bin/env -S python3 -B
"""Promotion and rollback, judged by the real charmcraft: the same pairs at another risk, and the
former map back again; a publish that failed midway is finished or undone."""

import json
import shutil

from world import SCRATCH, CHARMS, RELEASE, TRACK, BUNDLE, Client, Template, World, base_name, charmcraft, check, is_write
from world import need, publish, referee

#: The store refuses what the second charm asks to be released, for good.
REFUSING = (
    "[[fault]]\nservice = 'charmhub'\nmethod = 'POST'\npath = '/v1/charm/finos-legend-sdlc-k8s/releases'\n"
    "every = true\nstatus = 403\n"
)


def main():
    there_and_back()
    failed_midway()


def there_and_back():
    world = World()
    client = Client(world)
    untouched = world.channel_map()
    done = publish(client)
    need(done.outcome == "done", f"the publish: {done.tail()}")
    published = world.channel_map()

    shown = client.run("plan", "promote", RELEASE, "--to", "stable", "--json")
    warned = json.dumps(shown.json["plan"]["warnings"])
    check("finos-legend-db-k8s" in warned, "the plan says that the db charm is left out", warned)
    promoted = client.run("promote", RELEASE, "--to", "stable", "--yes", "--json")
    check(promoted.code == 0 and promoted.outcome == "done", f"promote {RELEASE} --to stable --yes ends done", promoted.tail())
    need(promoted.code == 0, "nothing further can be judged")
    for charm in CHARMS:
        edge, stable = (risk_of(world, charm, risk) for risk in ("edge", "stable"))
        check(
            edge and edge == stable, f"charmcraft status {charm}: {TRACK}/stable has the pairs of {TRACK}/edge on all bases",
            f"{edge} and {stable}",
        )
    now = world.channel_map()
    moved = {place[:2] for place in now if now[place] != published.get(place)}
    wanted = {(charm, f"{TRACK}/stable") for charm in (*CHARMS, BUNDLE)}
    check(moved == wanted, "nothing else moved", str(moved ^ wanted))
    check(f"release-{RELEASE}-stable" in world.branches(), "the stable branch is there", str(world.branches()))

    mark = world.mark()
    again = client.run("promote", RELEASE, "--to", "stable", "--yes", "--json")
    quiet = not [entry for entry in world.requests(mark) if is_write(entry)]
    check(again.code == 0 and quiet, "promoting once more writes nothing", again.tail())

    run = promoted.json["run"]["id"]
    back = client.run("rollback", "--run", run, "--yes", "--json")
    check(back.code == 0 and back.outcome in ("done", "partly"), "rollback --run of the promotion ends well", back.tail())
    check(world.channel_map() == published, "the former map is there exactly", changed(published, world.channel_map()))

    run = done.json["run"]["id"]
    back = client.run("rollback", "--run", run, "--yes", "--json")
    check(back.code == 0, "rollback --run of the publish ends well", back.tail())
    check(world.channel_map() == untouched, "every channel has what it had before the publish", changed(untouched, world.channel_map()))
    held = next(item for item in client.run("releases", "--json").json["releases"] if item["name"] == RELEASE)["held"]
    check(held is True, "the release is held since", str(held))
    robot = client.run("publish", "--new", "--yes", "--json")
    reasons = {item["release"]: item["reason"] for item in robot.json.get("left_out", [])}
    check(robot.code == 0 and not robot.json["runs"], "the robot leaves it alone", robot.tail())
    named = publish(client)
    check(named.code == 0, "naming the release publishes it again", named.tail())
    held = next(item for item in client.run("releases", "--json").json["releases"] if item["name"] == RELEASE)["held"]
    check(held is False, "and lifts the hold", f"{held} {reasons}")
    back = client.run("rollback", "--run", named.json["run"]["id"], "--yes", "--json")
    check(back.code == 0, "rollback --run of that one ends well", back.tail())
    check(world.channel_map() == untouched, "the former map once more, the bundle's too", changed(untouched, world.channel_map()))
    mark = world.mark()
    twice = client.run("rollback", "finos-legend-engine-k8s", "latest/edge", "--yes", "--json")
    quiet = not [entry for entry in world.requests(mark) if is_write(entry)]
    check(twice.code == 3 and quiet, "what was rolled back last is not rolled forward by saying so again", twice.tail())
    world.stop()


def failed_midway():
    template = Template("ways", lambda world, client: client.run("plan", "publish", RELEASE, "--json"))
    world, client = template.copy(REFUSING)
    former = world.channel_map()
    failed = publish(client)
    check(failed.code == 1 and failed.outcome == "failed", "the second release refused for good: failed, exit 1", failed.tail())
    run = failed.json["run"]["id"]
    said = failed.out + failed.err
    check(
        f"windlass resume {run}" in said and f"windlass rollback --run {run}" in said,
        "resume and rollback are both offered", failed.tail(),
    )
    check(f"release-{RELEASE}" not in world.branches(), "no branch marks it", str(world.branches()))
    robot = client.run("publish", "--new", "--yes", "--json")
    check(robot.code == 5 and run in robot.out + robot.err, "the robot leaves it to a person: exit 5, the run named", robot.tail())
    world.stop()
    shutil.copytree(client.state, SCRATCH / "ways-state-before")

    undone = World("undone", folder=copied(world, "undone"), fresh=False)
    theirs = Client(undone, client.state.name)
    back = theirs.run("rollback", "--run", run, "--yes", "--json")
    check(back.code == 0, "rollback --run of the failed run ends well", back.tail())
    check(undone.channel_map() == former, "and the map is the former one", changed(former, undone.channel_map()))
    undone.stop()

    finished = World("finished", folder=copied(world, "finished"), fresh=False)
    theirs = Client(finished, "ways-state-before")
    resumed = theirs.run("resume", run, "--json")
    check(resumed.code == 0 and resumed.outcome == "done", "resume of the failed run ends done", resumed.tail())
    rows = finished.channel_map()
    for charm in CHARMS:
        track, latest = (
            {base: row for (name, channel, base), row in rows.items() if (name, channel) == (charm, f"{on}/edge")}
            for on in (TRACK, "latest")
        )
        check(track and track == latest, f"{charm}: {TRACK}/edge and latest/edge run the same", f"{track} and {latest}")
    check(f"release-{RELEASE}" in finished.branches(), "and the branch marks it", str(finished.branches()))
    finished.stop()


def copied(world, name):
    """The world's folder once more; ports are the same, so one of them runs at a time."""
    folder = world.dir.parent / f"ways-{name}"
    shutil.copytree(world.dir, folder, ignore=shutil.ignore_patterns("*.sock", "requests.jsonl"))
    return folder


def risk_of(world, charm, risk):
    """{base: (revision, resources)} of the release's track at `risk`, as charmcraft tells it."""
    status = charmcraft(world, "4.5.0", "status", charm, "--format", "json")
    need(status.code == 0, f"charmcraft status {charm}: {status.tail()}")
    return {
        base_name(mapping["base"]): (row["revision"], json.dumps(row["resources"], sort_keys=True))
        for track in json.loads(status.out) for mapping in track["mappings"] for row in mapping["releases"]
        if row["channel"] == f"{TRACK}/{risk}" and row["status"] == "open"
    }


def changed(wanted, found):
    places = [place for place in sorted(set(wanted) | set(found), key=str) if wanted.get(place) != found.get(place)]
    return "; ".join(f"{place}: {found.get(place)} instead of {wanted.get(place)}" for place in places[:5])


referee(main)
