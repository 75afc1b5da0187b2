"""What the referees of credentials share: the secrets of the demo's GitHub opened with PyNaCl, the
tokens in them read with pymacaroons, and what the store says of them. Checks nothing by itself."""

import base64
import binascii
import json
import re
import tempfile
import time
from datetime import datetime, timezone

from world import REFEREES, SCRATCH, bare_environment, look, need, run

BUNDLE = "finos/legend-juju-bundle"
DB = "finos/legend-juju-db-operator"
SDLC = "finos/legend-juju-sdlc-server-operator"
#: (repository, secret) in the order of the workspace.
TARGETS = (
    (BUNDLE, "CHARMHUB_TOKEN"),
    ("finos/legend-juju-engine-server-operator", "CHARMHUB_TOKEN"),
    (SDLC, "CHARMHUB_TOKEN"),
    ("finos/legend-juju-studio-operator", "CHARMHUB_TOKEN"),
    ("finos/legend-juju-gitlab-integrator", "CHARMHUB_TOKEN"),
    (DB, "CHARMHUB_TOKEN"),
)
REPOSITORIES = tuple(dict.fromkeys(repository for repository, _ in TARGETS))
PACKAGES = {
    "finos-legend-db-k8s", "finos-legend-engine-k8s", "finos-legend-gitlab-integrator-k8s",
    "finos-legend-sdlc-k8s", "finos-legend-studio-k8s", "finos-legend-bundle",
}
EXCHANGE = "/v1/tokens/usso/exchange"

OPEN = """
import base64, json, sys
from nacl.public import PrivateKey, SealedBox
opened = []
for repository, vault in json.load(sys.stdin)["repositories"].items():
    keys = {key["key_id"]: base64.b64decode(key["private"]) for key in vault["keys"]}
    for secret, sealed in vault["secrets"].items():
        box = SealedBox(PrivateKey(keys[sealed["key_id"]]))
        value = box.decrypt(base64.b64decode(sealed["encrypted_value"], validate=True))
        opened.append([repository, secret, base64.b64encode(value).decode()])
json.dump(opened, sys.stdout)
"""
NEW_KEY = """
import base64, json, random
from nacl.public import PrivateKey
key = PrivateKey.generate()
print(json.dumps({"key_id": f"33805{random.randrange(10**13):013}", "public": base64.b64encode(bytes(key.public_key)).decode(),
                  "private": base64.b64encode(bytes(key)).decode()}))
"""
CAVEATS = """
import json, sys
from pymacaroons import Macaroon
macaroon = Macaroon.deserialize(sys.stdin.read())
text = lambda value: value if isinstance(value, str) else value.decode()
json.dump([text(caveat.caveat_id) for caveat in macaroon.caveats], sys.stdout)
"""


def python(venv, script, stdin=None):
    """Runs a script with the libraries of a virtual environment that tests/run made."""
    program = REFEREES / venv / "bin/python"
    need(program.exists(), f"{venv} is not installed (tests/run does it)")
    if stdin is None:
        answer = run([program, "-I", "-c", script], bare_environment())
    else:
        with tempfile.TemporaryFile("w+") as file:
            file.write(stdin)
            file.seek(0)
            answer = run([program, "-I", "-c", script], bare_environment(), stdin=file)
    need(answer.code == 0, f"a script of the referee: {answer.tail()}")
    return answer.out


# ---------------------------------------------------------------- GitHub's side


def opened(world):
    """(repository, secret) -> value in bytes, of every secret of every repository, opened with the
    private key that its `key_id` names."""
    values = json.loads(python("pynacl", OPEN, (world.dir / "github.json").read_text()))
    return {(repository, secret): base64.b64decode(value) for repository, secret, value in values}


def in_targets(world):
    """The values of the targets in the workspace's order; None where one is absent."""
    values = opened(world)
    return [values.get(target) for target in TARGETS]


def one_value(world):
    """The value that all targets hold; None where they do not hold the same."""
    values = set(in_targets(world))
    return values.pop() if len(values) == 1 else None


def token_in(value):
    """The bare token of a clean export: standard base64 of it, nothing around. None where it is not."""
    try:
        token = base64.b64decode(value or b"", validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return None
    clean = base64.b64encode(token.encode()) == value and re.fullmatch(r"[A-Za-z0-9_-]+", token)
    return token if clean else None


def rotate_key(world, repository):
    """GitHub gives the repository another key; the former one opens what was sealed for it."""
    path = world.dir / "github.json"
    document = json.loads(path.read_text())
    document["repositories"][repository]["keys"].append(json.loads(python("pynacl", NEW_KEY)))
    draft = path.with_name("github.draft")
    draft.write_text(json.dumps(document))
    draft.chmod(0o600)
    draft.rename(path)


def github_token(world, purpose):
    """The variables that make a token of tokens.json the caller's."""
    tokens = json.loads((world.dir / "tokens.json").read_text())
    value = next((value for value, facts in tokens.items() if facts["purpose"] == purpose), None)
    need(value, f"tokens.json has no token for {purpose}")
    return {"GH_TOKEN": value, "GITHUB_TOKEN": value}


def puts(entries):
    """The secrets set, as (repository, secret, status)."""
    found = []
    for entry in entries:
        path = re.fullmatch(r"/repos/([^/]+/[^/]+)/actions/secrets/(\w+)", entry["path"])
        if path and entry["service"] == "github" and entry["method"] == "PUT":
            found.append((path[1], path[2], entry["status"]))
    return found


def exchanges(entries):
    """Sign-ins that went as far as minting."""
    return [entry for entry in entries if entry["path"] == EXCHANGE]


def next_second():
    """Waits for the clock's next second: GitHub tells `updated_at` no finer."""
    time.sleep(1.02 - time.time() % 1)


# ---------------------------------------------------------------- the store's side


def whoami(world, token):
    """(status, document) of the store's answer to this token."""
    status, _, body = look(world.api + "/v1/tokens/whoami", {"Authorization": f"Macaroon {token}"})
    return status, json.loads(body)


def caveats(token):
    """Name -> value of a token's first-party caveats."""
    return dict(text.split(" ", 1) for text in json.loads(python("charmcraft-4.5.0", CAVEATS, token)))


def sessions(world):
    """Every session of the account that the store knows, ended ones too."""
    return world.get("/v1/tokens?include-inactive=true")["macaroons"]


def live_of_windlass(world):
    """Ids of sessions that windlass made and that are not revoked."""
    return {
        session["session-id"] for session in sessions(world)
        if (session["description"] or "").startswith("windlass@") and not session["revoked-at"]
    }


def moment(text):
    """RFC 3339 in UTC."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(timezone.utc)


# ---------------------------------------------------------------- windlass


def rotate(client, *arguments, **options):
    return client.run("rotate", *arguments, "--yes", "--json", **options)


def steps(answer, kind):
    """target -> outcome of a run's steps of one kind."""
    run_document = answer.json.get("run") or {}
    return {step["target"]: step["outcome"] for step in run_document.get("steps", []) if step["kind"] == kind}


def outcome_of(answer, kind):
    """The outcome of the only step of a kind; None where there is none or more."""
    outcomes = list(steps(answer, kind).values())
    return outcomes[0] if len(outcomes) == 1 else None


def lineages(client):
    """(repository, secret) -> lineage, as `windlass credentials` shows it."""
    document = client.run("credentials", "--json").json
    return {(target["repository"], target["secret"]): target["lineage"] for target in document["targets"]}


def private(name, content):
    """A file that its owner alone can read."""
    path = SCRATCH / name
    path.unlink(missing_ok=True)
    path.touch(0o600)
    path.write_bytes(content)
    return path


def exported(token):
    return base64.b64encode(token.encode())
