#!/usr/bin/env -S python3 -B
"""A run of another windlass on the same journal appears in an idle console within two seconds."""

import time

from terminal import Terminal
from world import WINDLASS, Client, World, check, need, referee


def main():
    world = World("two-windlass", image_size=65_536)
    client = Client(world, "two-windlass", env={"TERM": "xterm-256color"})
    terminal = Terminal([WINDLASS], client.env)
    terminal.expect("2 new")
    while True:
        before = len(terminal.shown)
        terminal.drain(2)
        if len(terminal.shown) == before:
            break
    began = time.monotonic()
    held = client.run("hold", "2024-01-06", "--yes")
    need(held.code == 0, held.tail())
    ended = time.monotonic()
    terminal.expect("Hold 2024-01-06", patience=20)
    took = time.monotonic() - ended
    check(took < 2, f"the run is shown {took:.1f} s after its end", f"began {time.monotonic() - began:.1f} s before")
    terminal.send(b"q")
    check(terminal.end(20) == 0, "the console leaves", "it does not")


referee(main)
