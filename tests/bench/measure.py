"""How benchmarks measure: peers take turns, medians are compared, budgets are judged, one table.

Owns samples and rows. Knows nothing of images; `world` is the referees'.
"""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPO = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "referees"))
os.environ.setdefault("WINDLASS_BIN", str(REPO / "target/release/windlass"))

from world import SCRATCH, WINDLASS, bare_environment, need  # noqa: E402

#: What is made once and kept between runs.
KEPT = REPO / "target/bench"


class Sample:
    def __init__(self, wall, cpu, rss, said=""):
        self.wall, self.cpu, self.rss, self.said = wall, cpu, rss, said


def sample(commands, env=None, together=False, may_fail=False):
    """Runs commands, measured from outside; all have to end well."""
    result = SCRATCH / "sample.json"
    commands = [[str(word) for word in command] for command in commands]
    order = "together" if together else "in-turn"
    # -I -S: nothing but the interpreter, so that its memory hides as little as can be.
    command = [sys.executable, "-I", "-S", "-B", str(HERE / "peak.py"), str(result), order, json.dumps(commands)]
    ended = subprocess.run(command, env=bare_environment() | (env or {}), capture_output=True, text=True)
    need(ended.returncode == 0, f"the measuring of {commands[0][0]} broke: {ended.stderr[-600:]}")
    said = Path(f"{result}.out").read_text(errors="replace")
    found = json.loads(result.read_text())
    need(may_fail or not any(found["codes"]), f"{' '.join(commands[0][:6])}: exit {found['codes']}: {said[-900:]}")
    return Sample(found["wall"], found["cpu"], found["rss"], said)


def in_turns(rounds, peers):
    """{peer: median sample} of `peers`, {name: a function that prepares and gives a sample}.

    Every round runs each peer once, every other round backwards, so that whatever the machine does
    meanwhile strikes all alike."""
    samples = {name: [] for name in peers}
    for turn in range(rounds):
        order = list(peers) if turn % 2 == 0 else list(reversed(peers))
        for name in order:
            samples[name].append(peers[name]())
    return {name: median(found) for name, found in samples.items()}


def median(samples):
    return Sample(*(statistics.median(getattr(one, part) for one in samples) for part in ("wall", "cpu", "rss")))


class Row:
    """One line of the table: windlass beside a peer."""

    def __init__(self, work, ours, peer_name, peer, wall=None, cpu=None, rss=None, seconds=None):
        """Budgets: `wall` and `cpu` as parts of the peer's, `rss` in bytes, `seconds` in itself."""
        self.work, self.ours, self.peer_name, self.peer = work, ours, peer_name, peer
        self.budgets = []
        if wall:
            self._judge(f"wall ≤ {wall:g}x", ours.wall <= wall * peer.wall)
        if cpu:
            self._judge(f"CPU ≤ {cpu:g}x", ours.cpu <= cpu * peer.cpu)
        if rss:
            self._judge(f"RSS ≤ {rss / 2**20:.0f} MB", ours.rss <= rss)
        if seconds:
            self._judge(f"≤ {seconds:g} s", ours.wall <= seconds)

    def _judge(self, budget, held):
        self.budgets.append((budget, held))

    @property
    def held(self):
        return all(held for _, held in self.budgets)

    def line(self):
        def cost(one):
            if one is None:
                return "–"
            cpu = "" if one.cpu is None else f", CPU {one.cpu:.2f} s"
            rss = "" if one.rss is None else f", {one.rss / 2**20:.0f} MB"
            return f"{one.wall:.{2 if one.wall >= 1 else 3}f} s{cpu}{rss}"

        if self.peer is None:
            ratio = "–"
        else:
            ratio = f"{self.ours.wall / self.peer.wall:.2f}x"
            if self.ours.cpu is not None and self.peer.cpu:
                ratio += f", CPU {self.ours.cpu / self.peer.cpu:.2f}x"
        budget = ", ".join(f"{text} {'✔' if held else '✘ missed'}" for text, held in self.budgets) or "–"
        peer = "–" if self.peer is None else f"{self.peer_name}: {cost(self.peer)}"
        return f"| {self.work} | {cost(self.ours)} | {peer} | {ratio} | {budget} |"


class Table:
    """Rows as they come; printed whole at the end."""

    def __init__(self, title):
        self.title, self.rows = title, []

    def add(self, *arguments, **options):
        row = Row(*arguments, **options)
        self.rows.append(row)
        print(row.line(), file=sys.stderr, flush=True)

    def print(self):
        print(f"\n{self.title}\n")
        print("| work | windlass | peer | ratio | budget |")
        print("|---|---|---|---|---|")
        for row in self.rows:
            print(row.line(), flush=True)

    def missed(self):
        return [row.work for row in self.rows if not row.held]


def optimised():
    """Only an optimised windlass is worth measuring."""
    need(WINDLASS.exists(), f"{WINDLASS} is not there: cargo build --release, or set WINDLASS_BIN")
    return WINDLASS


def machine():
    cpus = os.cpu_count()
    model = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "?"
    )
    return f"{cpus} processors ({model})"
