"""Small images made by hand, in every form an image can lie in.

Owns layers, configurations and the layouts of archives. Standard library only; the same words give
the same bytes on every machine.
"""

import gzip
import hashlib
import io
import json
import random
import tarfile

from world import http, need, sha256

OCI = "application/vnd.oci.image."
MANIFEST, INDEX, CONFIG = OCI + "manifest.v1+json", OCI + "index.v1+json", OCI + "config.v1+json"
LAYER = OCI + "layer.v1.tar+gzip"


def tar(files, mtime=0):
    """A tar of (name, content) pairs, dated 1970 unless told."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), mtime
            archive.addfile(entry, io.BytesIO(content))
    return whole.getvalue()


class Image:
    """One image for one platform: layers as tars, and the configuration that names them."""

    def __init__(self, seed, size=60_000, architecture="amd64", variant=None, labels=None, layers=3):
        draw = random.Random(f"{seed} {architecture}")
        self.layers = [
            tar([
                (f"opt/{seed}-{number}.bin", draw.randbytes(size)),
                (f"opt/{seed}-{number}.txt", b"the same line again\n" * (size // 20)),
            ])
            for number in range(layers)
        ]
        self.seed, self.architecture, self.variant = seed, architecture, variant
        self.diff_ids = [sha256(layer) for layer in self.layers]
        content = {
            "architecture": architecture, "os": "linux", "created": "2024-02-29T12:00:00Z",
            "config": {"Env": ["PATH=/bin"], "Entrypoint": ["/opt/run"], "Labels": labels or {"seed": str(seed)}},
            "rootfs": {"type": "layers", "diff_ids": self.diff_ids},
            "history": [{"created": "2024-02-29T12:00:00Z", "created_by": f"layer {n}"} for n in range(layers)],
        }
        if variant:
            content["variant"] = variant
        self.config = json.dumps(content, separators=(",", ":")).encode()
        #: What engines call the image's id.
        self.id = sha256(self.config)

    @property
    def hex(self):
        return self.id.removeprefix("sha256:")

    @property
    def platform(self):
        platform = {"os": "linux", "architecture": self.architecture}
        return platform | ({"variant": self.variant} if self.variant else {})

    def docker_archive(self, path, tag="acme/it:v1", mtime=0):
        """What `docker save` of Docker before 25 writes, without the files nobody reads. Saved on
        another day (`mtime`), the same image makes another file."""
        names = [f"{sha256(diff_id.encode())[7:]}/layer.tar" for diff_id in self.diff_ids]
        manifest = [{"Config": f"{self.hex}.json", "RepoTags": [tag] if tag else None, "Layers": names}]
        path.write_bytes(tar([
            *zip(names, self.layers), (f"{self.hex}.json", self.config), ("manifest.json", json.dumps(manifest).encode()),
        ], mtime))
        return path

    def blobs(self):
        """(manifest bytes, {digest: bytes}) as a builder pushes it."""
        packed = [gzip.compress(layer, 6, mtime=0) for layer in self.layers]
        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": described(CONFIG, self.config),
            "layers": [described(LAYER, layer) for layer in packed],
        }).encode()
        return manifest, {sha256(blob): blob for blob in [self.config, *packed]}


def described(media_type, blob, **more):
    return {"mediaType": media_type, "digest": sha256(blob), "size": len(blob)} | more


class Index:
    """An image for several platforms."""

    def __init__(self, images):
        self.images = images
        self.blobs, self.manifests, descriptors = {}, [], []
        for image in images:
            manifest, blobs = image.blobs()
            self.manifests.append(sha256(manifest))
            self.blobs |= blobs | {sha256(manifest): manifest}
            descriptors.append(described(MANIFEST, manifest, platform=image.platform))
        self.text = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": descriptors}).encode()
        self.digest = sha256(self.text)


def oci_layout(folder, image, tag="it"):
    """Writes an image or index as an OCI layout; returns its digest."""
    media_type, text, blobs = parts(image)
    (folder / "blobs/sha256").mkdir(parents=True)
    for digest, blob in (blobs | {sha256(text): text}).items():
        (folder / "blobs/sha256" / digest[7:]).write_bytes(blob)
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    entry = described(media_type, text, annotations={"org.opencontainers.image.ref.name": tag})
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}))
    return sha256(text)


def oci_archive(path, folder):
    """An OCI layout as one file."""
    with tarfile.open(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.add(file, file.relative_to(folder).as_posix())
    return path


def parts(image):
    if isinstance(image, Index):
        return INDEX, image.text, image.blobs
    text, blobs = image.blobs()
    return MANIFEST, text, blobs


def push(registry, repository, tag, image):
    """Into a registry on loopback that asks for no login; returns the digest."""
    media_type, text, blobs = parts(image)
    place = f"http://{registry}/v2/{repository}"
    inner = image.manifests if isinstance(image, Index) else ()
    for digest, blob in blobs.items():
        if digest in inner:
            continue
        status, headers, _ = http("POST", f"{place}/blobs/uploads/", body=b"")
        need(status == 202, f"POST {place}/blobs/uploads/: {status}")
        to = headers["Location"]
        status, _, answer = http("PUT", f"{to}{'&' if '?' in to else '?'}digest={digest}", {"Content-Type": "application/octet-stream"}, blob)
        need(status == 201, f"PUT {digest}: {status} {answer[:200]!r}")
    for reference, kind, content in [*((digest, MANIFEST, blobs[digest]) for digest in inner), (tag, media_type, text)]:
        status, _, answer = http("PUT", f"{place}/manifests/{reference}", {"Content-Type": kind}, content)
        need(status == 201, f"PUT manifest {reference}: {status} {answer[:200]!r}")
    return sha256(text)


def unpacked(folder, reference="it"):
    """Of an OCI layout: for each platform (config digest, the diff ids it names, those of its layers)."""
    def blob(digest):
        return (folder / "blobs/sha256" / digest.removeprefix("sha256:")).read_bytes()

    def manifests(descriptor):
        content = json.loads(blob(descriptor["digest"]))
        if "manifests" in content:
            for entry in content["manifests"]:
                yield from manifests(entry)
        else:
            yield content

    found = []
    for descriptor in json.loads((folder / "index.json").read_text())["manifests"]:
        for manifest in manifests(descriptor):
            config = json.loads(blob(manifest["config"]["digest"]))
            if "rootfs" not in config:
                continue  # an attestation
            layers = [blob(layer["digest"]) for layer in manifest["layers"]]
            layers = [gzip.decompress(layer) if layer[:2] == b"\x1f\x8b" else layer for layer in layers]
            found.append((manifest["config"]["digest"], config["rootfs"]["diff_ids"], [sha256(layer) for layer in layers]))
    return found
