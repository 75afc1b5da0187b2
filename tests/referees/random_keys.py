#!/usr/bin/env -S python3 -B
"""Keys, mouse, pastes and sizes at random do not break the console, do not hold it, and change nothing."""

import os
import random
import time

from terminal import Terminal
from world import FULL, RELEASE, WINDLASS, Client, World, check, is_write, need, referee

#: Seconds of storm for each console.
LASTS = 300 if FULL else 11
SEED = int(os.environ.get("WINDLASS_SEED", random.SystemRandom().randrange(1 << 32)))
#: What confirms is `yes`, a release, a charm or a secret. Each holds one of these, which are never typed; neither
#: are q, which leaves, and o, which looks for a browser.
NEVER = set("s0Aqo")
CONFIRMS = ("yes", RELEASE, "finos-legend-engine-k8s", "finos-legend-bundle", "CHARMHUB_TOKEN", "CHARMCRAFT_AUTH")
LETTERS = [chr(code) for code in range(32, 127) if chr(code) not in NEVER]
#: Ctrl-C leaves, Ctrl-Z stops; Ctrl-M is Enter and Ctrl-I is Tab.
CONTROLS = [chr(code) for code in range(1, 27) if chr(code) not in "\x03\x1a"]
KEYS = [
    "\r", "\r", "\r", "\x1b", "\t", "\x1b[Z", "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[5~", "\x1b[6~", "\x1b[H", "\x1b[F",
    "\x7f", "\x1b[3~", "\x1bOP", "\x1b[15~", "\x1bx", "\x1b[1;5A", "\x1b[I", "\x1b[O", "é", "漢", "\U0001f680", "\u202e", "\x1b[",
    "\x1b[<", "\x1bO",
]
#: Openings of rooms that random keys seldom find.
WAYS = ["1p", "1P", "1H", "1i", "2i", "2x", "2b", "2P", "3u", "3e", "3 ", "3i", "4R", "4L", "4X", "5w", "5b", "5r", "5\r", "?", "/", "z", "p\r"]
GIVEN_BACK = (("\x1b[?1049h", "\x1b[?1049l"), ("\x1b[?1000h", "\x1b[?1000l"), ("\x1b[?2004h", "\x1b[?2004l"), ("\x1b[?25l", "\x1b[?25h"))


def main():
    print(f"seed {SEED} (WINDLASS_SEED repeats it)", flush=True)
    for word in CONFIRMS:
        need(set(word) & NEVER, f"{word!r} could be typed")
    world = World("keys", image_size=65_536)
    storm(world, "read-only", ["--read-only"], random.Random(SEED))
    storm(world, "writable", [], random.Random(SEED + 1))
    hang_up(world)


def storm(world, name, options, chance):
    since = world.mark()
    client = Client(world, name, env={"TERM": "xterm-256color", "PATH": str(world.dir), "DOCKER_HOST": "unix:///nonexistent", "PAGER": "true", "EDITOR": "true"})
    until = time.monotonic() + LASTS
    sent, left, wrong = 0, 0, []
    terminal = open_console(client, options)
    while time.monotonic() < until and not wrong:
        piece = piece_of(chance)
        if callable(piece):
            piece(terminal)
        else:
            sent += 1
            terminal.send(piece.encode())
        # Of minutes of frames only the last are looked at; all of them would be copied at every read.
        if len(terminal.shown) > 1 << 20:
            terminal.shown = terminal.shown[-(1 << 16):]
        if not terminal.drain(chance.choice((0, 0, 0, 0.01, 0.05))):
            # Help does any action that is chosen in it, and one of them is to leave.
            wrong += ended(terminal)
            left += 1
            terminal = open_console(client, options)
    if not wrong:
        wrong += leave(terminal)
    what = f"{name}: {sent} pieces of random input in {LASTS} s"
    check(not wrong, f"{what}: no panic, never stuck, left with 0 and the terminal given back ({left} times from help)",
          f"seed {SEED}: {'; '.join(wrong)}")
    writes = [f"{entry['method']} {entry['path']}" for entry in world.requests(since) if is_write(entry)]
    check(not writes, f"{what}: {len(world.requests(since))} requests, none of which changes anything", f"seed {SEED}: {writes[:5]}")


def open_console(client, options):
    terminal = Terminal([WINDLASS, *options], client.env)
    terminal.expect("Releases")
    return terminal


def piece_of(chance):
    """Text to send, or something to do with the terminal."""
    kind = chance.random()
    if kind < 0.35:
        return chance.choice(LETTERS)
    if kind < 0.6:
        return chance.choice(KEYS)
    if kind < 0.65:
        return chance.choice(CONTROLS)
    if kind < 0.75:
        return chance.choice(WAYS)
    if kind < 0.9:
        button = chance.choice((0, 0, 0, 1, 2, 32, 35, 64, 65, 66, 4, 16))
        column, row = chance.randrange(1, 130), chance.randrange(1, 45)
        return f"\x1b[<{button};{column};{row}{chance.choice('MMMm')}"
    if kind < 0.95:
        text = chance.choice((*CONFIRMS, "\r", "x" * 3000, "a\nb\r\nc", "\x00\x07\x1b[2J", "docker.io/finos/legend-studio:13.16.0", "\u202etxt"))
        return f"\x1b[200~{text}\x1b[201~{chance.choice(('', chr(13)))}"
    rows, columns = chance.choice(((24, 80), (40, 120), (10, 44), (chance.randrange(1, 70), chance.randrange(1, 240))))
    return lambda terminal: terminal.size(rows, columns)


def leave(terminal):
    """Esc and q, each known to be read before the next one goes; what is wrong. What ends a report that random keys
    may have begun goes first: until then every key counts to it."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for key in ("m", "c", "\x1b[201~", "\x1b", "q"):
            terminal.send(key.encode())
            there = terminal.taken_in()
            if there is None:
                return [f"stuck: no key is read any more; last {terminal.shown[-300:]!r}"]
            if not there:
                return ended(terminal)
    return [f"it cannot be left; last {terminal.shown[-300:]!r}"]


def ended(terminal):
    code = terminal.end(20)
    wrong = [] if code == 0 else [f"it ended with {code}: {terminal.shown[-500:]!r}"]
    if "panicked" in terminal.shown:
        wrong.append(f"it panicked: {terminal.shown[-500:]!r}")
    wrong += [f"{back!r} was not sent last" for taken, back in GIVEN_BACK if terminal.shown.rfind(taken) >= terminal.shown.rfind(back)]
    return wrong


def hang_up(world):
    """A terminal that goes away takes the console with it."""
    client = Client(world, "hang-up", env={"TERM": "xterm-256color"})
    terminal = open_console(client, [])
    terminal.drain(0.5)
    os.close(terminal.ours)
    until = time.monotonic() + 20
    while terminal.process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    code = terminal.process.poll()
    check(code is not None and code >= 0, f"a terminal that goes away ends the console ({code})",
          "it is there still after 20 s" if code is None else f"signal {-code}")


referee(main)
