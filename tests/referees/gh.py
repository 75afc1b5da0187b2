#!/usr/bin/env -S python3 -B
"""A current gh and Debian's against the demo's GitHub: what each asks is answered, and windlass sees
what they did."""

import json
import shutil

from world import BUNDLE_REPOSITORY, REFEREES, SCRATCH, Client, World, check, merged, need, referee, run

HERE = ("-R", BUNDLE_REPOSITORY)


def main():
    current = REFEREES / "github-tools/bin/gh"
    debian = shutil.which("gh", path="/usr/bin")
    need(current.exists(), "the current gh is not installed (tests/run does it)")
    need(debian, "Debian's gh is not installed (tests/run does it)")
    for called, program in (("current", current), ("debian", debian)):
        world = World(f"world-{called}")
        version = run([program, "--version"], world.env).out.split()[2]
        session(world, program, f"gh {version}", called == "current")
        world.stop()


def session(world, program, called, current):
    home = SCRATCH / f"home-{world.name}"
    home.mkdir()
    # git reads github.com from the demo, by plain files over HTTP.
    insteadof = f"url.{world.variables['GITHUB_API_URL']}/.insteadOf"
    git = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": insteadof, "GIT_CONFIG_VALUE_0": "https://github.com/", "GIT_TERMINAL_PROMPT": "0"}
    env = merged(world.env, {"HOME": str(home), "XDG_RUNTIME_DIR": str(SCRATCH)}, git)

    def told(what, *arguments):
        answer = run([program, *arguments], env, timeout=60, cwd=home)
        check(answer.code == 0, f"{called}: {what}", answer.tail())
        return answer.out

    def document(what, *arguments):
        out = told(what, *arguments)
        try:
            return json.loads(out)
        except ValueError:
            return None

    told("auth status", "auth", "status")
    view = document("repo view", "repo", "view", BUNDLE_REPOSITORY, "--json", "name,owner,defaultBranchRef,isPrivate,viewerPermission")
    check(
        bool(view) and view["defaultBranchRef"]["name"] == "main" and view["viewerPermission"] == "ADMIN",
        f"{called}: repo view says the default branch and the permission", str(view),
    )
    told("repo view as text", "repo", "view", BUNDLE_REPOSITORY)
    repositories = document("repo list", "repo", "list", "finos", "--json", "nameWithOwner")
    check(
        BUNDLE_REPOSITORY in [item["nameWithOwner"] for item in repositories or []], f"{called}: repo list has the bundle's",
        str(repositories),
    )
    told("repo clone", "repo", "clone", BUNDLE_REPOSITORY, str(home / "clone"), "--", "--quiet")
    bundle = home / "clone/bundle.yaml"
    check(
        bundle.exists() and bundle.read_bytes() == world.file("bundle.yaml", "main"), f"{called}: the clone has the branch's bundle.yaml",
        str(list(home.glob("clone/*"))),
    )
    told("release list", "release", "list", "-R", "finos/legend")
    told("pr list", "pr", "list", *HERE)
    told("issue list", "issue", "list", *HERE)
    told("workflow list", "workflow", "list", *HERE)
    told("workflow run", "workflow", "run", "create_release.yaml", *HERE, "-f", "release=2025-01-27")
    runs = document("run list", "run", "list", *HERE, "--json", "databaseId,workflowName")
    check(bool(runs) and len(runs) == 1, f"{called}: run list has the run", str(runs))
    if runs:
        number = str(runs[0]["databaseId"])
        # The run ends by itself; its runner image is gone, so it fails and says so.
        run([program, "run", "watch", number, *HERE, "--interval", "1"], env, timeout=60)
        told("run view", "run", "view", number, *HERE)
        log = told("run view --log", "run", "view", number, *HERE, "--log")
        check(current is False or "ubuntu-20.04" in log, f"{called}: the log tells why it failed", log[:300])
        told("run rerun", "run", "rerun", number, *HERE)
        told("run download of no artifact", "api", f"repos/{BUNDLE_REPOSITORY}/actions/runs/{number}/artifacts")
    told("secret set", "secret", "set", "EXTRA", "--body", "value", *HERE)
    told("secret list", "secret", "list", *HERE)
    organisation = ("secret", "set", "SHARED", "--org", "finos", "--visibility", "selected", "--repos", "legend-juju-bundle", "--body", "x")
    told("secret set for an organization", *organisation)
    if current:
        told("variable set", "variable", "set", "CHANNEL", "--body", "edge", *HERE)
        variables = document("variable list", "variable", "list", *HERE, "--json", "name,value")
        check(variables == [{"name": "CHANNEL", "value": "edge"}], f"{called}: variable list has it", str(variables))
        told("org list", "org", "list")
        told("cache list", "cache", "list", *HERE)
        told("ruleset list", "ruleset", "list", *HERE)
    unknown = run([program, "repo", "view", "finos/nothing"], env, timeout=60)
    check(unknown.code == 1 and "Could not resolve" in unknown.err, f"{called}: an unknown repository is refused", unknown.tail())
    client = Client(world, f"client-{world.name}")
    listed = client.run("workflow", "list", "--json")
    check("Create Release" in listed.out, f"{called}: windlass lists the workflows that gh ran", listed.tail())


referee(main)
