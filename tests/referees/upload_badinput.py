#!/usr/bin/env -S python3 -B
"""Bad input to `upload-resource` and `copy`: the documented exit code, a Problem with a remedy, and
not one byte sent."""

import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from images import CONFIG, INDEX, LAYER, MANIFEST, Image, described, oci_archive, oci_layout, push, tar
from uploading import FILE, STUDIO, created, messages, travelled, upload
from world import FULL, SCRATCH, WINDLASS, Client, World, check, docker_registry, http, need, referee, run, sha256

NOBODY = 65534


def main():
    world = World()
    client = Client(world, "bad")
    files(world, client)
    places(world, client)
    rights(world)
    archives(world, client)
    layouts(world, client)
    manifests(world, client)
    sockets(world)
    sound(world, client)


def judged(world, client, what, place, source, codes, named=(), env=None, command=None):
    """An upload that must fail before anything is sent."""
    mark = world.mark()
    answer = client.run(*command, env=env) if command else upload(client, place, *source, json_wanted=True, env=env)
    judge(world, what, answer, codes, named, mark)


def judge(world, what, answer, codes, named, mark):
    problem = answer.problem or {}
    text = json.dumps(problem, ensure_ascii=False).lower() if problem else answer.err.lower()
    why = []
    if answer.code not in codes:
        why.append(f"exit {answer.code}, expected {' or '.join(map(str, codes))}")
    # What the parser of arguments refuses it says itself, in words.
    if not problem.get("hints") and answer.code != 2:
        why.append("no problem with a hint")
    if missing := [word for word in named if word.lower() not in text]:
        why.append(f"it does not name {missing}")
    if sent := travelled(world, mark):
        why.append(f"it sent: {sent}")
    if "panicked" in answer.err:
        why.append("panic")
    check(not why, f"{what}: exit {answer.code}, nothing sent", f"{why}; {answer.tail()}")


def files(world, client):
    """`--filepath` takes a readable regular file."""
    fifo = SCRATCH / "fifo"
    os.mkfifo(fifo)
    real = SCRATCH / "real.sql"
    real.write_text("-- real\n")
    empty = SCRATCH / "empty.sql"
    empty.touch()
    for what, path, codes, named in (
        ("a FIFO", fifo, (1, 2), ["fifo"]), ("a directory", SCRATCH, (1, 2), [SCRATCH.name]), ("a device", "/dev/zero", (1, 2), ["/dev/zero"]),
        ("a file that is not there", SCRATCH / "no.sql", (1, 2), ["no.sql"]), ("a path of a file's inside", real / "x", (1, 2), ["real.sql"]),
        ("an empty path", "", (1, 2), []),
    ):
        judged(world, client, f"--filepath {what}", FILE, ("--filepath", path), codes, named)
    before = world.resource_revisions(*FILE)
    answer = upload(client, FILE, "--filepath", empty, json_wanted=True)
    new = [revision for revision in world.resource_revisions(*FILE) if revision not in before]
    if answer.code == 0:
        check(len(new) == 1, "a file of no bytes: the store took it and a revision was made", answer.tail())
    else:
        judge(world, "a file of no bytes", answer, (1, 2), ["empty.sql"], world.mark())
        check(not new, "a file of no bytes: no revision", str(new))
    for what, arguments, named in (
        ("--arch that does not exist", ("--filepath", real, "--arch", "vax"), ["vax"]),
        ("--arch all with another", ("--filepath", real, "--arch", "all,amd64"), ["all"]),
        ("--filepath and --image", ("--filepath", real, "--image", "0" * 12), []),
        ("no source", (), []),
    ):
        judged(world, client, what, FILE, arguments, (2,), named)
    judged(world, client, "--arch with an image", STUDIO, ("--image", "0" * 12, "--arch", "amd64"), (2,), ["arch"])
    big = SCRATCH / "big.img"
    size = 5 << 30 if FULL else 64 << 20
    with open(big, "wb") as file:
        file.truncate(size)
    answer = upload(client, FILE, "--filepath", big, json_wanted=True, timeout=1800)
    big.unlink()
    listed = world.get(f"/v1/charm/{FILE[0]}/resources/{FILE[1]}/revisions")["revisions"][0]
    # A store may refuse so much with words; silence or a part of it is wrong.
    check(
        (answer.code == 0 and listed["size"] == size) or (answer.code in (1, 6) and bool((answer.problem or {}).get("hints"))),
        f"a file of {size >> 20} MB: exit {answer.code}, whole or refused with words", f"{listed}; {answer.tail()}",
    )


def places(world, client):
    """Name, resource and type are looked at before a byte is sent."""
    real = SCRATCH / "real.sql"
    image = Image("places").docker_archive(SCRATCH / "places.tar")
    named = f"docker-archive:{image}"
    judged(world, client, "a charm that nobody has", ("no-such-charm", "x"), ("--filepath", real), (1, 2, 4), ["no-such-charm"])
    judged(world, client, "a charm that is no name", ("../../etc", "x"), ("--filepath", real), (1, 2), [])
    judged(world, client, "a resource that is not declared", (FILE[0], "no-such"), ("--filepath", real), (1, 2), ["no-such"])
    judged(world, client, "a file to an image's resource", STUDIO, ("--filepath", real), (1, 2), ["image"])
    judged(world, client, "an image to a file's resource", FILE, ("--from", named), (1, 2), ["file"])
    judged(world, client, "a digest to a file's resource", FILE, ("--image", "0" * 12), (1, 2), ["file"])
    judged(world, client, "--read-only", STUDIO, ("--from", named), (3,), ["read-only"], command=(
        "upload-resource", *STUDIO, "--from", named, "--yes", "--json", "--read-only",
    ))
    judged(world, client, "no --yes and no terminal", STUDIO, (), (3,), ["--yes"], command=(
        "upload-resource", *STUDIO, "--from", named, "--json",
    ))


def rights(world):
    """A token for another charm, or for looking only: said before a byte is sent."""
    file = SCRATCH / "export"
    real = SCRATCH / "real.sql"
    for what, flags, named in (
        ("a token of another charm", ("--charm", "finos-legend-engine-k8s"), None),
        ("a token for looking only", ("--permission", "package-view"), "package-manage"),
    ):
        file.unlink(missing_ok=True)
        maker = Client(world, "exporting")
        made = maker.run("login", "--export", file, "--yes", *flags, env={"CHARMCRAFT_AUTH": None})
        need(made.code == 0, f"login --export: {made.tail()}")
        client = Client(world, "narrow", {"CHARMCRAFT_AUTH": file.read_text()})
        judged(world, client, f"{what}, a file", FILE, ("--filepath", real), (4,), [named or FILE[0]])
        source = f"docker-archive:{SCRATCH / 'places.tar'}"
        judged(world, client, f"{what}, an image", STUDIO, ("--from", source), (4,), [named or STUDIO[0]])
    client = Client(world, "none", {"CHARMCRAFT_AUTH": None})
    judged(world, client, "no credential at all", STUDIO, ("--from", source), (4,), [])


def archives(world, client):
    """Archives cut short, with paths that climb, and of other things."""
    image = Image("archive")
    sound = image.docker_archive(SCRATCH / "sound.tar").read_bytes()
    cases = {}

    def case(what, content, *named):
        path = SCRATCH / f"case-{len(cases)}.tar"
        path.write_bytes(content)
        cases[what] = (path, named)

    draw = random.Random(7)
    for part in sorted(draw.randrange(1, len(sound)) for _ in range(12 if FULL else 4)):
        case(f"an archive cut short at {part}", sound[:part])
    case("an archive of no bytes", b"")
    case("an archive of noise", random.Random(7).randbytes(40_000))
    case("an archive without manifest.json", tar([("x", b"y")]), "manifest.json")
    case("a manifest.json that is no JSON", tar([("manifest.json", b"{")]), "manifest.json")
    case("a manifest.json that is huge", tar([("manifest.json", b"[" + b" " * (40 << 20) + b"]")]))
    two = [{"Config": "a.json", "RepoTags": ["a:1"], "Layers": []}, {"Config": "b.json", "RepoTags": ["b:1"], "Layers": []}]
    case("two images in one archive", tar([("manifest.json", json.dumps(two).encode()), ("a.json", b"{}"), ("b.json", b"{}")]))
    secret = SCRATCH / "secret"
    secret.write_text("TOP-SECRET-CONTENT")
    for name in ("../secret", str(secret), "x/../../secret"):
        manifest = [{"Config": name, "RepoTags": None, "Layers": [name]}]
        case(f"a path that climbs ({name[:12]})", tar([("manifest.json", json.dumps(manifest).encode())]))
    for kind, target in (("symbolic", tarfile_link(str(secret))), ("climbing symbolic", tarfile_link("../secret")), ("circular", tarfile_link("layer.tar"))):
        case(f"a {kind} link for a layer", target)
    changed = bytearray(sound)
    changed[2000] ^= 1
    case("a layer that is not what its configuration says", bytes(changed), "sha256")
    for what, (path, named) in cases.items():
        judged(world, client, what, STUDIO, ("--from", f"docker-archive:{path}"), (1, 2), named)
    judged(world, client, "an archive that is not there", STUDIO, ("--from", f"docker-archive:{SCRATCH}/no.tar"), (1, 2), ["no.tar"])
    judged(world, client, "a folder for an archive", STUDIO, ("--from", f"docker-archive:{SCRATCH}"), (1, 2), [])
    judged(world, client, "a FIFO for an archive", STUDIO, ("--from", f"docker-archive:{SCRATCH / 'fifo'}"), (1, 2), ["fifo"])


def tarfile_link(target):
    """A docker archive whose only layer is a link."""
    import io
    import tarfile

    config = Image("linked", layers=1).config
    manifest = [{"Config": "c.json", "RepoTags": None, "Layers": ["layer.tar"]}]
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        for name, content in (("c.json", config), ("manifest.json", json.dumps(manifest).encode())):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        link = tarfile.TarInfo("layer.tar")
        link.type, link.linkname = tarfile.SYMTYPE, target
        archive.addfile(link)
    return whole.getvalue()


def layouts(world, client):
    """OCI layouts that lie."""
    image = Image("lying")
    text, blobs = image.blobs()
    layer = next(digest for digest in blobs if digest != image.id)

    def layout(name, change):
        folder = SCRATCH / f"layout-{name}"
        oci_layout(folder, image)
        change(folder)
        return folder

    def flipped(folder):
        path = folder / "blobs/sha256" / layer[7:]
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    def short(folder):
        path = folder / "blobs/sha256" / layer[7:]
        path.write_bytes(path.read_bytes()[:-10])

    def linked(folder):
        path = folder / "blobs/sha256" / layer[7:]
        path.unlink()
        path.symlink_to(SCRATCH / "secret")

    def index(content):
        def change(folder):
            (folder / "index.json").write_text(json.dumps(content) if not isinstance(content, str) else content)

        return change

    sha512 = "sha512:" + "0" * 128
    cases = {
        "a layer whose bytes do not match": flipped, "a layer that is cut short": short, "a layer that is a link elsewhere": linked,
        "a layer that is missing": lambda folder: (folder / "blobs/sha256" / layer[7:]).unlink(),
        "an index.json that is no JSON": index("{"), "an empty index": index({"schemaVersion": 2, "manifests": []}),
        "a digest of another algorithm": index({"schemaVersion": 2, "manifests": [{"mediaType": MANIFEST, "digest": sha512, "size": 3}]}),
        "a digest that climbs": index({"schemaVersion": 2, "manifests": [{"mediaType": MANIFEST, "digest": "sha256:../../../secret", "size": 3}]}),
        "a folder that is no layout": lambda folder: shutil.rmtree(folder / "blobs") or (folder / "index.json").unlink(),
    }
    for number, (what, change) in enumerate(cases.items()):
        folder = layout(str(number), change)
        late = what.startswith("a layer whose")
        if late:
            late_mismatch(world, client, what, folder, layer)
        else:
            judged(world, client, what, STUDIO, ("--from", f"oci:{folder}:it"), (1, 2), [])
    folder = SCRATCH / "layout-whole"
    oci_layout(folder, image)
    archive = oci_archive(SCRATCH / "whole.tar", folder)
    cut = SCRATCH / "cut.tar"
    cut.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    judged(world, client, "an oci-archive cut short", STUDIO, ("--from", f"oci-archive:{cut}"), (1, 2), [])
    judged(world, client, "a name that the layout does not have", STUDIO, ("--from", f"oci:{folder}:other"), (1, 2), ["other"])


def late_mismatch(world, client, what, folder, digest):
    """Read while it is sent, a wrong layer is only known at its end: it must never be finished."""
    mark = world.mark()
    before = world.resource_revisions(*STUDIO)
    answer = upload(client, STUDIO, "--from", f"oci:{folder}:it", json_wanted=True)
    finished = [
        entry for entry in world.requests(mark)
        if entry["service"] == "canonical" and entry["method"] == "PUT" and entry["status"] == 201
        and (digest.replace(":", "%3A") in entry["query"] or digest in entry["query"] or "/manifests/" in entry["path"])
    ]
    check(
        answer.code == 1 and digest[7:19] in answer.out and not finished and world.resource_revisions(*STUDIO) == before,
        f"{what}: exit 1, the digest is named, neither the blob nor a manifest was finished", f"{finished}; {answer.tail()}",
    )


def manifests(world, client):
    """A registry that holds strange things."""
    registry = docker_registry("strange")
    good = Image("strange")
    push(registry, "acme/it", "good", good)
    text, blobs = good.blobs()
    layers = [described(LAYER, blob) for digest, blob in blobs.items() if digest != good.id]

    def manifest(**changes):
        return {"schemaVersion": 2, "mediaType": MANIFEST, "config": described(CONFIG, good.config), "layers": layers} | changes

    cases = {
        "a layer of a media type nobody knows": (MANIFEST, manifest(layers=[layers[0] | {"mediaType": "application/x-brick"}]), (0, 1, 2)),
        "an index without linux": (INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": [
            described(MANIFEST, text, platform={"os": "windows", "architecture": "amd64"}),
        ]}, (1, 2)),
        "an empty index": (INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}, (1, 2)),
        "a manifest larger than the limit": (MANIFEST, manifest(annotations={"x": "y" * (5 << 20)}), (1, 2, 6)),
    }
    for number, (what, (kind, content, codes)) in enumerate(cases.items()):
        status, _, answer = http("PUT", f"http://{registry}/v2/acme/it/manifests/v{number}", {"Content-Type": kind}, json.dumps(content).encode())
        if status != 201:
            # Debian's registry does not take it either: what it serves cannot be strange in this way.
            print(f"docker-registry refuses {what} ({status}): left to the unit tests", flush=True)
            continue
        mark = world.mark()
        done = upload(client, STUDIO, "--from", f"{registry}/acme/it:v{number}", json_wanted=True)
        if done.code == 0 and 0 in codes:
            check(True, f"{what}: copied as it is")
        else:
            judge(world, what, done, [code for code in codes if code], [], mark)
    for reference in ("docker://", "oci:", "docker-daemon:", "http://127.0.0.1/x", "acme/it:v1@sha256:12", "oci-archive:"):
        judged(world, client, f"--from {reference!r}", STUDIO, ("--from", reference), (1, 2), [])


def sockets(world):
    """An engine that this user may not ask."""
    name = sha256(b"forbidden")
    with as_nobody(world) as ask:
        # Looked for in several places, it is found nowhere; asked for in this engine, it is refused.
        for what, source, code in (
            ("--image", ("--image", name), 1), ("--from docker-daemon:", ("--from", f"docker-daemon:{name}"), 3),
        ):
            mark = world.mark()
            answer = ask("upload-resource", *STUDIO, *source, "--yes", "--json")
            judge(world, f"a socket without permission, {what}", answer, (code,), ["permission", "engine.sock"], mark)
        # The same user may do all the rest.
        answer = ask("resolve", "finos/legend-studio:13.16.0", "--json")
        check(answer.code == 0, "the same user without the engine: resolve works", answer.tail())


@contextlib.contextmanager
def as_nobody(world):
    """A way to run windlass as a user to whom the engine's socket is closed."""
    need(os.geteuid() == 0, "to become another user needs root")
    # Where others may go: the scratch folder is its owner's alone.
    folder = Path(tempfile.mkdtemp(prefix="windlass-nobody-", dir="/var/tmp"))
    try:
        program = folder / "windlass"
        shutil.copy2(WINDLASS, program)
        logins = folder / "docker"
        logins.mkdir()
        for path in (folder, program, logins):
            os.chown(path, NOBODY, NOBODY)
            path.chmod(0o700)
        # The way to the socket is open, the socket is not: whoever listens need not even be an engine.
        with socket.socket(socket.AF_UNIX) as closed:
            closed.bind(str(folder / "engine.sock"))
            (folder / "engine.sock").chmod(0)
            closed.listen()
            here = f"unix://{folder}/engine.sock"
            env = world.env | {
                "HOME": str(folder), "WINDLASS_STATE_DIR": str(folder / "state"), "DOCKER_CONFIG": str(logins),
                "GH_CONFIG_DIR": str(logins), "DOCKER_HOST": here, "CONTAINER_HOST": here,
            }
            drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", program]
            yield lambda *arguments: run([*drop, *arguments], env, cwd=folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sound(world, client):
    """After all of this the same client uploads."""
    image = Image("after all")
    before = world.resource_revisions(*STUDIO)
    done = upload(client, STUDIO, "--from", f"docker-archive:{image.docker_archive(SCRATCH / 'after.tar')}")
    new = [revision for revision in world.resource_revisions(*STUDIO) if revision not in before]
    check(
        done.code == 0 and len(new) == 1 and messages(done.out)[-1:] == [created(new[0], STUDIO)],
        "after all of this the same client uploads an image", done.tail(),
    )
    secret = (SCRATCH / "secret").read_text()
    seen = subprocess.run(["grep", "-rl", secret, str(client.state), str(world.dir)], capture_output=True, text=True).stdout
    check(not seen, "nothing of a file outside an archive was read into cache, journal or registry", seen)


if __name__ == "__main__":
    referee(main)
