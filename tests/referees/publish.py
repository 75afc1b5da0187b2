#!/usr/bin/env -S python3 -B
"""A publish from a fresh machine, judged by charmcraft and skopeo; and the same once more."""

import json

from world import BUNDLE, CHARMS, RELEASE, TRACK, Client, World, base_name, charmcraft, check, is_write, need, publish
from world import referee, sha256, skopeo

CHANNELS = (f"{TRACK}/edge", "latest/edge")


def main():
    world = World()
    client = Client(world)
    before = {charm: world.rows(charm) for charm in CHARMS}

    manifest = next(
        release for release in client.run("releases", "--json").json["releases"] if release["name"] == RELEASE
    )
    references = {charm: f"{hub}:{manifest['images'][hub]}" for charm, (_, hub) in CHARMS.items()}
    resolved = client.run("resolve", *references.values(), "--json").json["images"]
    digests = {charm: image["digest"] for charm, image in zip(references, resolved)}
    need(len(digests) == 3, f"resolve answered {resolved}")

    done = publish(client)
    check(done.code == 0 and done.outcome == "done", f"publish {RELEASE} --yes --json ends with outcome done", done.tail())
    need(done.outcome == "done", "nothing further can be judged")
    writes = [entry for entry in world.requests() if is_write(entry)]
    check(any("/releases" in entry["path"] for entry in writes), "requests.jsonl shows the writes of the publish")

    for charm, (resource, _) in CHARMS.items():
        told(world, charm, resource, digests[charm], before[charm])
    released = done.json["run"]["released"]
    pairs = {(item["charm"], item["channel"]) for item in released}
    check(
        pairs == {(charm, channel) for charm in CHARMS for channel in CHANNELS} | {(BUNDLE, CHANNELS[0])},
        "run.released[] names both channels of the three charms and the bundle's", str(released),
    )
    order = [entry["path"] for entry in writes if entry["service"] in ("charmhub", "storage")]
    first_release = next(index for index, path in enumerate(order) if path.endswith("/releases"))
    check(
        not any("resources" in path or "upload" in path for path in order[first_release:]),
        "every upload came before the first release", str(order),
    )
    check(
        sum(path.endswith("/releases") for path in order) == 4,
        "one release request a charm, one for the bundle", str(order),
    )

    again(world, client, "a second publish")
    client.forget()
    again(world, client, "a publish after the journal was deleted")

    answer = client.run("releases", "--json").json
    state = next(release["published"] for release in answer["releases"] if release["name"] == RELEASE)
    check(state == "yes", f"releases --json says yes for {RELEASE}", state)
    published = [
        release["name"] for release in answer["releases"]
        if release["published"] == "yes" and "phantom" not in {warning["kind"] for warning in release["warnings"]}
    ]
    check(len(published) == 9, "releases --json says yes for the nine releases with a marker branch", str(published))
    resumed = client.run("resume", "--json")
    check(resumed.code == 0, "resume with nothing open exits 0", resumed.tail())
    look(client, digests)


def told(world, charm, resource, digest, before):
    """What charmcraft and skopeo say of one charm."""
    status = charmcraft(world, "4.5.0", "status", charm, "--format", "json")
    need(status.code == 0, f"charmcraft status {charm}: {status.tail()}")
    bases = {base for channel, base in before if channel == "latest/edge"}
    newest = max(world.resource_revisions(charm, resource))
    found = {}
    for track in json.loads(status.out):
        for mapping in track["mappings"]:
            for release in mapping["releases"]:
                if release["channel"] in CHANNELS and release["status"] == "open":
                    attached = {item["name"]: item["revision"] for item in release["resources"] or []}
                    found[release["channel"], base_name(mapping["base"])] = (release["revision"], attached.get(resource))
    revisions = {base: found.get(("latest/edge", base), (None,))[0] for base in bases}
    wanted = {(channel, base): (revisions[base], newest) for channel in CHANNELS for base in bases}
    check(
        found == wanted and None not in revisions.values(),
        f"charmcraft 4.5.0 status {charm}: {', '.join(CHANNELS)} run the released revision and {resource} "
        f"r{newest} on {' and '.join(sorted(bases))}",
        f"wanted {wanted}, found {found}",
    )
    descriptor = world.descriptor(charm, resource, newest)
    name, _, pinned = descriptor["ImageName"].partition("@")
    check(pinned == digest, f"{charm}: the resource names the digest that resolve printed", f"{pinned} is not {digest}")
    place = world.variables["CHARMCRAFT_REGISTRY_URL"].removeprefix("http://") + "/" + name.partition("/")[2]
    login = f"{descriptor['Username']}:{descriptor['Password']}"
    raw = skopeo(world, "inspect", "--raw", "--creds", login, f"docker://{place}@{digest}")
    check(
        raw.code == 0 and sha256(raw.out.encode()) == digest,
        f"skopeo inspect --raw in Canonical's role gives {digest[:19]} for {charm}", raw.tail(),
    )
    parsed = skopeo(world, "inspect", "--creds", login, f"docker://{place}@{digest}")
    check(
        parsed.code == 0 and json.loads(parsed.out)["Digest"] == digest,
        f"skopeo inspect in Canonical's role agrees for {charm}", parsed.tail(),
    )


def again(world, client, what):
    mark = world.mark()
    second = publish(client)
    check(second.code == 0 and second.outcome == "done", f"{what} exits 0 with outcome done", second.tail())
    run = second.json.get("run") or {}
    outcomes = {step["outcome"] for step in run.get("steps", [])}
    check(outcomes == {"skipped"}, f"{what}: every step is skipped", str(outcomes))
    writes = [entry for entry in world.requests(mark) if is_write(entry)]
    check(not writes, f"{what} sends no write request", str(writes))


def look(client, digests):
    """The reading commands answer with the documented keys."""
    channels = client.run("channels", "--json").json["channels"]
    for charm, digest in digests.items():
        rows = [row for row in channels if row["charm"] == charm and row["channel"] in CHANNELS]
        found = {item["digest"] for row in rows for item in row["resources"] if item["name"] == CHARMS[charm][0]}
        check(
            found == {digest} and all(row["status"] == "open" for row in rows),
            f"channels --json shows the new digest in both channels of {charm}", str(rows)[:600],
        )
    charms = client.run("charms", "--json").json["charms"]
    check(
        set(CHARMS) <= {charm["name"] for charm in charms} and all(charm["revisions"] for charm in charms),
        "charms --json lists charms with revisions", str(charms)[:300],
    )
    runs = client.run("runs", "--json").json["runs"]
    check(bool(runs) and not any(entry["open"] for entry in runs), "runs --json shows no open run", str(runs)[:300])
    for command in (["status"], ["whoami"], ["config", "check"], ["config", "show"], ["diff", "2023-12-05", RELEASE]):
        answer = client.run(*command, "--json")
        check(
            answer.code == 0 and answer.json.get("schema", "").startswith("windlass."),
            f"{' '.join(command)} --json gives one versioned document", answer.tail(),
        )


referee(main)
