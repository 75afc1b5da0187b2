"""The image that is measured with: three layers of 335 MB, the same bytes on every machine with
the same zlib. Made once, kept under target/bench.

The shape is that of `reference` measurements: two layers of what does not compress, one of text.
"""

import gzip
import hashlib
import http.client
import io
import json
import random
import shutil
import tarfile

from measure import KEPT
from world import http as ask
from world import need

MIB = 1 << 20
SCHEMA2 = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


class Layer:
    def __init__(self, path, digest, diff_id, size):
        self.path, self.digest, self.diff_id, self.size = path, digest, diff_id, size


def layer(key, noise, text):
    """One layer of `noise` random and `text` hexadecimal bytes; from the shelf where it was made."""
    folder = KEPT / f"layer-{key}-{noise}-{text}"
    told = folder / "layer.json"
    if not told.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        draw = random.Random(f"{key} {noise} {text}")
        plain = _Hashed(None)
        with open(folder / "blob", "wb") as file:
            packed = _Hashed(file)
            # Noise is stored as it is: nothing would come of pressing it.
            with gzip.GzipFile("", "wb", 6 if text else 0, packed, mtime=0) as press:
                plain.sink = press
                _write(plain, draw, noise, text)
        told.write_text(json.dumps({"digest": packed.digest, "diff_id": plain.digest, "size": packed.size}))
    found = json.loads(told.read_text())
    return Layer(folder / "blob", found["digest"], found["diff_id"], found["size"])


class _Hashed:
    """Counts and hashes on the way to a sink."""

    def __init__(self, sink):
        self.sink, self.hash, self.size = sink, hashlib.sha256(), 0

    def write(self, piece):
        self.hash.update(piece)
        self.size += len(piece)
        return self.sink.write(piece)

    def flush(self):
        self.sink.flush()

    @property
    def digest(self):
        return "sha256:" + self.hash.hexdigest()


def _write(sink, draw, noise, text):
    with tarfile.open(fileobj=sink, mode="w|", format=tarfile.GNU_FORMAT, bufsize=MIB) as archive:
        for kind, size in (("noise", noise), ("text", text)):
            for number in range(0, size, 8 * MIB):
                length = min(8 * MIB, size - number)
                content = draw.randbytes(length) if kind == "noise" else draw.randbytes(length // 2).hex().encode()
                entry = tarfile.TarInfo(f"opt/{kind}-{number // MIB}")
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))


class Image:
    """Layers under a configuration and a manifest of Docker's kind, as Docker Hub serves most."""

    def __init__(self, layers):
        self.layers = layers
        self.config = json.dumps({
            "architecture": "amd64", "os": "linux", "created": "2024-02-29T12:00:00Z", "config": {"Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [one.diff_id for one in layers]},
        }).encode()
        self.config_digest = "sha256:" + hashlib.sha256(self.config).hexdigest()
        self.manifest = json.dumps({
            "schemaVersion": 2, "mediaType": SCHEMA2,
            "config": {"mediaType": DOCKER_CONFIG, "digest": self.config_digest, "size": len(self.config)},
            "layers": [{"mediaType": DOCKER_LAYER, "digest": one.digest, "size": one.size} for one in layers],
        }).encode()
        self.digest = "sha256:" + hashlib.sha256(self.manifest).hexdigest()
        self.size = sum(one.size for one in layers)


def image(key="a", megabytes=335, changed=False):
    """`megabytes` of image; `changed` has another second layer."""
    part = megabytes / 335
    return Image([
        layer(f"{key}1", int(150 * part * MIB), 0),
        layer(f"{key}2{'x' if changed else ''}", int(100 * part * MIB), 0),
        layer(f"{key}3", int(5 * part * MIB), int(113 * part) * MIB),
    ])


def push(registry, repository, tag, which):
    """Into a docker-registry on loopback, from the shelf."""
    for one in which.layers:
        if ask("HEAD", f"http://{registry}/v2/{repository}/blobs/{one.digest}")[0] != 200:
            with open(one.path, "rb") as body:
                _blob(registry, repository, one.digest, body, one.size)
    _blob(registry, repository, which.config_digest, which.config, len(which.config))
    status, _, said = ask("PUT", f"http://{registry}/v2/{repository}/manifests/{tag}", {"Content-Type": SCHEMA2}, which.manifest)
    need(status == 201, f"PUT manifest: {status} {said[:200]!r}")


def _blob(registry, repository, digest, body, size):
    status, headers, _ = ask("POST", f"http://{registry}/v2/{repository}/blobs/uploads/", body=b"")
    need(status == 202, f"POST blobs/uploads: {status}")
    place = headers["Location"].partition(registry)[2]
    wire = http.client.HTTPConnection(registry, timeout=300)
    wire.request("PUT", f"{place}&digest={digest}", body, {"Content-Length": str(size), "Content-Type": "application/octet-stream"})
    answer = wire.getresponse()
    need(answer.status == 201, f"PUT {digest}: {answer.status} {answer.read()[:200]!r}")
    wire.close()


def docker_archive(which, path, name):
    """What `docker save` writes of it, for an engine to load."""
    with tarfile.open(path, "w") as archive:
        names = []
        for number, one in enumerate(which.layers):
            names.append(f"{number}/layer.tar")
            with gzip.open(one.path) as plain:
                content = plain.read()
            _add(archive, names[-1], content)
        config = f"{which.config_digest[7:]}.json"
        _add(archive, config, which.config)
        manifest = [{"Config": config, "RepoTags": [name], "Layers": names}]
        _add(archive, "manifest.json", json.dumps(manifest).encode())
    return path


def _add(archive, name, content):
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))
