"""Odd but legal images and archives, made by hand; the same bytes on every machine.

`layouts()` yields images as OCI layouts, `archives()` as files of `docker save` and its relatives.
Standard library only; zstd is written as raw blocks, which every reader takes.
"""

import bz2
import gzip
import io
import json
import lzma
import struct
import tarfile
from dataclasses import dataclass

from images import CONFIG, INDEX, LAYER, MANIFEST, Image, described, tar
from world import sha256

DOCKER = "application/vnd.docker."
DOCKER_MANIFEST = DOCKER + "distribution.manifest.v2+json"
DOCKER_LIST = DOCKER + "distribution.manifest.list.v2+json"
DOCKER_CONFIG = DOCKER + "container.image.v1+json"
DOCKER_LAYER = DOCKER + "image.rootfs.diff.tar.gzip"
NAME = "org.opencontainers.image.ref.name"
EMPTY = "application/vnd.oci.empty.v1+json"


@dataclass
class Layout:
    """An image in the OCI layout. `entries` are the descriptors of index.json."""

    name: str
    entries: object
    blobs: dict
    #: What follows `oci:DIR`.
    suffix: str = ""
    #: Further arguments of copy and upload-resource.
    arguments: tuple = ()
    #: Words of a refusal, where the image is refused before a byte is sent.
    refused: tuple = ()
    #: Words of a refusal by Debian's docker-registry.
    rejected: tuple = ()
    #: Words of `resolve` and of the preview.
    says: tuple = ()
    #: True where Charmhub can run it.
    runs: bool = False
    #: What arrives, where it is not the one entry of index.json.
    arrives: str = ""

    @property
    def digest(self):
        return self.arrives or self.entries[0]["digest"]


@dataclass
class Archive:
    """A file. `config` is the config digest of the image in it."""

    name: str
    content: bytes
    config: str = ""
    transport: str = "docker-archive"
    suffix: str = ""
    arguments: tuple = ()
    refused: tuple = ()


class Blobs(dict):
    """Blobs by digest."""

    def put(self, media_type, content, **more):
        """Keeps bytes or a document; returns its descriptor."""
        if not isinstance(content, bytes):
            content = json.dumps(content, separators=(",", ":")).encode()
        self[sha256(content)] = content
        return described(media_type, content, **more)


def small(seed, architecture="amd64", variant=None, layers=2):
    return Image(seed, size=400, architecture=architecture, variant=variant, layers=layers)


def zstd(content):
    """One frame of raw blocks."""
    blocks = [content[at : at + 100_000] for at in range(0, len(content), 100_000)] or [b""]
    out = b"\x28\xb5\x2f\xfd" + b"\xa0" + struct.pack("<I", len(content))
    for number, block in enumerate(blocks):
        last = number == len(blocks) - 1
        out += struct.pack("<I", len(block) << 3 | last)[:3] + block
    return out


def manifest(blobs, image, types=(MANIFEST, CONFIG, LAYER), pack=lambda layer: gzip.compress(layer, 6, mtime=0), **more):
    """An image's manifest and everything below it; returns the descriptor."""
    kind, config, layer = types
    return blobs.put(kind, {
        "schemaVersion": 2, "mediaType": kind, "config": blobs.put(config, image.config),
        "layers": [blobs.put(layer, pack(one)) for one in image.layers],
    } | more)


def index(blobs, children, kind=INDEX, **more):
    return blobs.put(kind, {"schemaVersion": 2, "mediaType": kind, "manifests": children} | more)


def on(descriptor, os="linux", architecture="amd64", **more):
    return descriptor | {"platform": {"architecture": architecture, "os": os} | more}


def attestation(blobs, of):
    statement = blobs.put("application/vnd.in-toto+json", {"_type": "https://in-toto.io/Statement/v0.1", "of": of["digest"]})
    config = blobs.put(CONFIG, {"architecture": "unknown", "os": "unknown", "rootfs": {"type": "layers", "diff_ids": [statement["digest"]]}})
    made = blobs.put(MANIFEST, {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [statement]})
    return on(made, "unknown", "unknown") | {
        "annotations": {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": of["digest"]}
    }


SCHEMA2 = (DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER)
ARCHITECTURES = (("amd64", None), ("arm64", "v8"), ("arm", "v7"), ("arm", "v6"), ("ppc64le", None), ("s390x", None), ("riscv64", None))


def several(blobs, seed, architectures=ARCHITECTURES, **kind):
    children = []
    for architecture, variant in architectures:
        image = small(seed, architecture, variant)
        children.append(manifest(blobs, image, **kind) | {"platform": image.platform})
    return children


def layouts():
    def one(name, make, **more):
        blobs = Blobs()
        entries = make(blobs)
        return Layout(name, entries if isinstance(entries, list) or entries is None else [entries], blobs, **more)

    yield one("plain", lambda b: manifest(b, small("plain")), runs=True)
    yield one("schema-2", lambda b: manifest(b, small("schema2"), SCHEMA2), runs=True)
    yield one("docker-list", lambda b: index(b, several(b, "list", types=SCHEMA2), DOCKER_LIST), runs=True)
    yield one("seven-architectures", lambda b: index(b, several(b, "seven")), runs=True)
    yield one("big-endian-only", lambda b: manifest(b, small("s390x", "s390x")), runs=True)
    yield one("index-of-one", lambda b: index(b, several(b, "one", ARCHITECTURES[:1])), runs=True)
    yield one("nested-index", lambda b: index(b, [index(b, several(b, "nested", ARCHITECTURES[:2])), *several(b, "beside", ARCHITECTURES[4:5])]), runs=True)
    yield one("index-three-deep", lambda b: index(b, [index(b, [index(b, several(b, "deep", ARCHITECTURES[:1]))])]))
    yield one("child-named-twice", lambda b: index(b, several(b, "twice", ARCHITECTURES[:1]) * 2), runs=True)
    yield one("one-child-two-platforms", lambda b: (lambda d: index(b, [on(d), on(d, architecture="arm64", variant="v8")]))(manifest(b, small("shared"))))
    yield one("schema-2-in-an-oci-index", lambda b: index(b, several(b, "mixed-a", ARCHITECTURES[:1], types=SCHEMA2) + several(b, "mixed-b", ARCHITECTURES[1:2])), runs=True)

    def attested(b):
        children = several(b, "attested", ARCHITECTURES[:2])
        return index(b, children + [attestation(b, child) for child in children])

    yield one("attestations", attested, runs=True)
    yield one("zstd-layers", lambda b: manifest(b, small("zstd"), (MANIFEST, CONFIG, "application/vnd.oci.image.layer.v1.tar+zstd"), zstd), runs=True)
    yield one("bare-layers", lambda b: manifest(b, small("bare"), (MANIFEST, CONFIG, "application/vnd.oci.image.layer.v1.tar"), bytes), runs=True)
    yield one("no-layers", lambda b: manifest(b, small("none", layers=0)))
    yield one("hundred-layers", lambda b: manifest(b, small("hundred", layers=100)))

    def repeated(b):
        image = small("repeated")
        image.layers = [image.layers[0]] * 3 + image.layers[1:]
        image.diff_ids = [sha256(layer) for layer in image.layers]
        content = json.loads(image.config)
        content["rootfs"]["diff_ids"] = image.diff_ids
        image.config = json.dumps(content).encode()
        return manifest(b, image)

    yield one("one-layer-three-times", repeated, runs=True)

    def empty_layer(b):
        image = small("emptylayer", layers=1)
        image.layers = [bytes(1024)]
        image.config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [sha256(bytes(1024))]}}).encode()
        return manifest(b, image)

    yield one("one-empty-layer", empty_layer, runs=True)
    yield one("empty-config", lambda b: b.put(MANIFEST, {"schemaVersion": 2, "mediaType": MANIFEST, "config": b.put(CONFIG, b"{}"), "layers": [b.put(LAYER, gzip.compress(tar([("a", b"a")]), mtime=0))]}))
    yield one("artifact-without-config", lambda b: b.put(MANIFEST, {"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.acme.report", "config": b.put(EMPTY, b"{}"), "layers": [b.put("text/plain", b"report")]}))
    yield one("helm-chart", lambda b: b.put(MANIFEST, {"schemaVersion": 2, "config": b.put("application/vnd.cncf.helm.config.v1+json", {"name": "x", "version": "1.0.0"}), "layers": [b.put("application/vnd.cncf.helm.chart.content.v1.tar+gzip", b"chart")]}))
    yield one("wasm-module", lambda b: b.put(MANIFEST, {"schemaVersion": 2, "mediaType": MANIFEST, "config": b.put("application/vnd.wasm.config.v0+json", {"architecture": "wasm", "os": "wasip1", "layerDigests": []}), "layers": [b.put("application/wasm", b"\0asm")]}))
    yield one("layers-of-unknown-type", lambda b: manifest(b, small("odd"), (MANIFEST, CONFIG, "application/vnd.acme.layer+unknown")))
    yield one("no-media-type", lambda b: (lambda d: b.put(MANIFEST, {key: value for key, value in json.loads(b[d["digest"]]).items() if key != "mediaType"}))(manifest(b, small("untyped"))), runs=True)
    yield one("pretty-printed", lambda b: (lambda d: b.put(MANIFEST, json.dumps(json.loads(b[d["digest"]]) | {"x-unknown": {"ä": [None, 1e3]}}, indent=3).encode() + b"\n\n"))(manifest(b, small("pretty"))), runs=True)
    yield one("annotations-everywhere", lambda b: index(b, [child | {"annotations": {"a": "ä\u202e"}} for child in several(b, "noted", ARCHITECTURES[:2], annotations={"k" * 100: "v" * 1000})], annotations={"org.opencontainers.image.created": "2024-02-30"}), runs=True)
    yield one("windows", lambda b: index(b, [on(manifest(b, small("win")), "windows", **{"os.version": "10.0.17763.1", "os.features": ["win32k"]}), *several(b, "nix", ARCHITECTURES[:1])]), runs=True)
    yield one("index-without-platforms", lambda b: index(b, [{key: value for key, value in child.items() if key != "platform"} for child in several(b, "noplatform", ARCHITECTURES[:2])]), runs=True)
    yield one("descriptor-with-data", lambda b: b.put(MANIFEST, {"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/x", "config": b.put(EMPTY, b"{}", data="e30="), "layers": [b.put(EMPTY, b"{}", data="e30=")]}))
    yield one("empty-index", lambda b: index(b, []))
    yield one("null-lists-below", lambda b: index(b, None, annotations=None))
    yield one("null-layers", lambda b: b.put(MANIFEST, {"schemaVersion": 2, "mediaType": MANIFEST, "config": b.put(EMPTY, b"{}"), "layers": None, "annotations": None}))
    yield one("two-names", lambda b: (lambda d: [d | {"annotations": {NAME: "1.0"}}, d | {"annotations": {NAME: "latest"}}])(manifest(b, small("names"))), runs=True)

    def pair(b, *names):
        return [child | ({"annotations": {NAME: name}} if name else {}) for child, name in zip(several(b, "pair", ARCHITECTURES[:2]), names)]

    blobs = Blobs()
    entries = pair(blobs, None, None)
    yield Layout("unnamed-by-position", entries, blobs, suffix=":@1", arrives=entries[1]["digest"], runs=True)
    yield Layout("unnamed-by-digest", entries, blobs, suffix=":" + entries[1]["digest"], arrives=entries[1]["digest"])
    yield Layout("unnamed", entries, blobs, refused=("several images", "@0", "linux/arm64", entries[1]["digest"]))
    blobs = Blobs()
    entries = pair(blobs, "1.0.0", "1.0.0")
    yield Layout("doubly-named", entries, blobs, suffix=":1.0.0", refused=("several images named 1.0.0", entries[0]["digest"]))
    yield Layout("no-entries", None, Blobs(), refused=("lists no image",))

    def foreign(b, types, kind):
        image = small("foreign")
        made = json.loads(b[manifest(b, image, types)["digest"]])
        absent = {"mediaType": kind, "size": 1234, "digest": "sha256:" + "ab" * 32, "urls": ["https://example.org/base.tar.gz"]}
        config = json.loads(image.config)
        config["rootfs"]["diff_ids"].insert(0, "sha256:" + "cd" * 32)
        return b.put(types[0], made | {"config": b.put(types[1], config), "layers": [absent, *made["layers"]]})

    stays = dict(rejected=("rejects an image with external layers", "https://example.org/base.tar.gz"), says=("is not sent: it remains at https://example.org/base.tar.gz",))
    yield one("foreign-layer", lambda b: foreign(b, SCHEMA2, DOCKER + "image.rootfs.foreign.diff.tar.gzip"), **stays)
    yield one("nondistributable-layer", lambda b: foreign(b, (MANIFEST, CONFIG, LAYER), "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"), **stays)

    def layerless(b):
        return b.put(MANIFEST, {"schemaVersion": 2, "mediaType": MANIFEST, "config": b.put(CONFIG, small("lost").config), "layers": []})

    yield one("layers-only-in-the-config", layerless, refused=("2 layers", "no layer"))

    def lost(b, what):
        made = index(b, several(b, "lost", ARCHITECTURES[:2]))
        child = json.loads(b[made["digest"]])["manifests"][1]["digest"]
        del b[child if what == "child" else json.loads(b[child])["layers"][0]["digest"]]
        return made

    yield one("child-not-there", lambda b: lost(b, "child"), refused=("missing: manifest sha256:",))
    yield one("blob-not-there", lambda b: lost(b, "blob"), refused=("missing: blob sha256:",))
    yield one("schema-1", lambda b: b.put(DOCKER + "distribution.manifest.v1+json", {"schemaVersion": 1, "fsLayers": []}), refused=("schema 1",))
    yield one("artifact-manifest", lambda b: b.put("application/vnd.oci.artifact.manifest.v1+json", {"mediaType": "application/vnd.oci.artifact.manifest.v1+json", "blobs": []}), refused=("application/vnd.oci.artifact.manifest.v1+json",))
    yield one("sha-512", lambda b: b.put(MANIFEST, {"schemaVersion": 2, "mediaType": MANIFEST, "config": {"mediaType": CONFIG, "size": 2, "digest": "sha512:" + "0" * 128}, "layers": []}), refused=("only sha256",))


# ---------------------------------------------------------------- archives


def packed(items):
    """A tar of (name, bytes), (name, "sym", target) and (name, "link", target)."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, *rest in items:
            entry = tarfile.TarInfo(name)
            if len(rest) == 2:
                entry.type, entry.linkname = {"sym": tarfile.SYMTYPE, "link": tarfile.LNKTYPE}[rest[0]], rest[1]
                archive.addfile(entry)
            else:
                entry.size = len(rest[0])
                archive.addfile(entry, io.BytesIO(rest[0]))
    return whole.getvalue()


def saved(*rows):
    return "manifest.json", json.dumps([
        {"Config": config, "RepoTags": tags, "Layers": layers} for config, tags, layers in rows
    ]).encode()


def flat(image, tags=("acme/zoo:v1",)):
    """As skopeo writes it: (entries, row of manifest.json)."""
    names = [f"{digest[7:]}.tar" for digest in image.diff_ids]
    entries = [*dict(zip(names, image.layers)).items(), (f"{image.hex}.json", image.config)]
    return entries, (f"{image.hex}.json", tags and list(tags), names)


def docker_25(image, index_of):
    """Docker 25: an OCI layout with manifest.json; `index_of(descriptor)` makes index.json."""
    blobs = Blobs()
    made = manifest(blobs, image, (MANIFEST, CONFIG, "application/vnd.oci.image.layer.v1.tar"), bytes)
    place = lambda digest: f"blobs/sha256/{digest[7:]}"
    return packed([
        *((place(digest), content) for digest, content in blobs.items()),
        ("index.json", json.dumps(index_of(blobs, made)).encode()), ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'),
        saved((place(image.id), ["acme/zoo:v1"], [place(digest) for digest in image.diff_ids])),
    ])


def archives():
    image, other = small("archive"), small("other", "arm64")
    entries, row = flat(image)
    plain = packed([*entries, saved(row)])
    yield Archive("skopeo", plain, image.id)
    yield Archive("untagged", packed([*entries, saved((row[0], None, row[2]))]), image.id)
    yield Archive("named", plain, image.id, suffix=":acme/zoo:v1")
    yield Archive("gzip", gzip.compress(plain, mtime=0), image.id)
    yield Archive("xz", lzma.compress(plain), image.id)
    yield Archive("zstd", zstd(plain[:5000]) + zstd(plain[5000:]), image.id)
    yield Archive("bzip2", bz2.compress(plain), refused=("bzip2",))
    v1 = [f"{sha256(digest.encode())[7:]}" for digest in image.diff_ids]
    links = [(f"{name}/layer.tar", "sym", f"../{layer}") for name, layer in zip(v1, row[2])]
    yield Archive("symbolic-links", packed([*entries, *links, saved((row[0], row[1], [name for name, *_ in links]))]), image.id)
    links = [(f"{name}/layer.tar", "link", layer) for name, layer in zip(v1, row[2])]
    yield Archive("hard-links", packed([*entries, *links, saved((row[0], row[1], [name for name, *_ in links]))]), image.id)
    yield Archive("link-out", packed([*entries, ("x", "sym", "../../etc/passwd"), saved(row)]), refused=("link target is outside the archive",))
    yield Archive("manifest-first", packed([saved(row), *reversed(entries)]), image.id)
    one = lambda blobs, made: {"schemaVersion": 2, "manifests": [made | {"annotations": {"io.containerd.image.name": "docker.io/acme/zoo:v1", NAME: "v1"}}]}
    yield Archive("docker-25", docker_25(image, one), image.id)
    yield Archive("docker-25-null-index", docker_25(image, lambda *_: {"schemaVersion": 2, "manifests": None}), image.id)

    def layerless(blobs, _):
        text = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": described(CONFIG, image.config), "layers": None}).encode()
        blobs[sha256(text)] = text
        return {"schemaVersion": 2, "manifests": [described(MANIFEST, text)]}

    def broken():
        blobs = Blobs()
        return layerless(blobs, None), blobs

    document, blobs = broken()
    whole = io.BytesIO(docker_25(image, lambda *_: document))
    with tarfile.open(fileobj=whole, mode="a") as archive:
        for digest, content in blobs.items():
            entry = tarfile.TarInfo(f"blobs/sha256/{digest[7:]}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    yield Archive("docker-25-no-layers", whole.getvalue(), image.id)
    yield Archive("docker-25-no-layers-as-oci", whole.getvalue(), transport="oci-archive", refused=("no layer", "docker-archive:"))
    more, second = flat(other, None)
    both = packed([*entries, *more, saved((row[0], None, row[2]), second)])
    yield Archive("several", both, refused=("several images", image.id, "linux/arm64"))
    yield Archive("several-by-position", both, other.id, suffix=":@1")
    yield Archive("several-by-config", both, other.id, suffix=f":{other.id}")
    yield Archive("several-by-platform", both, other.id, arguments=("--platform", "linux/arm64"))
    twice = small("doubled", layers=1)
    twice.layers *= 2
    twice.config = json.dumps(json.loads(twice.config) | {"rootfs": {"type": "layers", "diff_ids": twice.diff_ids * 2}}).encode()
    twice.diff_ids, twice.id = twice.diff_ids * 2, sha256(twice.config)
    entries, row = flat(twice)
    yield Archive("one-layer-twice", packed([*entries, saved(row)]), twice.id)
    yield Archive("cut-short", plain[: len(plain) // 2], refused=("is truncated",))
    yield Archive("no-archive", b"\xff\x00\x81raw bytes" * 200, refused=("is not a tar archive",))
