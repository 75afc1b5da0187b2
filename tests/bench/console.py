#!/usr/bin/env -S python3 -B
"""The console in a real pseudo-terminal: how soon it shows, how soon it answers, what it costs idle.

    tests/bench/console.py                    every work, one Markdown table
    tests/bench/console.py --check            exit 1 where a budget is missed
    tests/bench/console.py --sample           few rounds, five seconds of idling, no budget
    tests/bench/console.py --only idle        only these works

The binary is target/release/windlass, or WINDLASS_BIN. The cache is the one that windlass itself
wrote of a demo world; for the long lists its revisions and releases are multiplied. The world is
stopped before anything is measured, and the console is started with --offline: what is measured is
its own share. Idle wake-ups are counted with and without the minute's: of an open console every
minute changes the ages on screen.
"""

import argparse
import contextlib
import fcntl
import json
import os
import pty
import select
import statistics
import struct
import subprocess
import termios
import time

from measure import WINDLASS, machine, optimised
from world import RELEASE, SCRATCH, World, bare_environment, check, need, referee, run, stop

COLUMNS, LINES = 120, 40
MANY = 10_000
CHARM = "finos-legend-engine-k8s"

#: Budgets. Seconds, but for the counts.
FIRST_FRAME, KEY, WAKE_UPS, CPU = 0.015, 0.003, 1, 0.0
#: A clock tick of the kernel: nothing shorter is seen in /proc.
TICK = 1 / os.sysconf("SC_CLK_TCK")
PATIENCE = 60


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21, help="starts of the console")
    parser.add_argument("--keys", type=int, default=200, help="presses of every key")
    parser.add_argument("--seconds", type=float, default=30, help="seconds of idling")
    parser.add_argument("--check", action="store_true", help="exit 1 where a budget is missed")
    parser.add_argument("--sample", action="store_true", help="few rounds, everything only printed")
    parser.add_argument("--only", nargs="+", metavar="WORK", choices=sorted(WORKS), help="only these works")
    wish = parser.parse_args()
    need(not (wish.check and wish.sample), "--sample judges nothing: leave out --check")
    if wish.sample:
        wish.rounds, wish.keys, wish.seconds = 3, 20, 5
    optimised()
    bench = Bench(wish)
    for name in wish.only or WORKS:
        WORKS[name](bench)
    bench.print()
    if wish.check:
        check(not bench.missed, "every budget is kept", str(bench.missed))
    else:
        check(bench.lines, f"{len(bench.lines)} works were measured")


class Bench:
    """The cache that all works start from, and the lines of the table."""

    def __init__(self, wish):
        self.wish, self.lines, self.missed = wish, [], []
        world = World()
        self.env = bare_environment() | world.variables | {
            "TERM": "xterm-256color",
            "WINDLASS_STATE_DIR": str(SCRATCH / "state"),
        }
        ended = run([WINDLASS, "status"], self.env)
        need(ended.code == 0, f"no cache was made: {ended.tail()}")
        world.stop()
        found = list((SCRATCH / "state").rglob("snapshot-*.json"))
        need(len(found) == 1, f"one cached snapshot was expected, not {found}")
        self.cache = found[0]
        self.small = self.cache.read_text()
        need(RELEASE in self.small, f"{RELEASE} is not in the cache")

    def with_cache(self, text):
        self.cache.write_text(text)

    def add(self, work, said, budget=None, held=True):
        if self.wish.sample:
            budget, held = None, True
        if not held:
            self.missed.append(work)
        judged = "–" if budget is None else f"{budget} {'✔' if held else '✘ missed'}"
        self.lines.append(f"| {work} | {said} | {judged} |")

    def print(self):
        print(f"\n`tests/bench/console.py`, {COLUMNS}x{LINES}, {machine()}\n")
        print("| work | measured | budget |")
        print("|---|---|---|")
        for line in self.lines:
            print(line, flush=True)


def multiplied(text, revisions=0, releases=0):
    """A cached snapshot with so many revisions of one charm, or so many releases."""
    kept = json.loads(text)
    snapshot = kept["value"]
    if revisions:
        facts = snapshot["charms"][CHARM]["value"]
        need(facts and facts["revisions"], f"the cache knows no revision of {CHARM}")
        model = facts["revisions"][0]
        facts["revisions"] = [model | {"revision": number, "version": str(number)} for number in range(revisions, 0, -1)]
    if releases:
        known = snapshot["releases"]["value"]
        model = known[0]
        for number in range(releases - len(known)):
            # Names that a calendar has; each with tags of its own, as releases of a day have.
            name = f"{2000 + number // 336 % 22}-{number // 28 % 12 + 1:02}-{number % 28 + 1:02}_{number}"
            images = {image: f"{tag}-{number}" for image, tag in model["images"].items()}
            known.append(model | {"name": name, "timestamp": None, "images": images})
    return json.dumps(kept)


class Console:
    """A console in a pseudo-terminal of its own."""

    def __init__(self, env, *arguments):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        os.set_blocking(self.master, False)
        self.seen = b""
        self.begun = time.perf_counter()
        self.process = subprocess.Popen(
            [str(WINDLASS), "--offline", *arguments], env=env,
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        )
        os.close(slave)

    def read(self, patience):
        """What it writes within `patience` seconds at most; nothing where it writes nothing."""
        if not select.select([self.master], [], [], patience)[0]:
            return b""
        try:
            found = os.read(self.master, 1 << 20)
        except OSError:  # EIO: the other side is gone
            found = b""
        need(found or self.process.poll() is None, f"the console ended: {self.seen[-600:]!r}")
        self.seen += found
        return found

    def until(self, wanted):
        """Seconds since the start when `wanted` had been written."""
        end = time.monotonic() + PATIENCE
        while wanted not in self.seen:
            need(time.monotonic() < end, f"{wanted!r} was not shown: {self.seen[-600:]!r}")
            self.read(0.5)
        return time.perf_counter() - self.begun

    def rest(self, quiet=0.15):
        """Reads until it has been quiet for a while."""
        while self.read(quiet):
            pass

    def send(self, key):
        """A key that may change nothing."""
        os.write(self.master, key)
        self.rest()

    def press(self, key):
        """Seconds from the key to the first byte of the answer."""
        begun = time.perf_counter()
        os.write(self.master, key)
        found = self.read(PATIENCE)
        taken = time.perf_counter() - begun
        need(found, f"no answer to {key!r}")
        # What belongs to the same frame, and the frames of what it set off.
        self.rest(0.02)
        return taken

    def close(self):
        stop(self.process)
        os.close(self.master)


@contextlib.contextmanager
def console(env, *arguments):
    opened = Console(env, *arguments)
    try:
        yield opened
    finally:
        opened.close()


def milliseconds(seconds):
    return f"{seconds * 1000:.1f} ms"


def spread(samples):
    ordered = sorted(samples)
    slow = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"{milliseconds(statistics.median(ordered))} (99 % within {milliseconds(slow)})"


# ---------------------------------------------------------------- works


def start(bench):
    """From the start of the process to a frame that shows the newest release out of the cache."""
    for label, text, budget in (
        ("start to first useful frame, warm cache", bench.small, FIRST_FRAME),
        (f"the same, {MANY:,} revisions of a charm", multiplied(bench.small, revisions=MANY), None),
    ):
        bench.with_cache(text)
        samples = []
        for _ in range(bench.wish.rounds):
            with console(bench.env) as opened:
                samples.append(opened.until(RELEASE.encode()))
        median = statistics.median(samples)
        said = budget and f"≤ {milliseconds(budget)}"
        bench.add(label, spread(samples), said, budget is None or median <= budget)


def keys(bench):
    """From a key to the first byte of the frame that answers it, in the longest lists."""
    bench.with_cache(multiplied(bench.small, revisions=MANY))
    with console(bench.env) as opened:
        opened.until(RELEASE.encode())
        opened.rest()
        # The pane of charms on the whole screen; the first of them is the one with the revisions.
        opened.send(b"3")
        opened.send(b"z")
        opened.send(b"\x1b[H")
        opened.seen = b""
        opened.send(b" ")
        opened.until(f"of {MANY // 100}".encode())
        judge(bench, opened, f"down, {MANY:,} revisions", [b"j"] * bench.wish.keys)
        judge(bench, opened, f"page down, {MANY:,} revisions", [b"\x1b[6~"] * bench.wish.keys)
        opened.send(b"\x1b[F")
        judge(bench, opened, f"page up, {MANY:,} revisions", [b"\x1b[5~"] * bench.wish.keys)
        filtered(bench, opened, f"{MANY:,} revisions")
    bench.with_cache(multiplied(bench.small, releases=MANY))
    with console(bench.env) as opened:
        opened.until(RELEASE.encode())
        opened.rest()
        opened.send(b"1")
        judge(bench, opened, f"page down, {MANY:,} releases", [b"\x1b[6~"] * bench.wish.keys)
        filtered(bench, opened, f"{MANY:,} releases")


def filtered(bench, opened, what):
    """Typed and taken back, letter by letter: no letter asks for the whole list to be read again."""
    opened.send(b"/")
    letters = [b"2", b"0", b"1", b"\x7f", b"\x7f", b"\x7f"]
    judge(bench, opened, f"a letter of a filter, {what}", letters * max(1, bench.wish.keys // len(letters)))
    opened.send(b"\x1b")


def judge(bench, opened, what, presses):
    samples = [opened.press(key) for key in presses]
    median = statistics.median(samples)
    bench.add(f"key to bytes out: {what}", spread(samples), f"≤ {milliseconds(KEY)}", median <= KEY)


def idle(bench):
    """Nobody touches anything: what /proc says of every thread of the process."""
    bench.with_cache(bench.small)
    with console(bench.env) as opened:
        opened.until(RELEASE.encode())
        opened.rest(1)
        before, cpu = switches(opened.process.pid), seconds_of_cpu(opened.process.pid)
        waked, written, known = 0, 0, before
        end = time.monotonic() + bench.wish.seconds
        while (left := end - time.monotonic()) > 0:
            # A look at /proc wakes nobody but us. Threads that wake each other within one are one.
            written += bool(opened.read(min(left, 0.25)))
            now = switches(opened.process.pid)
            waked += now != known
            known = now
        cpu = seconds_of_cpu(opened.process.pid) - cpu
    percent = cpu / bench.wish.seconds * 100
    span = f"{bench.wish.seconds:g} s"
    allowed = WAKE_UPS * max(1, -(-bench.wish.seconds // 60))
    bench.add(
        f"idle, {span}: wake-ups", f"{waked} ({known - before} switches of threads, {written} frames)",
        f"≤ {allowed:g}", waked <= allowed,
    )
    bench.add(f"idle, {span}: CPU", f"{percent:.2f} %", f"≤ {CPU:.1f} % (a tick is {TICK * 1000:g} ms)", cpu <= TICK)


def switches(pid):
    """How often threads of the process gave the processor away because they waited."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/task/{task}/status") as status:
            total += sum(int(line.split()[1]) for line in status if line.startswith("voluntary_ctxt_switches"))
    return total


def seconds_of_cpu(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK


WORKS = {"start": start, "keys": keys, "idle": idle}

if __name__ == "__main__":
    referee(main)
