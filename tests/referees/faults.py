#!/usr/bin/env -S python3 -B
"""The k-th request of a publish fails in every way: it completes, or ends with a clear Problem and
can be taken up; the channels never hold anything but what was there and what was planned."""

import collections
import concurrent.futures
import os
import time

from kill import difference
from world import FULL, RELEASE, Template, check, is_write, need, publish, referee

ACTIONS = {
    "refuse": "action = 'refuse'",
    "reset-before": "action = 'reset-before'",
    "reset-after": "action = 'reset-after'",
    "truncate": "action = 'truncate'",
    "503": "status = 503",
    "429": "rate-limit = 1",
    "hang": "hang = 30",
}
#: Scales the client's timeouts, so that a hung request is given up within a second or so.
IMPATIENT = {"WINDLASS_TIMEOUT": "0.05"}
STEP = int(os.environ.get("WINDLASS_FAULT_STEP", "1" if FULL else "14"))
#: Which requests of those a step apart: drawn anew each time, and printed.
SEED = int(os.environ.get("WINDLASS_SEED") or time.time_ns() % 1_000_000)
#: Where a request was answered or lost, whether the service handled it (status 0 = no answer sent).
HANDLED_IN_SILENCE = {"reset-after"}


def main():
    print(f"WINDLASS_SEED={SEED}", flush=True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        templates = list(pool.map(make, ("faults-a", "faults-b")))
    world, client = templates[0].copy()
    before = world.state()
    done = publish(client)
    need(done.outcome == "done", f"the undisturbed publish: {done.tail()}")
    requests, planned = world.requests(), world.state()
    templates[0].drop(world, client)

    cases = []
    for turn, action in enumerate(ACTIONS):
        # Other requests for every action, so that together they cover as many as they can.
        for k in range((turn * max(1, STEP // len(ACTIONS)) + SEED) % STEP, len(requests), STEP):
            service = requests[k]["service"]
            nth = sum(entry["service"] == service for entry in requests[: k + 1])
            cases.append((k, service, nth, action))
    halves = [cases[0::2], cases[1::2]]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(sweep, *pair, before, planned) for pair in zip(templates, halves)]
        results = [result for job in jobs for result in job.result()]

    for action in ACTIONS:
        mine = [result for result in results if result["action"] == action]
        ends = collections.Counter(result["end"] for result in mine)
        wrong = [f"request {r['k']} ({r['service']} {r['nth']}): {r['trouble']}" for r in mine if r["trouble"]]
        struck = sum(result["struck"] for result in mine)
        told = ", ".join(f"{count} {end}" for end, count in sorted(ends.items()))
        check(
            not wrong,
            f"{action} on {len(mine)} of {len(requests)} requests of a publish ({struck} struck; {told}): "
            "completes or ends with a Problem, then completes; never a wrong release",
            "\n  " + "\n  ".join(wrong),
        )
    check(
        sum(result["struck"] for result in results) > len(results) * 0.8, "nearly every fault struck a request",
        f"{sum(result['struck'] for result in results)} of {len(results)}",
    )


def make(name):
    return Template(name, lambda world, client: client.run("plan", "publish", RELEASE, "--json"))


def sweep(template, cases, before, planned):
    return [one(template, *case, before, planned) for case in cases]


def one(template, k, service, nth, action, before, planned):
    result = {"k": k, "service": service, "nth": nth, "action": action, "trouble": None, "end": "?", "struck": False}
    fault = f"[[fault]]\nservice = '{service}'\nmethod = '*'\npath = '*'\nnth = {nth}\n{ACTIONS[action]}\n"
    world, client = template.copy(fault)
    try:
        client.extra = IMPATIENT if action == "hang" else {}
        first = publish(client, timeout=90)
        result["end"] = f"exit {first.code}"
        result["struck"] = sum(entry["service"] == service for entry in world.requests()) >= nth
        result["trouble"] = judge(world, client, first, k, before, planned, action)
    finally:
        template.drop(world, client)
    return result


def judge(world, client, first, k, before, planned, action):
    if first.code == -1:
        return first.tail()
    if first.code == 0 and first.outcome != "done":
        return f"exit 0 without outcome done: {first.tail()}"
    if first.code != 0 and not (first.problem and first.problem.get("summary")):
        return f"no Problem: {first.tail()}"
    if first.code not in (0, 1, 4, 6, 7):
        return f"an exit code that says something else: {first.tail()}"
    if "panicked" in first.err:
        return f"panic: {first.tail()}"
    state = world.state()
    strange = {key: value for key, value in state.items() if value not in (before.get(key), planned.get(key))}
    if strange:
        return f"a state nobody planned: {strange}"
    client.extra = {}
    if k % 2:
        settled = client.run("resume", "--json", timeout=90)
        if settled.code != 0:
            return f"resume after {first.tail()}: {settled.tail()}"
    again = publish(client, timeout=90)
    if again.code != 0 or again.outcome != "done":
        return f"publish again after {first.tail()}: {again.tail()}"
    state = world.state()
    if state != planned:
        return f"final state: {difference(state, planned)}"
    return repeated(world.requests(), action)


def repeated(requests, action):
    """Writes that the store handled more than once, or None."""
    handled = collections.Counter()
    for entry in requests:
        if entry["service"] != "charmhub" or not is_write(entry):
            continue
        answered = 200 <= entry["status"] < 300
        in_silence = entry["status"] == 0 and action in HANDLED_IN_SILENCE
        if (answered or in_silence) and entry["path"].endswith(("/releases", "/tracks", "/revisions")):
            handled[entry["path"]] += 1
    more = {path: count for path, count in handled.items() if count > 1}
    return f"handled more than once: {more}" if more else None


referee(main)
