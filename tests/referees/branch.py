#!/usr/bin/env -S python3 -B
"""What a publish leaves beside the charms: one commit with bundle.yaml and overlay, the bundle in its
channel, and the branch that marks the release, made last of all."""

import difflib
import io
import json
import zipfile

from world import BUNDLE, BUNDLE_REPOSITORY, CHARMS, RELEASE, TRACK, Client, World, charmcraft, check, is_write
from world import look, need, publish, referee

BRANCH = f"release-{RELEASE}"
OVERLAY = f"overlay-{RELEASE}.yaml"
#: application -> charm, as bundle.yaml has them
APPLICATIONS = {
    "legend-engine": "finos-legend-engine-k8s", "legend-sdlc": "finos-legend-sdlc-k8s",
    "legend-studio": "finos-legend-studio-k8s",
}


def main():
    world = World()
    client = Client(world)
    edge = world.branches("edge")["edge"]
    before = world.file("bundle.yaml", "edge").decode()
    images = next(
        release for release in client.run("releases", "--json").json["releases"] if release["name"] == RELEASE
    )["images"]

    previewed = client.run("plan", "publish", RELEASE, "--json")
    kinds = [step["kind"] for step in previewed.json["plan"]["steps"]]
    check(kinds[-1] == "create-branch", "the plan's last step is the branch", str(kinds))
    done = publish(client)
    check(done.code == 0 and done.outcome == "done", f"publish {RELEASE} --yes ends done", done.tail())
    need(done.outcome == "done", "nothing further can be judged")

    writes = [entry for entry in world.requests() if is_write(entry)]
    last = writes[-1]
    check(
        last["method"] == "POST" and last["path"] == f"/repos/{BUNDLE_REPOSITORY}/git/refs" and last["status"] == 201,
        "requests.jsonl: the last write creates the ref", str(last),
    )
    commits = [entry for entry in writes if entry["path"].endswith("/git/commits")]
    check(len(commits) == 1, "one commit is made", str(commits))
    refs = [entry for entry in writes if "/git/refs" in entry["path"]]
    check(len(refs) == 1, "one ref is made, and none is moved", str(refs))
    paths = [entry["path"] for entry in writes]
    pushed = paths.index(f"/v1/charm/{BUNDLE}/revisions")
    first = next(index for index, path in enumerate(paths) if path.endswith("/releases"))
    check(pushed < first, "the bundle is uploaded before the first release", str(paths))
    released = [path for path in paths if path.endswith("/releases")]
    check(released[-1] == f"/v1/charm/{BUNDLE}/releases", "the bundle is released after the charms", str(released))

    tip = world.branches(BRANCH).get(BRANCH)
    need(tip, f"there is no branch {BRANCH}")
    commit = world.commit(tip)
    check([parent["sha"] for parent in commit["parents"]] == [edge], "its one parent is the tip of edge", str(commit))
    subject, _, rest = commit["message"].partition("\n")
    author = commit["author"]
    signed = f"Signed-off-by: {author['name']} <{author['email']}>"
    check(subject == f"Creates {RELEASE} release" and signed in rest, "its message is the old one, signed off", str(commit["message"]))

    after = world.file("bundle.yaml", BRANCH).decode()
    changed = [
        line for line in difflib.unified_diff(before.splitlines(True), after.splitlines(True), n=0)
        if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    added = [line[1:] for line in changed if line.startswith("+")]
    check(
        len(added) == 3 and len(changed) == 6 and all(f"channel: {TRACK}/edge" in line for line in added),
        "bundle.yaml differs in three lines", "".join(changed),
    )
    check(
        [line.split("#")[1:] for line in before.splitlines()] == [line.split("#")[1:] for line in after.splitlines()],
        "its comments are kept", after,
    )
    overlay = world.file(OVERLAY, BRANCH)
    wanted = "applications:\n" + "".join(
        f"  {application}:\n    channel: {TRACK}/edge\n    resources:\n      {resource}: {hub}:{images[hub]}\n"
        for application, (resource, hub) in sorted((name, CHARMS[charm]) for name, charm in APPLICATIONS.items())
    )
    check(overlay is not None and overlay.decode() == wanted, f"{OVERLAY} is what the old job wrote", str(overlay))

    status = charmcraft(world, "4.5.0", "status", BUNDLE, "--format", "json")
    served = {
        row["channel"]: row["revision"]
        for track in (json.loads(status.out) if status.code == 0 else []) for mapping in track["mappings"]
        for row in mapping["releases"] if row["status"] == "open"
    }
    check(f"{TRACK}/edge" in served, f"charmcraft status {BUNDLE}: {TRACK}/edge is open", status.tail())
    archive = bundle_archive(world, served.get(f"{TRACK}/edge"))
    names = set(archive.namelist())
    check(names == {"bundle.yaml", "README.md", "icon.svg"}, "the bundle holds bundle.yaml, README.md and icon", str(names))
    check(archive.testzip() is None and archive.read("bundle.yaml").decode() == after, "its bundle.yaml is the branch's", "")

    mark = world.mark()
    again = publish(client)
    quiet = not [entry for entry in world.requests(mark) if is_write(entry)]
    check(again.outcome == "done" and again.code == 0 and quiet, "a second publish writes nothing", again.tail())
    world.stop()
    narrowed()
    refused()


def bundle_archive(world, revision):
    """The archive behind a revision of the bundle, as anybody downloads it."""
    about = world.get(f"/v1/charm/{BUNDLE}")["metadata"]
    status, _, body = look(f"{world.api}/api/v1/charms/download/{about['id']}_{revision}.charm")
    need(status == 200, f"bundle r{revision} cannot be downloaded: {status}")
    return zipfile.ZipFile(io.BytesIO(body))


def narrowed():
    """Parts left out: the release is not marked before all of it is there."""
    world = World("narrowed")
    client = Client(world, "narrowed-client")
    alone = client.run("publish", RELEASE, "--charm", "finos-legend-studio-k8s", "--yes", "--json")
    check(alone.code == 0 and BRANCH not in world.branches(), "publish --charm of one makes no branch", alone.tail())
    bare = client.run("publish", RELEASE, "--without", "branch,bundle", "--yes", "--json")
    check(bare.code == 0 and bare.outcome == "partly", "publish --without branch,bundle ends partly", bare.tail())
    check(BRANCH not in world.branches(), "and makes no branch", str(world.branches()))
    rest = publish(client)
    check(rest.outcome == "done" and BRANCH in world.branches(), "publish finishes what was left out", rest.tail())
    world.stop()


def refused():
    """Without the right to write contents nothing is begun."""
    world = World("refused")
    client = Client(world, "refused-client", {"GH_TOKEN": None, "GITHUB_TOKEN": None})
    answer = publish(client)
    said = json.dumps(answer.problem or {})
    writes = [entry for entry in world.requests() if is_write(entry)]
    check(answer.code == 4 and not writes, "without a GitHub token publish is refused before anything is done", answer.tail())
    check("contents" in said.lower() or "repo" in said, "the refusal names the right that is missing", said)
    bare = client.run("publish", RELEASE, "--without", "branch,bundle", "--yes", "--json")
    check(bare.code == 0 and bare.outcome == "partly", "--without branch,bundle needs no GitHub token", bare.tail())


referee(main)
