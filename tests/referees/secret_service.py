#!/usr/bin/env -S python3 -B
"""Where a sign-in is kept: a real Secret Service (gnome-keyring on a bus of its own), which the
real charmcraft reads and writes too; without one, a file that the real age opens."""

import contextlib
import json
import subprocess

from rotation import exchanges, private, token_in
from terminal import Terminal, answer
from world import (
    REFEREES, SCRATCH, Client, World, bare_environment, charmcraft, charmcraft_place, check, need, referee, run,
    start, wait_for,
)

NOBODY = {"CHARMCRAFT_AUTH": None}
TYPED = NOBODY | {"WINDLASS_SSO_EMAIL": None, "WINDLASS_SSO_PASSWORD": None, "WINDLASS_SSO_OTP": None}
#: The bus stays as long as its stdin is open: it goes with the referee, whatever becomes of that.
BUS = 'printf %s "$DBUS_SESSION_BUS_ADDRESS" > "$1.draft" && mv "$1.draft" "$1" && exec cat'
ITEMS = """
import json, secretstorage, sys
service = secretstorage.dbus_init()
items = list(secretstorage.search_items(service, {"service": "charmcraft", "username": sys.argv[1]}))
json.dump([item.get_secret().decode() for item in items], sys.stdout)
"""
LOCK = """
import secretstorage
secretstorage.get_default_collection(secretstorage.dbus_init()).lock()
"""


def main():
    world = World("keyring")
    without(world)
    file(world)
    with bus() as session:
        kept(world, session)
        of_charmcraft(world, session)
        locked(world, session)


@contextlib.contextmanager
def bus():
    """The variables that lead to an open keyring, as long as it is there."""
    runtime = SCRATCH / "runtime"
    runtime.mkdir(mode=0o700)
    environment = bare_environment() | {"XDG_RUNTIME_DIR": str(runtime)}
    place = SCRATCH / "bus-address"
    log = open(SCRATCH / "bus.log", "wb")
    session = start(
        ["dbus-run-session", "--", "sh", "-c", BUS, "sh", place], env=environment, stdin=subprocess.PIPE, stdout=log, stderr=log
    )
    try:
        wait_for("the session bus", place.exists, session)
        environment["DBUS_SESSION_BUS_ADDRESS"] = place.read_text()
        yield keyring(environment, log)
    finally:
        # Told to stop it would leave its bus behind; without a session to run it ends that too.
        session.stdin.close()
        session.wait(10)
        log.close()


def keyring(environment, log):
    """Starts gnome-keyring on the bus, open; gives the variables that lead there."""
    daemon = start(
        ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"], env=environment,
        stdin=subprocess.PIPE, stdout=log, stderr=log,
    )
    daemon.stdin.write(b"the keyring's own password")
    daemon.stdin.close()
    lead = {name: environment[name] for name in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")}

    def there():
        asked = script("import secretstorage as s; assert not s.get_default_collection(s.dbus_init()).is_locked()", lead)
        return asked.code == 0

    wait_for("gnome-keyring", there, daemon)
    return lead


def script(text, session, *arguments):
    """Runs a script with the Secret Service library that charmcraft came with."""
    return run([REFEREES / "charmcraft-4.5.0/bin/python", "-I", "-c", text, *arguments], bare_environment() | session)


def items(world, session):
    """What the keyring holds for the demo's store."""
    asked = script(ITEMS, session, world.api.removeprefix("http://"))
    need(asked.code == 0, f"secretstorage: {asked.tail()}")
    return json.loads(asked.out)


def account(answer):
    return answer.code == 0 and answer.json["credential"]["account"] == "legend-releaser"


def kept(world, session):
    client = Client(world, "keyring-client", NOBODY | session)
    asked = client.run("whoami", "--json")
    check(asked.code == 4, "an empty keyring: whoami exits 4", asked.tail())
    done = client.run("login", "--yes")
    held = items(world, session)
    check(
        done.code == 0 and len(held) == 1 and token_in(held[0].encode()) is not None,
        "windlass login keeps one entry in the Secret Service: the bare export", f"{len(held)} entries; {done.tail()}",
    )
    check(bool(held) and held[0] not in done.out + done.err, "the entry is not shown", "it is")
    asked = charmcraft(world, "4.5.0", "whoami", env=NOBODY | session)
    check(asked.code == 0 and "legend" in asked.out.lower(), "charmcraft 4.5.0 finds it there", asked.tail())
    asked = charmcraft(world, "4.5.0", "status", "finos-legend-studio-k8s", env=NOBODY | session)
    check(asked.code == 0, "charmcraft 4.5.0 works with it", asked.tail())
    asked = client.run("whoami", "--json")
    check(account(asked), "windlass finds it there", asked.tail())
    done = client.run("login", "--yes")
    now = items(world, session)
    check(done.code == 0 and len(now) == 1 and now != held, "another login takes its place: one entry still", f"{len(now)} entries; {done.tail()}")
    done = client.run("logout", "--yes")
    check(done.code == 0 and items(world, session) == [], "windlass logout removes the entry", done.tail())
    asked = charmcraft(world, "4.5.0", "whoami", env=NOBODY | session)
    check("not logged in" in (asked.out + asked.err).lower(), "charmcraft 4.5.0 is logged out too", asked.tail())
    done = client.run("logout", "--yes")
    check(done.code == 0, "logout once more: nothing to do", done.tail())


def of_charmcraft(world, session):
    """What the real charmcraft keeps there."""
    email, password, otp = (world.variables[f"WINDLASS_SSO_{name}"] for name in ("EMAIL", "PASSWORD", "OTP"))
    program, environment, folder = charmcraft_place(world, "4.5.0", TYPED | session)
    terminal = Terminal([program, "login"], environment, cwd=folder)
    code = answer(terminal, ("Email address", email), ("Password", password), ("One-time password", otp))
    held = items(world, session)
    check(code == 0 and len(held) == 1, "charmcraft 4.5.0 logs in and keeps its entry", f"exit {code} {terminal.shown[-600:]!r}")
    client = Client(world, "found-client", NOBODY | session)
    asked = client.run("whoami", "--json")
    check(account(asked), "windlass finds the entry of charmcraft", asked.tail())
    shown = client.run("credentials", "--json")
    names = [entry["name"] for entry in shown.json["credentials"] if entry["kind"] == "charmhub" and entry["account"]]
    check(bool(names) and held[0] not in shown.out, "credentials shows it, not its value", shown.tail())
    done = client.run("login", "--yes")
    now = items(world, session)
    check(
        done.code == 0 and len(now) == 1 and now != held, "windlass login takes the place of charmcraft's entry",
        f"{len(now)} entries; {done.tail()}",
    )
    asked = charmcraft(world, "4.5.0", "whoami", env=NOBODY | session)
    check(asked.code == 0, "charmcraft 4.5.0 reads the one entry", asked.tail())
    asked = charmcraft(world, "4.5.0", "logout", env=NOBODY | session)
    check(asked.code == 0 and items(world, session) == [], "charmcraft logout clears it", asked.tail())
    asked = client.run("whoami", "--json")
    check(asked.code == 4, "windlass is logged out too", asked.tail())


def refused(world, client, what, named):
    mark = world.mark()
    done = client.run("login", "--yes", "--json", timeout=60)
    asked = [entry["path"] for entry in world.requests(mark) if entry["method"] == "POST"]
    text = json.dumps(done.problem or {})
    missing = [word for word in (*named, "--passphrase-file", "--export") if word not in text]
    check(
        done.code in (3, 4) and not missing and not asked,
        f"{what}: exit {done.code} before signing in, names the alternatives", f"{missing} {asked} {done.tail()}",
    )


def locked(world, session):
    need(script(LOCK, session).code == 0, "the keyring cannot be locked")
    client = Client(world, "locked-client", NOBODY | session)
    refused(world, client, "a locked keyring", ["locked"])
    asked = client.run("whoami", "--json", timeout=60)
    check(asked.code == 4 and "locked" in json.dumps(asked.problem or {}), "a locked keyring: whoami says so", asked.tail())
    done = client.run("releases", "--json", timeout=60)
    check(done.code == 0, "a locked keyring: reading works", done.tail())


def without(world):
    nowhere = {"XDG_RUNTIME_DIR": str(SCRATCH / "nowhere"), "DBUS_SESSION_BUS_ADDRESS": None}
    refused(world, Client(world, "no-bus-client", NOBODY | nowhere), "no keyring", ["keyring"])


def file(world):
    """The encrypted file, chosen openly."""
    nowhere = {"XDG_RUNTIME_DIR": str(SCRATCH / "nowhere"), "DBUS_SESSION_BUS_ADDRESS": None}
    client = Client(world, "file-client", NOBODY | nowhere)
    passphrase = "correct horse battery staple"
    key = private("passphrase", passphrase.encode() + b"\n")
    done = client.run("login", "--yes", "--passphrase-file", key)
    files = [path for path in client.state.rglob("*.age")]
    check(done.code == 0 and len(files) == 1, "login --passphrase-file keeps an encrypted file", f"{files} {done.tail()}")
    need(files, "no encrypted file")
    check(files[0].stat().st_mode & 0o777 == 0o600, "the encrypted file is 0600", oct(files[0].stat().st_mode))
    content = files[0].read_bytes()
    terminal = Terminal(["age", "--decrypt", "--output", SCRATCH / "decrypted", files[0]], bare_environment())
    code = answer(terminal, ("passphrase", passphrase))
    text = (SCRATCH / "decrypted").read_text() if code == 0 else ""
    held = [value for value in json.loads(text or "{}").values()]
    check(
        len(held) == 1 and token_in(held[0].encode()) is not None, "the real age opens it with the passphrase: one export is in it",
        f"exit {code} {terminal.shown[-300:]!r}",
    )
    plain = [form for form in (held or [""]) if not form or form.encode() in content or token_in(form.encode()).encode() in content]
    check(not plain, "it does not hold the token in the open", "it does")
    asked = client.run("whoami", "--json", "--passphrase-file", key)
    check(account(asked), "whoami --passphrase-file opens it", asked.tail())
    wrong = private("wrong-passphrase", b"another passphrase")
    asked = client.run("whoami", "--json", "--passphrase-file", wrong)
    check(asked.code == 4 and "passphrase" in json.dumps(asked.problem or {}), "a wrong passphrase: exit 4, said", asked.tail())
    asked = client.run("whoami", "--json")
    check(asked.code == 4, "without the passphrase it counts as absent: exit 4", asked.tail())
    key.chmod(0o644)
    mark = world.mark()
    asked = client.run("login", "--yes", "--json", "--passphrase-file", key)
    check(
        asked.code == 4 and "chmod 600" in json.dumps(asked.problem or {}) and not exchanges(world.requests(mark)),
        "a passphrase file that others can read is refused before signing in", asked.tail(),
    )
    key.chmod(0o600)
    done = client.run("logout", "--yes", "--passphrase-file", key)
    asked = client.run("whoami", "--json", "--passphrase-file", key)
    check(done.code == 0 and asked.code == 4, "logout removes it from the file", f"{done.tail()} {asked.tail()}")


referee(main)
