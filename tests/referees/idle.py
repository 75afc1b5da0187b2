#!/usr/bin/env -S python3 -B
"""The console left alone draws nothing, asks nobody, and lets the processor sleep."""

import collections
import os
import re
import shutil
import time
from pathlib import Path

from terminal import Terminal
from world import FULL, SCRATCH, WINDLASS, Client, World, check, need, referee, start, stop

#: Seconds that it is watched. Ages on the screen change at a whole minute: a shorter watch lies within one.
LASTS = 30 if FULL else 10
#: Calls that end by themselves or by what they wait for: each that returns is a wake-up.
WAITS = ("epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select", "pselect6", "futex", "clock_nanosleep", "nanosleep", "read")
#: strace interrupts what it finds waiting; what returns this soon is its own doing.
SETTLES = 1.0
#: Threads that nobody needs any more end by themselves after ten seconds.
SPARE = 11


def main():
    world = World("idle", image_size=65_536)
    client = Client(world, "idle", env={"TERM": "xterm-256color"})
    terminal = Terminal([WINDLASS], client.env)
    terminal.expect("2 new")
    quiet(terminal)
    wait_within_minute()
    pid = terminal.process.pid
    traced, log = trace(pid)
    terminal.drain(SETTLES)
    shown, asked = len(terminal.shown), len(world.requests())
    switches, ticks, began = switched(pid), processor(pid), time.time()
    while time.time() - began < LASTS:
        need(terminal.drain(0.5), "the console ended")
    lasted = time.time() - began
    drawn, asked = len(terminal.shown) - shown, len(world.requests()) - asked
    switches, ticks = switched(pid) - switches, processor(pid) - ticks
    # A watch that sees nothing must be one that would have seen something.
    pressed, before = time.time(), (len(terminal.shown), switched(pid))
    terminal.send(b"j")
    terminal.drain(1)
    noticed = [len(terminal.shown) > before[0], switched(pid) > before[1]]
    if traced:
        stop(traced)
        noticed.append(sum(returned(log, pressed, pressed + 1).values()) > 0)
    check(all(noticed), "a key is noticed by every means of this watch", f"{noticed}")
    check(drawn == 0, f"idle for {lasted:.0f} s: no byte drawn", f"{drawn} bytes: {terminal.shown[-drawn:]!r}")
    check(asked == 0, "no request sent", f"{asked} requests")
    check(ticks == 0, "no tick of the processor", f"{ticks} ticks of {1000 // os.sysconf('SC_CLK_TCK')} ms")
    if traced:
        calls = returned(log, began, began + lasted)
        told = ", ".join(f"{count} {call}" for call, count in calls.most_common()) or "none"
        woken = sum(calls[call] for call in WAITS)
        # A minute holds one timer of its own: the next change of an age, or the next refresh.
        check(woken <= 1, f"{woken} wake-ups under strace (system calls that returned: {told})", "more than one a minute")
    else:
        # Nobody may trace here: how often a thread gave the processor back says the same, less exactly.
        check(switches <= 2, f"{switches} wake-ups by /proc (nobody may trace here)", "more than one a minute")
    terminal.send(b"q")
    code = terminal.end(20)
    check(code == 0, "it leaves at once when asked", f"exit {code}")


def quiet(terminal):
    """Waits until nothing was drawn for a while."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        before = len(terminal.shown)
        terminal.drain(0)
        time.sleep(2)
        terminal.drain(0)
        if len(terminal.shown) == before:
            time.sleep(SPARE)
            return
    need(False, "it draws on and on")


def wait_within_minute():
    """Returns early enough in a minute."""
    now = time.time() % 60
    if now + SETTLES + LASTS + 2 > 60 or now < 1:
        time.sleep(61.5 - now if now >= 1 else 1.5 - now)


def trace(pid):
    """(strace at work on `pid`, its log), or (None, None) where it may not."""
    if not shutil.which("strace"):
        return None, None
    log = SCRATCH / "strace"
    process = start(["strace", "-f", "-qq", "-ttt", "-o", log, "-p", pid])
    time.sleep(0.5)
    return (process, log) if process.poll() is None and log.exists() else (None, None)


def returned(log, begin, end):
    """{system call: how often it returned} between two instants."""
    calls = collections.Counter()
    for line in log.read_text(errors="replace").splitlines():
        found = re.match(r"\d+ +(\d+\.\d+) (?:<\.\.\. (\w+) resumed>|(\w+)\()", line)
        if found and begin <= float(found[1]) <= end and not line.endswith("<unfinished ...>"):
            calls[found[2] or found[3]] += 1
    return calls


def switched(pid):
    """How often its threads gave the processor back."""
    total = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status.read_text(), re.MULTILINE)[1])
    return total


def processor(pid):
    """Ticks of the processor that it has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


referee(main)
