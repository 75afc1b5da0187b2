"""Runs commands and writes what they cost: seconds, processor seconds, peak memory.

`peak.py RESULT together|in-turn JSON-LIST-OF-COMMANDS`. A process of its own and as small as Python
is: a child's peak memory is never told as less than that of what started it.
"""

import json
import os
import sys
import time


def main():
    result, order, commands = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    quiet = os.open(os.devnull, os.O_RDONLY)
    said = os.open(result + ".out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    actions = [(os.POSIX_SPAWN_DUP2, quiet, 0), (os.POSIX_SPAWN_DUP2, said, 1), (os.POSIX_SPAWN_DUP2, said, 2)]
    usage, codes = [], []

    def wait(count):
        for _ in range(count):
            _, status, used = os.wait4(-1, 0)
            codes.append(os.waitstatus_to_exitcode(status))
            usage.append(used)

    started = time.monotonic()
    for command in commands:
        os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
        if order == "in-turn":
            wait(1)
    if order == "together":
        wait(len(commands))
    wall = time.monotonic() - started
    rss = [used.ru_maxrss * 1024 for used in usage]
    with open(result, "w") as file:
        json.dump({
            "wall": wall, "cpu": sum(used.ru_utime + used.ru_stime for used in usage), "codes": codes,
            "rss": max(rss) if order == "in-turn" else sum(rss),
        }, file)


main()
