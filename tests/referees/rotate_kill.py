#!/usr/bin/env -S python3 -B
"""Rotations and sign-ins killed with SIGKILL at random instants: the same command or `resume` finishes a
rotation, one value is everywhere, and at most one token is left over, which is found and can be ended."""

import collections
import concurrent.futures
import json
import os
import random
import time

from rotate_faults import orphaned
from rotation import caveats, exchanges, live_of_windlass, moment, one_value, puts, rotate, sessions, token_in
from world import FULL, Client, World, check, kill, need, referee

KILLS = 40 if FULL else 5
SEED = int(os.environ.get("WINDLASS_KILL_SEED") or random.SystemRandom().randrange(1_000_000))


def main():
    print(f"seed {SEED} (WINDLASS_KILL_SEED={SEED} kills at the same instants)", flush=True)
    world = World("kill-undisturbed")
    client = Client(world, "kill-undisturbed-client")
    begun = time.time()
    done = rotate(client)
    lasted = time.time() - begun
    need(done.outcome == "done", f"the undisturbed rotation: {done.tail()}")
    # Part of the whole at which the token exists and the first secret is sent.
    minted = next(index for index, entry in enumerate(world.requests()) if entry in exchanges([entry]))
    at = world.requests()[minted]["time"]
    world.stop()
    delicate = moment(at).timestamp() - begun
    chance = random.Random(SEED)
    # Half of them about the minting and the sealing, which last a moment; half anywhere.
    instants = [
        chance.uniform(max(0.0, delicate - 0.15), delicate + 0.5) if turn % 2 == 0 else chance.uniform(0.0, lasted)
        for turn in range(KILLS)
    ]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        results = list(pool.map(one, range(KILLS), instants))
    wrong = [f"killed after {instant:.3f} s, {phase}: {trouble}" for instant, (phase, trouble) in zip(instants, results) if trouble]
    reached = collections.Counter(phase for phase, _ in results)
    where = ", ".join(f"{count} {phase}" for phase, count in sorted(reached.items()))
    check(
        not wrong,
        f"{KILLS} rotations killed with SIGKILL ({where}): the same command finishes, byte-identical, at most one "
        "token left over, found and ended", "\n  " + "\n  ".join(wrong),
    )
    midway = sum(count for phase, count in reached.items() if phase.startswith("midway"))
    check(midway >= KILLS // 4, f"{midway} of the kills hit a rotation midway", where)
    resumed(chance, delicate, lasted)
    exported(chance, delicate)


def resumed(chance, delicate, lasted):
    """`rotate --revoke recorded` after an earlier rotation, killed and taken up by `resume`."""
    instants = [chance.uniform(max(0.0, delicate - 0.1), lasted) for _ in range(KILLS // 2)]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        results = list(pool.map(one_resumed, range(len(instants)), instants))
    wrong = [f"killed after {instant:.3f} s, {phase}: {why}" for instant, (phase, why) in zip(instants, results) if why]
    check(
        not wrong, f"{len(instants)} of rotate --revoke recorded killed: resume finishes, sealed values are sent as they are",
        "\n  " + "\n  ".join(wrong),
    )


def one_resumed(turn, instant):
    world = World(f"kill-resume-{turn}")
    client = Client(world, f"kill-resume-{turn}-client")
    try:
        first = rotate(client)
        if first.outcome != "done":
            return "before", first.tail()
        earlier = live_of_windlass(world)
        mark = world.mark()
        process = client.popen("rotate", "--revoke", "recorded", "--yes", "--json")
        time.sleep(instant)
        kill(process)
        time.sleep(0.1)
        entries = world.requests(mark)
        phase = phase_of(entries, False)
        recorded = client.run("runs", "--json").json["runs"][0]
        if recorded["id"] == (first.json.get("run") or {}).get("id") or not recorded.get("open"):
            return "not begun or ended", None
        mark = world.mark()
        again = client.run("resume", recorded["id"], "--yes", "--json")
        if again.code != 0 or again.outcome != "done":
            return phase, f"resume: {again.tail()}"
        if puts(entries) and exchanges(world.requests(mark)):
            return phase, "secrets were written already, and yet another token was minted"
        token = token_in(one_value(world))
        if token is None:
            return phase, "the values are not one clean export"
        left = live_of_windlass(world) - {caveats(token)["session-id"]}
        if left & earlier:
            return phase, f"the former token is alive: {left & earlier}"
        return phase, left_over(world, client, left)
    finally:
        world.stop()


def exported(chance, delicate):
    """`login --export` killed: the next login and doctor name the session that is left."""
    instants = [chance.uniform(max(0.0, delicate - 0.25), delicate + 0.1) for _ in range(KILLS)]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        results = list(pool.map(one_exported, range(len(instants)), instants))
    wrong = [f"killed after {instant:.3f} s: {why}" for instant, (_, why) in zip(instants, results) if why]
    lost = sum(count for count, _ in results)
    check(
        not wrong, f"{len(instants)} of login --export killed, {lost} tokens lost: each is named by the next login and ended",
        "\n  " + "\n  ".join(wrong),
    )


def one_exported(turn, instant):
    world = World(f"kill-export-{turn}")
    client = Client(world, f"kill-export-{turn}-client")
    file = client.state / "export"
    try:
        process = client.popen("login", "--export", file, "--yes")
        time.sleep(instant)
        kill(process)
        time.sleep(0.1)
        left = live_of_windlass(world)
        if file.exists():
            left.discard(caveats(token_in(file.read_bytes()))["session-id"])
        again = client.run("login", "--export", client.state / "again", "--yes", "--force")
        if again.code != 0:
            return len(left), again.tail()
        unnamed = [session for session in left if f"windlass revoke {session}" not in again.err]
        doctor = json.dumps(client.run("doctor", "--json").json)
        unnamed += [session for session in left if f"windlass revoke {session}" not in doctor]
        if unnamed:
            return len(left), f"{unnamed} is not named: {again.err[-600:]}"
        return len(left), left_over(world, client, left)
    finally:
        world.stop()


def left_over(world, client, left):
    """What is wrong with the tokens left over, if anything; they are ended."""
    if len(left) > 1:
        return f"{len(left)} tokens left over: {sessions(world)}"
    if left:
        if not orphaned(client, left):
            return f"{left} is not listed as orphan: {client.run('credentials', '--json').out[-900:]}"
        ended = client.run("revoke", *left, "--yes", "--json")
        if ended.code != 0 or live_of_windlass(world) & left:
            return f"revoke {left}: {ended.tail()}"
    return None


def one(turn, instant):
    """(where the kill struck, what is wrong or None)."""
    world = World(f"kill-{turn}")
    client = Client(world, f"kill-{turn}-client")
    try:
        process = client.popen("rotate", "--yes", "--json")
        time.sleep(instant)
        ended = process.poll() is not None
        kill(process)
        # What the demo was still answering is answered.
        time.sleep(0.1)
        entries = world.requests()
        phase = phase_of(entries, ended)
        recorded = client.run("runs", "--json").json["runs"]
        finished = bool(recorded) and not recorded[0].get("open") and recorded[0]["outcome"] == "done"
        former = live_of_windlass(world) if finished else set()
        mark = world.mark()
        again = rotate(client)
        return phase, judge(world, client, again, entries, world.requests(mark), former)
    finally:
        world.stop()


def judge(world, client, again, before, after, former):
    if again.code != 0 or again.outcome != "done":
        return f"the same command again: {again.tail()}"
    token = token_in(one_value(world))
    if token is None:
        return "the values are not one clean export"
    if puts(before) and not former and exchanges(after):
        return "secrets were written already, and yet another token was minted"
    left = live_of_windlass(world) - {caveats(token)["session-id"]} - former
    return left_over(world, client, left)


def phase_of(entries, ended):
    if ended:
        return "after the end"
    if puts(entries):
        return f"midway, {len(puts(entries))} of 6 written"
    if exchanges(entries):
        return "midway, minted"
    return "before the minting"


if __name__ == "__main__":
    referee(main)
