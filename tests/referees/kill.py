#!/usr/bin/env -S python3 -B
"""A publish killed with SIGKILL at many instants and taken up at once ends as an undisturbed one."""

import collections
import time

from world import FULL, RELEASE, Template, check, is_write, kill, need, publish, referee

SLOW = "".join(
    f"[[fault]]\nservice = '{service}'\nmethod = '*'\npath = '*'\nevery = true\nlatency = {seconds}\n"
    for service, seconds in (("charmhub", 0.02), ("storage", 0.02), ("canonical", 0.03))
)


def main():
    template = Template("kill", lambda world, client: client.run("plan", "publish", RELEASE, "--json"))
    undisturbed = {}
    for faults in (None, SLOW):
        world, client = template.copy(faults)
        started = time.monotonic()
        done = publish(client)
        lasted = time.monotonic() - started
        need(done.outcome == "done", f"the undisturbed publish: {done.tail()}")
        # Time of the first write, as a part of the whole: kills before it prove little.
        requests = world.requests()
        first = next(index for index, entry in enumerate(requests) if is_write(entry)) / len(requests)
        undisturbed[faults] = (lasted, first, world.state())
        template.drop(world, client)

    kills = 30 if FULL else 4
    wrong = []
    reached = collections.Counter()
    for faults in (None, SLOW):
        lasted, first, state = undisturbed[faults]
        begin = lasted * first * 0.8
        for turn in range(kills):
            instant = begin + (lasted * 1.02 - begin) * (turn + 0.5) / kills
            trouble, phase = one(template, faults, instant, state, resume=turn % 2 == 0)
            reached[phase] += 1
            if trouble:
                wrong.append(f"killed after {instant:.3f} s ({'slow' if faults else 'fast'} world): {trouble}")
    where = ", ".join(f"{count} {phase}" for phase, count in sorted(reached.items()))
    check(
        not wrong,
        f"{2 * kills} publishes killed with SIGKILL ({where}), then resumed or repeated at once: same final state, "
        "no upload, track or release made twice", "\n  " + "\n  ".join(wrong),
    )
    midway = sum(count for phase, count in reached.items() if phase.startswith("midway"))
    check(midway >= kills // 2, f"{midway} of the kills hit a publish midway", where)


def one(template, faults, instant, wanted, resume):
    """(what is wrong or None, where the kill struck)."""
    world, client = template.copy(faults)
    try:
        process = client.popen("publish", RELEASE, "--yes", "--json")
        time.sleep(instant)
        ended = process.poll() is not None
        kill(process)
        writes = [entry for entry in world.requests() if is_write(entry)]
        phase = "after the end" if ended else phase_of(writes)
        if resume:
            settled = client.run("resume", "--json")
            if settled.code != 0:
                return f"resume: {settled.tail()}", phase
            if (settled.json.get("run") or {}).get("outcome") not in (None, "done"):
                return f"resume: {settled.tail()}", phase
            state = world.state()
            if writes and state != wanted:
                return f"after resume: {difference(state, wanted)}", phase
        # Killed before the run began there is nothing to resume; else this finds nothing to do.
        again = publish(client)
        if again.outcome != "done" or again.code != 0:
            return f"publish again: {again.tail()}", phase
        state = world.state()
        if state != wanted:
            return f"final state: {difference(state, wanted)}", phase
        return twice(world.requests()), phase
    finally:
        template.drop(world, client)


def phase_of(writes):
    if not writes:
        return "before the first write"
    if any(entry["path"].endswith("/git/refs") for entry in writes):
        return "midway, after the branch"
    if any(entry["path"].endswith("/releases") for entry in writes):
        return "midway, releasing"
    if any(entry["service"] == "storage" or entry["path"].endswith("/revisions") for entry in writes):
        return "midway, uploading"
    if any(entry["service"] == "canonical" for entry in writes):
        return "midway, copying"
    return "midway, before the copies"


def twice(requests):
    """What was done more than once, or None."""
    done = collections.Counter()
    for entry in requests:
        if not is_write(entry) or not 200 <= entry["status"] < 300:
            continue
        path = entry["path"]
        if entry["service"] == "charmhub" and path.endswith(("/releases", "/tracks", "/revisions")):
            done[f"POST {path}"] += 1
        if entry["service"] == "canonical" and entry["method"] == "PUT" and entry["status"] == 201:
            digest = [part for part in entry["query"].split("&") if part.startswith("digest=")]
            name = path.partition("/blobs/")[0] if "/blobs/" in path else path
            done[f"PUT {name} {''.join(digest)}"] += 1
        # Objects of git may be stored again: nobody sees them. A branch is made once.
        if entry["service"] == "github" and path.endswith("/git/refs"):
            done[f"POST {path}"] += 1
    repeated = {what: count for what, count in done.items() if count > 1}
    return f"made more than once: {repeated}" if repeated else None


def difference(state, wanted):
    keys = [key for key in sorted(set(state) | set(wanted), key=str) if state.get(key) != wanted.get(key)]
    return "; ".join(f"{key}: {state.get(key)} instead of {wanted.get(key)}" for key in keys[:4])


if __name__ == "__main__":
    referee(main)
