#!/usr/bin/env -S python3 -B
"""Every exchange with the demo's GitHub, windlass's and gh's, against GitHub's published OpenAPI
description: requests and answers. What the description itself leaves out is listed with its reason."""

import collections
import os
import re
import sys

from recorder import Exchange, recorder
from world import BUNDLE_REPOSITORY, REFEREES, RELEASE, SCRATCH, Client, World, check, merged, need, referee, run

DESCRIPTION = REFEREES / "openapi/node_modules/@octokit/openapi/generated/api.github.com.json"
TOOLS = REFEREES / "github-tools/bin/python"

#: Findings that are the description's own gaps: pattern -> why.
GAPS = {
    r"^POST /graphql: not described": "GraphQL has a schema of its own",
    r"/blob/.*: not described": "the storage behind a redirect is not part of the interface",
    r"\.(author|committer): None (for not nullable|is not of type 'object')": "`nullable` beside `anyOf`: GitHub sends null for an author without an account",
    r"\.conclusion: None is not one of": "the enum of a nullable field leaves null out: a job at work has no conclusion",
}


def main():
    from openapi import Description

    description = Description(DESCRIPTION)
    the_judge_sees(description)
    world = World()
    sock = SCRATCH / "gh.sock"
    config = SCRATCH / "gh-config"
    config.mkdir()
    (config / "config.yml").write_text(f"http_unix_socket: {sock}\n")
    with recorder(world.variables["GITHUB_API_URL"], sock) as (url, exchanges):
        drive_windlass(Client(world, env={"GITHUB_API_URL": url}))
        ours = len(exchanges)
        drive_gh(merged(world.env, {"GH_CONFIG_DIR": str(config), "HOME": str(SCRATCH)}))
    need(ours > 30 and len(exchanges) > ours + 10, f"{ours} exchanges of windlass, {len(exchanges) - ours} of gh")
    for who, part in (("windlass", exchanges[:ours]), ("gh", exchanges[ours:])):
        findings = collections.Counter()
        excused = collections.Counter()
        for exchange in part:
            for text in description.check(exchange):
                gap = next((gap for gap in GAPS if re.search(gap, text)), None)
                (excused if gap else findings)[gap or text] += 1
        for gap, count in excused.items():
            print(f"# {count} exchanges excused: {GAPS[gap]}", flush=True)
        check(
            not findings, f"{len(part)} exchanges of {who} with GitHub's interface fit GitHub's own description",
            "\n  " + "\n  ".join(f"{count}x {text}" for text, count in findings.most_common(60)),
        )
    without = [str(exchange) for exchange in exchanges[:ours] if exchange.headers.get("x-github-api-version") is None]
    # The root answers whether GitHub is reachable, and the storage of logs is not GitHub's interface.
    without = [text for text in without if "/blob/" not in text and not text.startswith("GET / ")]
    check(not without, "every request of windlass names the version of the interface", str(without[:5]))


def the_judge_sees(description):
    """Exchanges with one fault each: a judge that passes them judges nothing."""
    key = b'{"key_id": "1", "key": "x"}'
    place = f"/repos/{BUNDLE_REPOSITORY}/actions/secrets"
    for what, exchange in (
        ("an unknown path", Exchange("GET", "/nothing", {}, b"", 200, "application/json", b"{}")),
        ("an unknown query", Exchange("GET", f"{place}/public-key?x=1", {}, b"", 200, "application/json", key)),
        ("a missing field", Exchange("GET", f"{place}/public-key", {}, b"", 200, "application/json", b'{"key_id": "1"}')),
        ("an unknown status", Exchange("GET", f"{place}/public-key", {}, b"", 206, "application/json", key)),
        ("a field of the wrong type", Exchange("GET", f"{place}/public-key", {}, b"", 200, "application/json", b'{"key_id": 1, "key": "x"}')),
        ("a body with an unknown key", Exchange("PUT", f"{place}/X", {}, b'{"encrypted_value": "eA==", "key_id": "1", "more": 1}', 204, "", b"")),
    ):
        check(bool(description.check(exchange)), f"the judge sees {what}")
    good = Exchange("GET", f"{place}/public-key", {}, b"", 200, "application/json", key)
    check(not description.check(good), "the judge passes what is right", str(description.check(good)))


def drive_windlass(client):
    """Commands that read and change everything windlass asks GitHub for."""
    workflow = ("workflow", "--repository", BUNDLE_REPOSITORY)
    for command in (
        ("status", "--json"), ("releases", "--json"), ("credentials", "--json"), ("doctor", "--json"),
        ("publish", RELEASE, "--yes", "--json"), ("hold", "2025-01-06", "--yes", "--json"),
        ("unhold", "2025-01-06", "--yes", "--json"), ("rotate", "--yes", "--json"),
        ("workflow", "list", "--json"), ("workflow", "run", "ci.yaml", "--yes", "--json"),
        ("doctor", "--json", "--workspace", "regtech"),
    ):
        done = client.run(*command)
        if done.code == 2:
            print(f"# {done.command}: {done.err[:300]}", flush=True)


def drive_gh(env):
    """What a current gh asks beside them."""
    gh = REFEREES / "github-tools/bin/gh"
    here = ("-R", BUNDLE_REPOSITORY)
    for command in (
        ("workflow", "list", *here), ("workflow", "run", "create_release.yaml", *here, "-f", "release=2025-01-27"),
        ("run", "list", *here), ("variable", "set", "CHANNEL", "-b", "edge", *here), ("variable", "list", *here),
        ("variable", "delete", "CHANNEL", *here), ("secret", "list", *here), ("secret", "set", "EXTRA", "-b", "x", *here),
        ("secret", "delete", "EXTRA", *here), ("release", "view", *here), ("cache", "list", *here),
        *(("api", path) for path in (
            "user", "user/orgs", "orgs/finos", "rate_limit", "users/demo-operator",
            *(f"repos/{BUNDLE_REPOSITORY}{path}" for path in (
                "", "/branches", "/branches/edge", "/commits", "/commits/edge", "/contents/bundle.yaml", "/collaborators",
                "/collaborators/demo-operator/permission", "/environments", "/actions/artifacts", "/actions/caches",
                "/compare/main...edge", "/releases", "/tags", "/git/ref/heads/edge", "/git/matching-refs/heads/release-",
                "/actions/organization-secrets",
            )),
            "orgs/cfpb/packages?package_type=container", "orgs/cfpb/packages/container/regtech%2Fsbl%2Falpine",
            "orgs/cfpb/packages/container/regtech%2Fsbl%2Falpine/versions",
        )),
    ):
        done = run([gh, *command], env, timeout=60)
        if done.code not in (0, 1):
            print(f"# {done.command}: {done.err[:300]}", flush=True)
    listed = run([gh, "api", f"repos/{BUNDLE_REPOSITORY}/actions/runs", "--jq", ".workflow_runs[].id"], env)
    for number in listed.out.split()[:1]:
        for path in ("", "/jobs", "/attempts/1", "/attempts/1/jobs", "/artifacts", "/pending_deployments"):
            run([gh, "api", f"repos/{BUNDLE_REPOSITORY}/actions/runs/{number}{path}"], env)


# The validator is installed where only its own interpreter finds it.
if sys.executable != str(TOOLS) and os.environ.get("WINDLASS_JUDGE") != "1":
    if not TOOLS.exists() or not DESCRIPTION.exists():
        print("not ok github_description: the validator or the description is not installed (tests/run does it)")
        sys.exit(1)
    os.environ["WINDLASS_JUDGE"] = "1"
    os.execv(TOOLS, [str(TOOLS), "-B", "-u", *sys.argv])

referee(main)
