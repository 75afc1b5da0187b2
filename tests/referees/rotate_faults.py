#!/usr/bin/env -S python3 -B
"""Rotations with a fault in their way: one that stays leaves a clear account and is made up for
without a new token; one that passes does not keep the rotation from its end."""

import concurrent.futures
import json
import os
import time

from proxy import proxy
from rotation import (
    DB, SDLC, TARGETS, caveats, exchanges, in_targets, lineages, live_of_windlass, one_value, outcome_of, puts, rotate, rotate_key,
    steps, token_in, whoami,
)
from world import FULL, Client, World, check, referee

NAME = f"{SDLC}:CHARMHUB_TOKEN"
PLACE = TARGETS.index((SDLC, "CHARMHUB_TOKEN"))
STAYS = (
    "[[fault]]\nservice = 'github'\nmethod = 'PUT'\npath = '*/legend-juju-sdlc-server-operator/actions/secrets/*'\n"
    "every = true\nstatus = {status}\n"
)
ACTIONS = {
    "refuse": "action = 'refuse'",
    "reset-before": "action = 'reset-before'",
    "reset-after": "action = 'reset-after'",
    "truncate": "action = 'truncate'",
    "503": "status = 503",
    "429": "rate-limit = 1",
    "hang": "hang = 30",
    "latency": "latency = 0.4",
}
#: (what, service, method, path, nth). The store and the sign-on are asked to change less than four
#: things, so those are struck at the first.
PLACES = [
    ("the fourth write to GitHub", "github", "PUT", "*", 4),
    ("the fourth request to the store", "charmhub", "*", "*", 4),
    ("the fourth read of GitHub", "github", "GET", "*", 4),
    ("the minting", "charmhub", "POST", "*/exchange", 1),
    ("the sign-on", "sso", "POST", "*", 1),
]
if FULL:
    PLACES += [
        ("the root macaroon", "charmhub", "POST", "*/usso", 1),
        ("the first write to GitHub", "github", "PUT", "*", 1),
        ("the last write to GitHub", "github", "PUT", "*", 6),
        ("the fortieth request to GitHub", "github", "*", "*", 40),
    ]
#: Which of the actions the normal run takes: drawn anew each time, and printed.
SEED = int(os.environ.get("WINDLASS_SEED") or time.time_ns() % 1_000_000)
#: A hung request is given up within a second or so.
IMPATIENT = {"WINDLASS_TIMEOUT": "0.05"}


def main():
    print(f"WINDLASS_SEED={SEED}", flush=True)
    jobs = [(stays, status) for status in (403, 422, 503)] + [(key_rotated, None), (key_rotates, None)]
    jobs += [(passes, (action, place)) for action in ACTIONS for place in PLACES if sampled(action, place)]
    # A rotation waits most of its time, as GitHub asks for.
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for job in [pool.submit(work, given) for work, given in jobs]:
            for holds, what, why in job.result():
                check(holds, what, why)


def sampled(action, place):
    """The normal run takes half of the actions on the writes to GitHub, and one on each other place."""
    index, turn = PLACES.index(place), list(ACTIONS).index(action) + SEED
    return FULL or (turn % 2 == 0 if index == 0 else turn % len(ACTIONS) == index)


def stays(status):
    """One repository refuses for good."""
    said, what = [], f"PUT answered with {status} in one repository"
    world = World(f"stays-{status}", faults=STAYS.format(status=status))
    client = Client(world, f"stays-{status}-client")
    before = in_targets(world)
    done = rotate(client)
    after = in_targets(world)
    others = {value for index, value in enumerate(after) if index != PLACE}
    said.append((done.code == 1 and done.outcome == "failed", f"{what}: exit 1, outcome failed", done.tail()))
    said.append((
        len(others) == 1 and after[PLACE] == before[PLACE] and after[PLACE] not in others,
        f"{what}: the five others hold the new value, it the old one", f"{len(others)} values",
    ))
    told = steps(done, "set-secret")
    text = json.dumps(done.json.get("problem") or {})
    said.append((
        told == {f"{repository}:{secret}": "done" for repository, secret in TARGETS} | {NAME: told.get(NAME)}
        and told.get(NAME) in ("failed", "unknown") and SDLC in text,
        f"{what}: the report names which hold the new value and which does not", f"{told} {text}",
    ))
    shown = lineages(client)
    said.append((
        [target for target, lineage in shown.items() if lineage == "current"] == [t for t in TARGETS if t[0] != SDLC],
        f"{what}: credentials shows five as current, and not that one", str(shown),
    ))
    world.stop()
    world.start()
    mark = world.mark()
    again = rotate(client)
    entries = world.requests(mark)
    said.append((
        again.code == 0 and again.outcome == "done" and outcome_of(again, "sign-in") == "skipped" and not exchanges(entries),
        f"{what}: with the fault gone a second run finishes without a new token", again.tail(),
    ))
    said.append((
        set(in_targets(world)) == others and [(place[0], place[2]) for place in puts(entries)] == [(SDLC, 204)],
        f"{what}: one write made up for it, all six are byte-identical", str(puts(entries)),
    ))
    said.append((set(lineages(client).values()) == {"current"}, f"{what}: the lineage of all is current", str(lineages(client))))
    world.stop()
    return said


def key_rotated(_):
    """Between a failed run and the next, GitHub gives that repository another key."""
    what = "the repository's key rotated before the second run"
    world = World("key-rotated", faults=STAYS.format(status=403))
    client = Client(world, "key-rotated-client")
    first = rotate(client)
    value = next(value for index, value in enumerate(in_targets(world)) if index != PLACE)
    rotate_key(world, SDLC)
    world.stop()
    world.start()
    plan = client.run("plan", "rotate", "--json")
    warned = json.dumps((plan.json.get("plan") or {}).get("warnings", []))
    mark = world.mark()
    again = rotate(client)
    entries = world.requests(mark)
    now = one_value(world)
    world.stop()
    return [
        (first.code == 1, f"{what}: the first run failed", first.tail()),
        ("key" in warned and SDLC in warned, f"{what}: the plan says that a new token is needed for all", warned),
        (
            again.code == 0 and len(exchanges(entries)) == 1 and len(puts(entries)) == 6 and now not in (None, value),
            f"{what}: a new token is minted and put into all six", f"{puts(entries)} {again.tail()}",
        ),
    ]


def key_rotates(_):
    """The key changes after windlass has sealed: with the first write, that of the last repository."""
    what = "a key that rotates between fetch and write"
    world = World("key-rotates")
    client = Client(world, "key-rotates-client")
    turned = []

    def rotates(method, path, status, headers, body):
        if method == "PUT" and not turned:
            turned.append(rotate_key(world, DB))
        return status, headers, body

    with proxy(world.variables["GITHUB_API_URL"], rotates) as url:
        client.extra = {"GITHUB_API_URL": url}
        first = rotate(client)
        after = in_targets(world)
        again = rotate(client)
    now = one_value(world)
    world.stop()
    text = json.dumps(first.json.get("problem") or {})
    return [
        (
            first.code == 1 and steps(first, "set-secret").get(f"{DB}:CHARMHUB_TOKEN") == "failed" and len(set(after[:-1])) == 1
            and after[-1] != after[0] and DB in text,
            f"{what}: exit 1, the five others are written, the report names it", first.tail(),
        ),
        (
            again.code == 0 and now not in (None, after[0]), f"{what}: the next run mints anew and finishes", again.tail(),
        ),
    ]


def passes(given):
    """A fault that strikes once."""
    action, (what, service, method, path, nth) = given
    name = f"passes-{action}-{PLACES.index(given[1])}"
    fault = f"[[fault]]\nservice = '{service}'\nmethod = '{method}'\npath = '{path}'\nnth = {nth}\n{ACTIONS[action]}\n"
    world = World(name, faults=fault)
    client = Client(world, f"{name}-client", IMPATIENT if action == "hang" else {})
    done = rotate(client)
    why = []
    if action == "reset-after" and method == "PUT":
        # GitHub shows only when a secret was set, not by which client: the run ends there and says so.
        if done.outcome != "unknown" or "resume" not in done.out:
            why.append(f"a set secret whose answer was lost is not unknown: {done.tail()}")
        done = client.run("resume", "--yes", "--json")
    entries = world.requests()
    value = one_value(world)
    token = token_in(value)
    if done.code != 0 or done.outcome != "done":
        why.append("it did not complete")
    if token is None:
        why.append("the six values are not one clean export")
    elif whoami(world, token)[0] != 200:
        why.append("the value does not work")
    else:
        orphans = live_of_windlass(world) - {caveats(token)["session-id"]}
        if len(orphans) > 1 or (orphans and not orphaned(client, orphans)):
            why.append(f"orphans: {orphans}, listed: {client.run('credentials', '--json').json.get('sessions')}")
    struck = sum(fits(entry, service, method, path) for entry in entries) >= nth
    if not struck:
        why.append("the fault struck nothing")
    if set(lineages(client).values()) != {"current"}:
        why.append(f"lineage: {lineages(client)}")
    world.stop()
    return [(not why, f"{action} on {what}: the rotation completes, one value everywhere", f"{why} {done.tail()}")]


def fits(entry, service, method, path):
    return entry["service"] == service and method in ("*", entry["method"]) and entry["path"].endswith(path.lstrip("*"))


def orphaned(client, ids):
    listed = client.run("credentials", "--json").json.get("sessions", [])
    return ids == {one["id"] for one in listed if one["orphan"]}


if __name__ == "__main__":
    referee(main)
