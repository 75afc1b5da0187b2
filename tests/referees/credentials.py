#!/usr/bin/env -S python3 -B
"""One rotation of the demo world from end to end: what GitHub holds afterwards is opened with
PyNaCl, used by the real charmcrafts, and compared with what windlass says of it; then the next
rotation ends the former token, and the real gh changes a secret behind windlass's back."""

import json
from datetime import timedelta

from rotation import (
    BUNDLE, DB, PACKAGES, REPOSITORIES, TARGETS, caveats, exchanges, exported, github_token, in_targets, lineages,
    live_of_windlass, moment, next_second, one_value, opened, outcome_of, private, puts, rotate, sessions, steps, token_in, whoami,
)
from world import RELEASE, SCRATCH, Client, World, charmcraft, check, is_write, look, merged, need, referee, run, wait_for

CHARMCRAFTS = ("4.5.0", "4.3.1")
EXPIRED = "Provided credentials are no longer valid for Charmhub. Regenerate them and try again."


def main():
    world = World("credentials")
    client = Client(world, "credentials-client")
    before(world, client)
    first = first_rotation(world, client)
    agrees_with_itself(world, client, first)
    works(world, first)
    second = second_rotation(world, client, first)
    warnings(world, client, second)
    behind_its_back(world, client)
    adoption(world, second)
    without_a_token(world, first)
    ends_only_what_it_may(world, client, second)
    examined(world, client)


def before(world, client):
    seen = client.run("credentials", "--json")
    shown = {(target["repository"], target["secret"]): target["lineage"] for target in seen.json["targets"]}
    wanted = {target: "unknown" for target in TARGETS}
    check(shown == wanted, "before: six targets, whose values are unknown", seen.tail())
    mark = world.mark()
    plan = client.run("plan", "rotate", "--json")
    kinds = [step["kind"] for step in (plan.json.get("plan") or {}).get("steps", [])]
    writes = [entry["path"] for entry in world.requests(mark) if is_write(entry)]
    check(
        plan.code == 0 and kinds == ["sign-in", "check-token", "seal-secrets"] + ["set-secret"] * 6 and not writes,
        "plan rotate: sign-in, check, seal and six writes in view, nothing sent", f"{kinds} {writes} {plan.tail()}",
    )


def first_rotation(world, client):
    """Rotates, judges the order of the requests, and gives the value that is in place."""
    untouched = {place: value for place, value in opened(world).items() if place not in TARGETS}
    mark = world.mark()
    done = rotate(client)
    need(done.code == 0 and done.outcome == "done", f"rotate --yes: {done.tail()}")
    check(
        steps(done, "set-secret") == {f"{repository}:{secret}": "done" for repository, secret in TARGETS},
        "rotate --yes: six secrets set", done.tail(),
    )
    entries = world.requests(mark)
    order(entries)
    value = one_value(world)
    need(value, f"the six values are not one: {len(set(in_targets(world)))} different")
    check(True, "PyNaCl opens six secrets in six repositories with their private keys: byte-identical")
    token = token_in(value)
    check(token is not None, "the value is the standard base64 of the bare token, without a newline", f"{len(value)} bytes")
    now = {place: value for place, value in opened(world).items() if place not in TARGETS}
    check(now == untouched and len(untouched) > 0, "no secret was written besides the targets", str(sorted(now)))
    return token or ""


def order(entries):
    """Reads of every target, then the token, then the proof of it, then the writes one by one."""
    mints = [index for index, entry in enumerate(entries) if entry in exchanges(entries)]
    writes = [index for index, entry in enumerate(entries) if entry["method"] == "PUT"]
    need(len(mints) == 1 and writes, f"{len(mints)} sign-ins and {len(writes)} writes")
    read = {entry["path"] for entry in entries[: mints[0]] if entry["service"] == "github" and entry["status"] in (200, 304, 404)}
    missing = [
        what for repository in REPOSITORIES
        for what, there in (
            (f"{repository} itself", f"/repos/{repository}" in read),
            (f"{repository}: public-key", f"/repos/{repository}/actions/secrets/public-key" in read),
            (f"{repository}: secrets", any(path.startswith(f"/repos/{repository}/actions/secrets") and not path.endswith("key")
                                           for path in read)),
        ) if not there
    ]
    check(not missing, "every repository, its key and its secrets are read before the token is minted", str(missing))
    proofs = [index for index, entry in enumerate(entries) if entry["path"] == "/v1/tokens/whoami" and entry["status"] == 200]
    check(
        any(mints[0] < index < writes[0] for index in proofs), "the new token is proved by whoami before the first write",
        f"exchange {mints[0]}, whoami {proofs}, first PUT {writes[0]}",
    )
    sent = [(repository, secret) for repository, secret, _ in puts(entries)]
    check(sent == list(TARGETS), "the writes come in the workspace's order, each once, nothing else is put", str(sent))
    times = [moment(entries[index]["time"]) for index in writes]
    gaps = [(later - earlier).total_seconds() for earlier, later in zip(times, times[1:])]
    # The demo notes the time at which it has handled a request: a few milliseconds of jitter.
    check(min(gaps) >= 0.98, f"a second or more between two writes (the least: {min(gaps):.2f} s)", str(gaps))


def agrees_with_itself(world, client, token):
    """What windlass says of the token is what the token says of itself."""
    seen = client.run("credentials", "--json")
    shown = {(target["repository"], target["secret"]): target for target in seen.json["targets"]}
    end = moment(caveats(token)["time-before"])
    ends = {target: shown[target].get("expires_at") for target in TARGETS}
    check(
        all(text and abs(moment(text) - end) < timedelta(seconds=1) for text in ends.values()),
        f"credentials: every target expires when the token's own caveat says ({end:%Y-%m-%d %H:%M:%S})", str(ends),
    )
    check(
        {row["lineage"] for row in shown.values()} == {"current"} and list(shown) == list(TARGETS),
        "credentials: the lineage of all targets is current", seen.tail(),
    )
    vaults = json.loads((world.dir / "github.json").read_text())["repositories"]
    wrong = [
        target for target in TARGETS
        if moment(shown[target]["updated_at"]) != moment(vaults[target[0]]["secrets"][target[1]]["updated_at"])
    ]
    check(not wrong, "credentials: updated_at is GitHub's", str(wrong))
    mine = [one for one in sessions(world) if (one["description"] or "").startswith("windlass@")]
    check(
        len(mine) == 1 and mine[0]["session-id"] == caveats(token)["session-id"] and len(mine[0]["description"].split()) == 2,
        "the store knows the token as windlass@HOST RUN", str(mine),
    )
    listed = {one["id"]: one for one in seen.json.get("sessions", [])}
    check(
        caveats(token)["session-id"] in listed and not any(one.get("orphan") for one in listed.values()),
        "credentials: the session is listed, and no orphan", str(listed),
    )


def works(world, token):
    status, me = whoami(world, token)
    packages = {package.get("name") for package in me.get("packages") or []}
    check(
        status == 200 and packages == PACKAGES and set(me["permissions"]) == {"package-manage", "package-view-revisions"},
        "the token is for five charms and the bundle, with the two permissions that the jobs need", f"{status} {me}",
    )
    for version in CHARMCRAFTS:
        mine = {"CHARMCRAFT_AUTH": exported(token).decode()}
        for command in (("whoami",), ("status", "finos-legend-engine-k8s")):
            answer = charmcraft(world, version, *command, env=mine)
            check(answer.code == 0, f"charmcraft {version} {command[0]} works with the secret's value", answer.tail())


def second_rotation(world, client, former):
    done = rotate(client, "--revoke", "recorded")
    need(done.code == 0 and done.outcome == "done", f"rotate --revoke recorded: {done.tail()}")
    check(outcome_of(done, "revoke-session") == "done", "rotate --revoke recorded: one session is ended", done.tail())
    token = token_in(one_value(world)) or ""
    check(token not in ("", former), "another token is in all six targets", f"{len(token)} characters")
    status, body = whoami(world, former)
    check(status == 401, "the former token is refused by the store", f"{status} {body}")
    check(whoami(world, token)[0] == 200, "the new token works", str(whoami(world, token)))
    check(whoami(world, world.token)[0] == 200, "the operator's own token still works", str(whoami(world, world.token)))
    check(
        live_of_windlass(world) == {caveats(token)["session-id"]}, "of windlass's sessions only the new one lives",
        str(sessions(world)),
    )
    return token


def warnings(world, client, token):
    """The GitHub token of the demo ends in 41 days, the token just minted in 182."""
    for period, code in (("60d", 4), ("2d", 0)):
        answer = client.run("credentials", "--fail-within", period, "--json")
        check(answer.code == code, f"credentials --fail-within {period}: exit {code}", answer.tail())
    file = SCRATCH / "expiries.ics"
    answer = client.run("credentials", "--calendar", file)
    text = file.read_bytes() if file.exists() else b""
    lines = text.split(b"\r\n")
    end = moment(caveats(token)["time-before"])
    check(
        answer.code == 0 and lines[0] == b"BEGIN:VCALENDAR" and lines[-2:] == [b"END:VCALENDAR", b""]
        and b"\n" not in text.replace(b"\r\n", b"") and max(map(len, lines)) <= 75
        and text.count(b"BEGIN:VEVENT") == text.count(b"END:VEVENT") >= 2 and f"{end:%Y%m%d}".encode() in text,
        "credentials --calendar: a calendar (RFC 5545) with the day the token ends", f"{answer.tail()} {text[:900]!r}",
    )


def behind_its_back(world, client):
    """The real gh sets and removes a secret."""
    file = private("by-hand", b"set by hand")
    environment = merged(world.env, {"HOME": str(world.home)})

    def gh(*arguments, stdin=None):
        if stdin is None:
            return run(["gh", "secret", *arguments, "-R", DB], environment)
        with open(stdin) as given:
            return run(["gh", "secret", *arguments, "-R", DB], environment, stdin=given)

    next_second()
    answer = gh("set", "CHARMHUB_TOKEN", stdin=file)
    check(answer.code == 0, "the real gh secret set is taken by the demo's GitHub", answer.tail())
    check(opened(world)[DB, "CHARMHUB_TOKEN"] == b"set by hand", "what gh sealed opens to what it was given", "it does not")
    expected = {target: "current" for target in TARGETS}
    shown = lineages(client)
    check(shown == expected | {(DB, "CHARMHUB_TOKEN"): "foreign"}, "windlass shows that secret as foreign, the others as current", str(shown))
    text = client.run("credentials").out
    check("foreign" in text or "outside" in text, "credentials, for people: the change is said", text[-900:])
    answer = gh("delete", "CHARMHUB_TOKEN")
    need(answer.code == 0, f"gh secret delete: {answer.tail()}")
    shown = lineages(client)
    check(shown == expected | {(DB, "CHARMHUB_TOKEN"): "absent"}, "after gh secret delete windlass shows it as absent", str(shown))


def adoption(world, token):
    """A machine that knows nothing is given the token in place."""
    stranger = Client(world, "stranger")
    file = private("in-place", exported(token))
    mark = world.mark()
    done = rotate(stranger, "--token-file", file)
    check(
        done.code == 0 and set(lineages(stranger).values()) == {"current"} and not exchanges(world.requests(mark)),
        "rotate --token-file with the token in place adopts it: all current, nothing minted", done.tail(),
    )
    check(one_value(world) == exported(token), "it is in all six targets", "it is not")
    mark = world.mark()
    again = rotate(stranger, "--token-file", file)
    outcomes = {step["outcome"] for step in (again.json.get("run") or {}).get("steps", [])}
    check(
        again.code == 0 and outcomes == {"skipped"} and not puts(world.requests(mark)),
        "the same once more: every step is skipped, nothing is put", f"{outcomes} {again.tail()}",
    )


def without_a_token(world, ended):
    """What a rotation is needed for most: the operator's own credential is gone or over."""
    for what, value in (("no Charmhub credential", None), ("a Charmhub credential that was ended", exported(ended).decode())):
        client = Client(world, f"no-token-{bool(value)}", {"CHARMCRAFT_AUTH": value})
        before = opened(world)[DB, "CHARMHUB_TOKEN"]
        done = rotate(client, "--target", f"{DB}:CHARMHUB_TOKEN")
        after = opened(world)[DB, "CHARMHUB_TOKEN"]
        check(
            done.code == 0 and after != before and whoami(world, token_in(after) or "")[0] == 200,
            f"rotate with {what}: done all the same", done.tail(),
        )
    asked = Client(world, "ended", {"CHARMCRAFT_AUTH": exported(ended).decode()}).run("whoami", "--json")
    check(asked.code == 4 and EXPIRED in json.dumps(asked.problem or {}), "an ended credential: whoami says the sentence", asked.tail())


def ends_only_what_it_may(world, client, token):
    own = caveats(world.token)["session-id"]
    by_hand = next(one["session-id"] for one in sessions(world) if one["description"] == "charmcraft@buildhost")
    for what, session, code in (("the session in use", own, 3), ("a session nobody knows", "no-such-session", None)):
        mark = world.mark()
        done = client.run("revoke", session, "--yes", "--json")
        asked = [entry["path"] for entry in world.requests(mark) if is_write(entry)]
        check(
            done.code in ((code,) if code else (1, 2, 3)) and not asked and bool((done.problem or {}).get("hints")),
            f"revoke of {what} is refused, exit {done.code}", f"{asked} {done.tail()}",
        )
    dispatch = ["gh", "workflow", "run", "create_release.yaml", "-R", BUNDLE, "-f", f"release={RELEASE}"]
    sent = run(dispatch, merged(world.env, {"HOME": str(world.home)}))
    need(sent.code == 0, f"gh workflow run: {sent.tail()}")
    done = client.run("revoke", by_hand, "--yes", "--json")
    running = any(one["status"] != "completed" for one in runs_of(world, BUNDLE))
    need(running, "the job was over too soon")
    ended = {one["session-id"] for one in sessions(world) if one["revoked-at"]}
    check(
        done.code in (1, 3) and by_hand not in ended and BUNDLE in json.dumps(done.json),
        "revoke while a job runs in one of the repositories is refused, and says where", done.tail(),
    )
    wait_for("the job's end", lambda: all(one["status"] == "completed" for one in runs_of(world, BUNDLE)))
    done = client.run("revoke", by_hand, "--yes", "--json")
    ended = {one["session-id"] for one in sessions(world) if one["revoked-at"]}
    check(done.code == 0 and by_hand in ended, "revoke of a session chosen from the list ends it", done.tail())
    check(whoami(world, token)[0] == 200 and whoami(world, world.token)[0] == 200, "and no other", str(ended))


def runs_of(world, repository):
    url = f"{world.variables['GITHUB_API_URL']}/repos/{repository}/actions/runs"
    return json.loads(look(url, {"Authorization": f"Bearer {world.variables['GH_TOKEN']}"})[2])["workflow_runs"]


def examined(world, client):
    for what, env, codes in (("doctor", {}, (0, 1)), ("doctor with a GitHub token without scope", github_token(world, "narrow"), (1,))):
        answer = client.run("doctor", "--json", env=env)
        checks = answer.json.get("checks", [])
        odd = [
            one for one in checks
            if one["standing"] not in ("ok", "warning", "failed") or not one["text"] or (one["standing"] != "ok" and not one["remedy"])
        ]
        failed = [one["name"] for one in checks if one["standing"] == "failed"]
        check(
            answer.code in codes and len(checks) >= 8 and not odd and (answer.code == 1) == bool(failed),
            f"{what}: every check has a standing, a text and, where it is not ok, a remedy; exit {answer.code}", f"{odd} {failed} {answer.tail()}",
        )
    set_here = {f"secret-name/{repository}:{secret}" for repository, secret in TARGETS}
    dead = [one for one in client.run("doctor", "--json").json["checks"] if one["name"] in set_here and one["standing"] != "ok"]
    check(not dead, "doctor finds a workflow that reads every secret that rotate sets", str(dead))


referee(main)
