#!/usr/bin/env -S python3 -B
"""Bad input of every kind to a rotation: a clear Problem and its exit code, no token minted, no
secret touched; and what only looks bad (a wrapped or doubled export, a newline) put right."""

import base64
import json

from proxy import proxy
from rotation import DB, exchanges, exported, github_token, lineages, opened, private, puts, rotate
from world import REPO, SCRATCH, Client, World, check, need, referee

ONE = ("--target", f"{DB}:CHARMHUB_TOKEN")


def main():
    world = World("rotate-badinput")
    before = opened(world)
    sign_in(world)
    of_github(world)
    files = token_files(world)
    check(opened(world) == before, "after all of these every secret is as it was", "one is not")
    put_right(world, files)
    locked(world)


def refused(world, what, codes, named, *arguments, env=None, stdin=None):
    """A rotation that must fail before anything is minted or written; the Problem names `named`."""
    client = Client(world, f"refused-{world.mark()}")
    mark = world.mark()
    options = {"env": env} | ({"stdin": stdin} if stdin else {})
    answer = rotate(client, *arguments, **options)
    text = json.dumps(answer.problem or {}, ensure_ascii=False)
    why = []
    if answer.code not in codes:
        why.append(f"exit {answer.code}, expected {' or '.join(map(str, codes))}")
    if not (answer.problem or {}).get("hints"):
        why.append("no problem with a hint")
    why += [f"it does not name {word}" for word in named if word.lower() not in text.lower()]
    entries = world.requests(mark)
    if exchanges(entries):
        why.append("a token was minted")
    if puts(entries):
        why.append(f"it wrote {puts(entries)}")
    if "panicked" in answer.err:
        why.append("panic")
    check(not why, f"{what}: exit {answer.code}, named with a remedy, nothing minted or written", f"{why}; {answer.tail()}")
    return answer


def sign_in(world):
    refused(world, "a wrong password", (4,), ["password"], env={"WINDLASS_SSO_PASSWORD": "not-the-password"})
    refused(world, "a wrong one-time password", (4,), ["one-time"], env={"WINDLASS_SSO_OTP": "654321"})
    refused(world, "no one-time password", (4,), ["one-time"], env={"WINDLASS_SSO_OTP": None})
    gone = {"WINDLASS_SSO_EMAIL": None, "WINDLASS_SSO_PASSWORD": None, "WINDLASS_SSO_OTP": None}
    refused(world, "nobody to sign in", (4,), ["--token-file"], env=gone)
    # The caveat of the store's root macaroon says which sign-on it trusts.
    with proxy(world.variables["CHARMCRAFT_STORE_SSO_URL"], lambda method, path, *answer: answer) as url:
        refused(world, "a sign-on that is not the store's", (3, 4), [url.removeprefix("http://")], env={"CHARMCRAFT_STORE_SSO_URL": url})
    refused(world, "a sign-on elsewhere over plain HTTP", (2, 3, 4, 6), ["http"], env={"CHARMCRAFT_STORE_SSO_URL": "http://sso.example"})


def of_github(world):
    """Tokens that lack something; found by reading, before a store token exists."""
    refused(world, "a GitHub token without the scope", (4,), ["repo"], env=github_token(world, "narrow"))
    refused(world, "a fine-grained GitHub token that may only read", (4,), ["secrets"], env=github_token(world, "read-only"))
    link = "https://github.com/orgs/finos/sso?authorization_request=DEMO"
    refused(world, "an organization with single sign-on", (4,), [link], env=github_token(world, "no-sso"))
    refused(world, "no GitHub token", (4,), ["GH_TOKEN"], env={"GH_TOKEN": None, "GITHUB_TOKEN": None})
    refused(world, "a GitHub token nobody knows", (4,), ["GH_TOKEN"], env={"GH_TOKEN": "ghp_nobody", "GITHUB_TOKEN": "ghp_nobody"})
    refused(
        world, "a repository that is not there", (1, 2, 4), ["finos/no-such-repository"],
        "--target", "finos/no-such-repository:CHARMHUB_TOKEN",
    )
    renamed = SCRATCH / "renamed.toml"
    text = (REPO / "assets/workspaces/legend.toml").read_text()
    renamed.write_text(text.replace("finos/legend-juju-studio-operator", "finos/legend-juju-studio"))
    refused(world, "a repository that was renamed", (2, 3), ["finos/legend-juju-studio-operator"], "--workspace", renamed)
    refused(world, "a target that is no target", (2,), ["OWNER"], "--target", "finos")


def token_files(world):
    """Refused files; and the good token, for what comes after."""
    token = world.token
    lacking = SCRATCH / "lacks-db"
    charms = [f"finos-legend-{name}-k8s" for name in ("engine", "sdlc", "studio", "gitlab-integrator")]
    arguments = [word for charm in charms for word in ("--charm", charm)]
    permissions = ("--permission", "package-manage", "--permission", "package-view-revisions")
    client = Client(world, "lacking")
    done = client.run("login", "--export", lacking, "--yes", *arguments, "--bundle", "finos-legend-bundle", *permissions)
    need(done.code == 0, f"login --export for four charms: {done.tail()}")
    refused(world, "a token that lacks the db charm", (4,), ["finos-legend-db-k8s"], "--token-file", lacking)
    viewing = SCRATCH / "views"
    everything = [*arguments, "--charm", "finos-legend-db-k8s", "--bundle", "finos-legend-bundle"]
    done = client.run("login", "--export", viewing, "--yes", *everything, "--permission", "package-view-revisions")
    need(done.code == 0, f"login --export for viewing: {done.tail()}")
    refused(world, "a token that lacks a permission", (4,), ["package-manage"], "--token-file", viewing)

    shared = private("shared", exported(token))
    shared.chmod(0o644)
    refused(world, "a token file that others can read", (4,), ["chmod 600", "shared"], "--token-file", shared)
    for what, content in (
        ("cut in half", exported(token)[: len(exported(token)) // 2]),
        ("cut by its last four characters", exported(token)[:-4]),
        ("without its first four characters", exported(token)[4:]),
        ("of words", b"this is no token"),
        ("with nothing in it", b""),
        ("of another kind", base64.b64encode(json.dumps({"t": "u1-macaroon", "v": {"r": "x", "d": "y"}}).encode())),
        ("of a megabyte", exported(token) * 2600),
        ("of bytes", bytes(range(256))),
    ):
        refused(world, f"a token file {what}", (4,), [], "--token-file", private("bad-token", content))
    refused(world, "a token file that is not there", (2, 4), ["no-such-file"], "--token-file", SCRATCH / "no-such-file")
    refused(world, "a token file that is a folder", (2, 4), [SCRATCH.name], "--token-file", SCRATCH)
    with open(private("piped-bad", exported(token)[:100])) as piped:
        refused(world, "a token cut short in a pipe", (4,), [], "--token-file", "-", stdin=piped)
    return token


def put_right(world, token):
    """What lands in the secret is the clean export, whatever was brought."""
    clean = exported(token)
    wrapped = base64.b64encode(json.dumps({"t": "macaroon", "v": token}).encode())
    client = Client(world, "put-right")
    for what, content in (
        ("with a newline", clean + b"\n"),
        ("with white space around", b"\r\n  " + clean + b"\t\r\n\n"),
        ("in the wrapped form of charmcraft 4.3.1", wrapped),
        ("encoded twice", base64.b64encode(clean)),
        ("encoded twice in lines of 76, as base64 does", base64.encodebytes(clean)),
    ):
        # Another value in between, so that every one of them is really written.
        other = rotate(client, *ONE, "--ttl", "86400")
        need(other.code == 0 and opened(world)[DB, "CHARMHUB_TOKEN"] != clean, f"a rotation of one target: {other.tail()}")
        mark = world.mark()
        done = rotate(client, *ONE, "--token-file", private("odd", content))
        landed = opened(world)[DB, "CHARMHUB_TOKEN"]
        check(
            done.code == 0 and landed == clean and len(puts(world.requests(mark))) == 1,
            f"a token file {what} is taken, and the clean export is what lands", f"{len(landed)} bytes; {done.tail()}",
        )
    with open(private("piped-good", clean + b"\n")) as piped:
        mark = world.mark()
        done = rotate(client, *ONE, "--token-file", "-", stdin=piped)
    check(done.code == 0 and not puts(world.requests(mark)), "a token from a pipe that is in place already: nothing is put", done.tail())
    check(lineages(client)[DB, "CHARMHUB_TOKEN"] == "current", "its lineage is current", str(lineages(client)))


def locked(world):
    """Five wrong passwords close the demo's sign-on for half a minute, to the right one as well."""
    wrong = {"WINDLASS_SSO_PASSWORD": "not-the-password"}
    for _ in range(5):
        rotate(Client(world, "locked"), *ONE, env=wrong)
    answer = refused(world, "a locked account", (4,), [], *ONE)
    text = json.dumps(answer.problem or {}).lower()
    check(any(word in text for word in ("lock", "too many", "wait")), "a locked account: the problem says so", text)


referee(main)
