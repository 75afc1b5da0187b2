#!/usr/bin/env -S python3 -B
"""Signing in: the real charmcrafts accept what windlass exports, windlass what each of them does;
at a terminal nothing that is typed in secret is shown; a registry's login is kept as skopeo reads it."""

import base64
import json
from datetime import timedelta

from rotation import DB, caveats, exchanges, moment, opened, private, token_in, whoami
from terminal import Terminal, answer
from world import SCRATCH, WINDLASS, Client, World, charmcraft, charmcraft_place, check, is_write, merged, need, referee, run

#: Without a credential of the caller's own.
NOBODY = {"CHARMCRAFT_AUTH": None}
#: With nothing to sign in by but the terminal.
TYPED = NOBODY | {"WINDLASS_SSO_EMAIL": None, "WINDLASS_SSO_PASSWORD": None, "WINDLASS_SSO_OTP": None}
DAY = 86400


def main():
    world = World("login")
    client = Client(world, "login-client")
    file = exports(world, client)
    narrows(world, client)
    refuses(world, client, file)
    at_a_terminal(world, client)
    of_charmcraft(world, client)
    registry(world)


def exports(world, client):
    """`login --export`, and who accepts the file."""
    file = SCRATCH / "export"
    done = client.run("login", "--export", file, "--yes", env=NOBODY)
    need(done.code == 0 and file.exists(), f"login --export: {done.tail()}")
    value = file.read_bytes()
    token = token_in(value)
    check(file.stat().st_mode & 0o777 == 0o600, "login --export: the file is 0600", oct(file.stat().st_mode))
    check(token is not None, "login --export: base64 of the bare token, no newline", f"{len(value)} bytes")
    check(str(file) in done.err or file.name in done.err, "login --export: a warning names the file", done.tail())
    check(not hidden(value, token, done.out + done.err), "login --export: the token is not shown", "it is")
    for version in ("4.5.0", "4.3.1"):
        for command in (("whoami",), ("status", "finos-legend-studio-k8s")):
            used = charmcraft(world, version, *command, env={"CHARMCRAFT_AUTH": value.decode()})
            check(used.code == 0, f"charmcraft {version} {command[0]} accepts what windlass exports", used.tail())
    return file


def hidden(value, token, text):
    """What of the secret is in the text."""
    return [form for form in (value.decode(), token or value.decode()) if form in text]


def narrows(world, client):
    """charmcraft's flags, and the least that is asked for without them."""
    file = SCRATCH / "narrow"
    done = client.run(
        "login", "--export", file, "--yes", "--charm", "finos-legend-engine-k8s", "--charm", "finos-legend-sdlc-k8s",
        "--bundle", "finos-legend-bundle", "--channel", "latest/edge", "--permission", "package-view", "--ttl", str(2 * DAY),
        env=NOBODY,
    )
    need(done.code == 0, f"login with charmcraft's flags: {done.tail()}")
    token = token_in(file.read_bytes())
    status, me = whoami(world, token)
    packages = {(package["type"], package["name"]) for package in me.get("packages") or []}
    check(
        status == 200 and packages == {("charm", "finos-legend-engine-k8s"), ("charm", "finos-legend-sdlc-k8s"), ("bundle", "finos-legend-bundle")}
        and me["channels"] == ["latest/edge"] and me["permissions"] == ["package-view"],
        "login --charm --bundle --channel --permission: the token is for no more than these", f"{status} {me}",
    )
    said = caveats(token)
    lasts = moment(said["time-before"]) - moment(said["time-since"])
    check(abs(lasts - timedelta(days=2)) < timedelta(seconds=5), "login --ttl: the token lasts as long", str(lasts))


def refuses(world, client, file):
    """Before anybody signs in."""
    kept = file.read_bytes()
    mark = world.mark()
    for what, arguments, named in (
        ("over a file that is there", ("--export", file, "--yes"), "--force"),
        ("without a terminal and without --yes", ("--export", SCRATCH / "unconfirmed"), "--yes"),
        ("read-only", ("--export", SCRATCH / "unwritten", "--yes", "--read-only"), "read-only"),
    ):
        done = client.run("login", *arguments, env=NOBODY)
        check(done.code == 3 and named in done.err, f"login {what}: exit 3, names {named}", done.tail())
    asked = [entry["path"] for entry in world.requests(mark) if is_write(entry)]
    check(not asked, "each of these before signing in", str(asked))
    check(file.read_bytes() == kept, "the file that was there is as it was", "it is not")
    check(not (SCRATCH / "unconfirmed").exists() and not (SCRATCH / "unwritten").exists(), "no file was begun", "one was")
    file.chmod(0o644)
    done = client.run("login", "--export", file, "--force", "--yes", env=NOBODY)
    check(
        done.code == 0 and file.read_bytes() != kept and file.stat().st_mode & 0o777 == 0o600,
        "login --export --force writes it anew, 0600 again", done.tail(),
    )
    mark = world.mark()
    done = client.run("login", "--export", SCRATCH / "unasked", "--yes", env=TYPED)
    check(done.code == 4 and not exchanges(world.requests(mark)), "login with nobody to ask: exit 4", done.tail())


def at_a_terminal(world, client):
    email, password, otp = (world.variables[f"WINDLASS_SSO_{name}"] for name in ("EMAIL", "PASSWORD", "OTP"))
    file = SCRATCH / "typed"
    terminal = Terminal([WINDLASS, "login", "--export", file, "--yes"], merged(client.env, TYPED))
    code = answer(terminal, ("Email address: ", email), ("Password: ", password), ("One-time password: ", otp))
    check(
        code == 0 and file.exists() and token_in(file.read_bytes()) is not None,
        "windlass login at a terminal: e-mail, password and one-time password typed", f"exit {code} {terminal.shown[-600:]!r}",
    )
    check(
        password not in terminal.shown and terminal.shown_at == ["Email address: "],
        "the echo is off when the password is asked for, not a moment later", f"{terminal.shown_at} {terminal.shown[-600:]}",
    )
    # The confirmation names what cannot be undone; then the sign-in.
    terminal = Terminal([WINDLASS, "rotate", "--target", f"{DB}:CHARMHUB_TOKEN"], merged(client.env, TYPED))
    code = answer(
        terminal, ("Type CHARMHUB_TOKEN to continue", "CHARMHUB_TOKEN"), ("Email address: ", email), ("Password: ", password),
        ("One-time password: ", otp),
    )
    check(
        code == 0 and token_in(opened(world)[DB, "CHARMHUB_TOKEN"]) is not None and password not in terminal.shown
        and terminal.shown_at == ["Type CHARMHUB_TOKEN to continue", "Email address: "],
        "windlass rotate at a terminal: confirmed and signed in by typing",
        f"exit {code} {terminal.shown_at} {terminal.shown[-600:]!r}",
    )
    mark = world.mark()
    terminal = Terminal([WINDLASS, "rotate", "--target", f"{DB}:CHARMHUB_TOKEN"], merged(client.env, TYPED))
    code = answer(terminal, ("Type CHARMHUB_TOKEN to continue", "yes"))
    check(code == 3 and not exchanges(world.requests(mark)), "anything else typed: exit 3, nothing minted", f"exit {code}")
    terminal = Terminal([WINDLASS, "login", "--export", SCRATCH / "mistyped", "--yes"], merged(client.env, TYPED))
    terminal.expect("Email address: ")
    terminal.type(email)
    terminal.expect("Password: ")
    terminal.type("not-the-password")
    # Asked again, or told and ended: both are fair, as long as nothing is minted and Ctrl-C ends it.
    terminal.expect("assword")
    terminal.type("\x03")
    code = terminal.end(30)
    check(
        code not in (0, -1) and not (SCRATCH / "mistyped").exists() and "not-the-password" not in terminal.shown,
        "a wrong password at a terminal: said, no file, not echoed", f"exit {code} {terminal.shown[-600:]!r}",
    )


def of_charmcraft(world, client):
    """What the real charmcrafts export."""
    email, password, otp = (world.variables[f"WINDLASS_SSO_{name}"] for name in ("EMAIL", "PASSWORD", "OTP"))
    new, old = SCRATCH / "of-4.5.0", SCRATCH / "of-4.3.1"
    program, environment, folder = charmcraft_place(world, "4.5.0", TYPED)
    terminal = Terminal([program, "login", "--export", new], environment, cwd=folder)
    code = answer(terminal, ("Email address", email), ("Password", password), ("One-time password", otp))
    check(code == 0 and new.exists(), "charmcraft 4.5.0 signs in at a terminal: e-mail, password, one-time password", f"exit {code} {terminal.shown[-900:]!r}")
    # 4.3.1 opens a browser; the demo's identity service consents without one.
    done = charmcraft(world, "4.3.1", "login", "--export", old, env=NOBODY | {"BROWSER": "/bin/true"})
    check(done.code == 0 and old.exists(), "charmcraft 4.3.1 signs in through the demo's identity service", done.tail())
    for version, file in (("4.5.0", new), ("4.3.1", old)):
        value = file.read_text() if file.exists() else ""
        used = client.run("whoami", "--json", env={"CHARMCRAFT_AUTH": value})
        check(
            used.code == 0 and used.json["credential"]["account"] == "legend-releaser",
            f"windlass accepts what charmcraft {version} exports", used.tail(),
        )
    wrapped = json.loads(base64.b64decode(old.read_bytes())) if old.exists() else {}
    check(set(wrapped) == {"t", "v"} and wrapped["t"] == "macaroon", "charmcraft 4.3.1 exports the wrapped form", str(set(wrapped)))


def registry(world):
    """A registry's login: typed or piped, kept where Docker keeps them, read by the real skopeo."""
    host = world.mirror("ghcr.io").removeprefix("http://")
    folder = SCRATCH / "docker-logins"
    folder.mkdir()
    client = Client(world, "registry-client", {"DOCKER_CONFIG": str(folder), "CR_PAT": None})
    token = world.variables["CR_PAT"]

    def login(text, *arguments):
        with open(private("piped", text.encode())) as given:
            return client.run("login", "--registry", host, "--yes", *arguments, stdin=given)

    def known():
        return run(["skopeo", "login", "--get-login", "--authfile", folder / "config.json", host], world.env | {"HOME": str(world.home)})

    done = login(f"releaser:{token}\n")
    check(done.code == 0 and token not in done.out + done.err, "login --registry takes USER:TOKEN from a pipe", done.tail())
    seen = known()
    check(seen.code == 0 and seen.out.strip() == "releaser", "skopeo finds the login", seen.tail())
    config = folder / "config.json"
    mode = config.stat().st_mode & 0o777 if config.exists() else None
    check(mode == 0o600, "the file of logins is 0600", str(mode and oct(mode)))
    shown = client.run("credentials", "--json")
    names = [entry for entry in shown.json["credentials"] if host in json.dumps(entry)]
    check(bool(names) and token not in shown.out, "credentials shows the login, not its token", shown.tail())
    done = login(token, "--username", "another")
    seen = known()
    check(done.code == 0 and seen.out.strip() == "another", "login --registry --username takes the token from a pipe", f"{done.tail()} {seen.tail()}")
    mode = config.stat().st_mode & 0o777 if config.exists() else None
    check(mode == 0o600, "the file of logins is still 0600", str(mode and oct(mode)))
    done = login("releaser:wrong-token")
    check(
        done.code == 4 and known().out.strip() == "another" and "wrong-token" not in done.out + done.err,
        "a login that the registry refuses is not kept", done.tail(),
    )
    done = client.run("logout", "--registry", host, "--yes")
    check(done.code == 0 and known().code != 0, "logout --registry forgets it", f"{done.tail()} {known().tail()}")


referee(main)
