#!/usr/bin/env -S python3 -B
"""The OCI distribution specification (pull, push, discovery, management), asked of the demo's
ghcr.io and of Debian's docker-registry in one run: ours must pass whatever docker-registry does."""

import base64
import hashlib
import json
import os
import re
import urllib.parse

from world import World, check, docker_registry, http, referee, sha256

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
SCHEMA2 = "application/vnd.docker.distribution.manifest.v2+json"
ACCEPT = ", ".join([MANIFEST, INDEX, SCHEMA2, "application/vnd.docker.distribution.manifest.list.v2+json"])


class Registry:
    """A registry under test, with the token dance of its challenges."""

    def __init__(self, base, name, user=None, password=None):
        self.base, self.name = base, name
        self.repo = f"{name}/{os.urandom(4).hex()}"
        self.other = self.repo + "-other"
        self.login = (user, password)
        self.tokens = {}

    def ask(self, method, path, body=None, headers=None):
        url = path if path.startswith("http") else self.base + path
        headers = dict(headers or {})
        scope = re.match(r"/v2/(.+?)/(?:blobs|manifests|tags|referrers)/", urllib.parse.urlsplit(url).path)
        key = (scope.group(1) if scope else "", method)
        if key in self.tokens:
            headers["Authorization"] = self.tokens[key]
        status, answer, data = http(method, url, headers, body)
        challenge = answer.get("WWW-Authenticate", "")
        if status == 401 and challenge.startswith("Bearer") and self.login[1]:
            self.tokens[key] = "Bearer " + self.token(challenge, self.scopes(url, method))
            headers["Authorization"] = self.tokens[key]
            status, answer, data = http(method, url, headers, body)
        return Answer(status, answer, data, url)

    @staticmethod
    def scopes(url, method):
        """What a request needs: GHCR's challenge names an example, so clients build their own scopes. A
        mount needs the source too."""
        parts = urllib.parse.urlsplit(url)
        name = re.match(r"/v2/(.+?)/(?:blobs|manifests|tags|referrers)/", parts.path)
        actions = "pull" if method in ("GET", "HEAD") and "/uploads/" not in parts.path else "pull,push,delete"
        scopes = [("scope", f"repository:{name[1]}:{actions}")] if name else []
        query = urllib.parse.parse_qs(parts.query)
        return scopes + [("scope", f"repository:{name}:pull") for name in query.get("from", [])]

    def token(self, challenge, scopes):
        fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        query = [("service", fields.get("service", "")), *scopes]
        basic = base64.b64encode(":".join(self.login).encode()).decode()
        url = fields["realm"] + "?" + urllib.parse.urlencode(query)
        status, _, data = http("GET", url, {"Authorization": f"Basic {basic}"})
        assert status == 200, f"token: {status} {data!r}"
        document = json.loads(data)
        return document.get("token") or document["access_token"]

    # -- shorthands

    def push(self, data, repo=None):
        """Monolithic upload in two requests."""
        begun = self.ask("POST", f"/v2/{repo or self.repo}/blobs/uploads/", b"", {"Content-Length": "0"})
        return self.ask("PUT", self.with_digest(begun.location, sha256(data)), data, OCTETS)

    def begin(self):
        return self.ask("POST", f"/v2/{self.repo}/blobs/uploads/", b"", {"Content-Length": "0"})

    @staticmethod
    def with_digest(location, digest):
        return location + ("&" if "?" in location else "?") + "digest=" + urllib.parse.quote(digest)

    def put(self, reference, document, kind=MANIFEST, repo=None):
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.ask("PUT", f"/v2/{repo or self.repo}/manifests/{reference}", data, {"Content-Type": kind})

    def manifest(self, reference, method="GET", accept=ACCEPT, repo=None):
        return self.ask(method, f"/v2/{repo or self.repo}/manifests/{reference}", None, {"Accept": accept})

    def blob(self, digest, method="GET", headers=None, repo=None):
        return self.ask(method, f"/v2/{repo or self.repo}/blobs/{digest}", None, headers)


OCTETS = {"Content-Type": "application/octet-stream"}


class Answer:
    def __init__(self, status, headers, body, url):
        self.status, self.headers, self.body, self.url = status, headers, body, url

    @property
    def location(self):
        return urllib.parse.urljoin(self.url, self.headers.get("Location", ""))

    @property
    def digest(self):
        return self.headers.get("Docker-Content-Digest")

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The first error code of the body, or ''."""
        try:
            return self.json["errors"][0]["code"]
        except (ValueError, KeyError, IndexError, TypeError):
            return ""

    def __repr__(self):
        return f"{self.status} {self.code} {dict(self.headers)} {self.body[:80]!r}"


def image(registry, note="", subject=None):
    """(manifest, config, layer) with their blobs pushed."""
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}, "note": note}).encode()
    layer = b"layer " + note.encode() + b"x" * 1000
    for data in (config, layer):
        registry.push(data)
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha256(config), "size": len(config)},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": sha256(layer), "size": len(layer)}],
    }
    if subject:
        document["subject"] = subject
    return json.dumps(document).encode(), config, layer


# Every check is one function of a registry; its first line says what the specification asks.


def pull_base(r):
    """GET /v2/ answers 200"""
    return r.ask("GET", "/v2/").status == 200


def pull_unknown_blob(r):
    """GET of an unknown blob: 404"""
    return r.blob("sha256:" + "0" * 64).status == 404


def pull_unknown_blob_head(r):
    """HEAD of an unknown blob: 404"""
    return r.blob("sha256:" + "0" * 64, "HEAD").status == 404


def pull_blob(r):
    """GET of a blob: 200 and its bytes"""
    data = os.urandom(5000)
    r.push(data)
    answer = r.blob(sha256(data))
    return answer.status == 200 and answer.body == data


def pull_blob_head(r):
    """HEAD of a blob: 200, Content-Length, no body"""
    data = os.urandom(5000)
    r.push(data)
    answer = r.blob(sha256(data), "HEAD")
    return answer.status == 200 and answer.headers.get("Content-Length") == "5000" and not answer.body


def pull_blob_digest_header(r):
    """A Docker-Content-Digest of a blob, where sent, is its digest"""
    data = os.urandom(500)
    r.push(data)
    return r.blob(sha256(data), "HEAD").digest in (None, sha256(data))


def pull_range(r):
    """GET of a blob with Range: 206 and the part"""
    data = os.urandom(5000)
    r.push(data)
    answer = r.blob(sha256(data), headers={"Range": "bytes=1000-1999"})
    return answer.status == 206 and answer.body == data[1000:2000] and "bytes 1000-1999/5000" in answer.headers.get("Content-Range", "")


def pull_open_range(r):
    """GET of a blob from an offset to its end: 206 and the rest"""
    data = os.urandom(5000)
    r.push(data)
    answer = r.blob(sha256(data), headers={"Range": "bytes=4000-"})
    return answer.status == 206 and answer.body == data[4000:]


def pull_bad_range(r):
    """GET of a blob beyond its end: 416"""
    data = os.urandom(500)
    r.push(data)
    return r.blob(sha256(data), headers={"Range": "bytes=9000-9999"}).status == 416


def pull_unknown_manifest(r):
    """GET of an unknown manifest: 404 MANIFEST_UNKNOWN or NAME_UNKNOWN"""
    answer = r.manifest("no-such-tag")
    return answer.status == 404 and answer.code in ("MANIFEST_UNKNOWN", "NAME_UNKNOWN")


def pull_unknown_manifest_head(r):
    """HEAD of an unknown manifest: 404"""
    return r.manifest("no-such-tag", "HEAD").status == 404


def pull_manifest_by_tag(r):
    """GET of a manifest by tag: 200, its bytes, its media type, its digest"""
    data, _, _ = image(r, "by-tag")
    r.put("by-tag", data)
    answer = r.manifest("by-tag")
    return answer.status == 200 and answer.body == data and answer.headers.get("Content-Type") == MANIFEST and answer.digest == sha256(data)


def pull_manifest_by_digest(r):
    """GET of a manifest by digest: 200 and its bytes"""
    data, _, _ = image(r, "by-digest")
    r.put("by-digest", data)
    answer = r.manifest(sha256(data))
    return answer.status == 200 and answer.body == data


def pull_manifest_head(r):
    """HEAD of a manifest by tag and by digest: 200, Content-Length, Docker-Content-Digest"""
    data, _, _ = image(r, "head")
    r.put("head", data)
    answers = [r.manifest(reference, "HEAD") for reference in ("head", sha256(data))]
    return all(
        a.status == 200 and a.headers.get("Content-Length") == str(len(data)) and a.digest == sha256(data) for a in answers
    )


def pull_whitespace(r):
    """A manifest comes back byte for byte, odd white space included"""
    data, _, _ = image(r, "space")
    data = json.dumps(json.loads(data), indent=7).encode() + b"\n"
    r.put("space", data)
    return r.manifest("space").body == data


def push_monolithic(r):
    """POST then PUT: 202, 201, Location of the blob, the blob is there"""
    data = os.urandom(3000)
    begun = r.begin()
    put = r.ask("PUT", r.with_digest(begun.location, sha256(data)), data, OCTETS)
    return begun.status == 202 and put.status == 201 and r.ask("GET", put.location).body == data


def push_single_post(r):
    """POST with digest: 201, or 202 and a Location to go on with"""
    data = os.urandom(300)
    answer = r.ask("POST", f"/v2/{r.repo}/blobs/uploads/?digest={sha256(data)}", data, OCTETS)
    if answer.status == 202:
        answer = r.ask("PUT", r.with_digest(answer.location, sha256(data)), data, OCTETS)
    return answer.status == 201 and r.blob(sha256(data)).body == data


def push_chunked(r):
    """PATCHes with Content-Range, then PUT: 202 with Range, 201"""
    data = os.urandom(3000)
    begun = r.begin()
    first = r.ask("PATCH", begun.location, data[:1000], OCTETS | {"Content-Range": "0-999"})
    second = r.ask("PATCH", first.location, data[1000:], OCTETS | {"Content-Range": "1000-2999"})
    put = r.ask("PUT", r.with_digest(second.location, sha256(data)), b"", OCTETS)
    return (
        (first.status, second.status, put.status) == (202, 202, 201)
        and first.headers.get("Range") == "0-999" and second.headers.get("Range") == "0-2999"
        and r.blob(sha256(data)).body == data
    )


def push_streamed(r):
    """One PATCH without Content-Range, then PUT"""
    data = os.urandom(3000)
    patch = r.ask("PATCH", r.begin().location, data, OCTETS)
    put = r.ask("PUT", r.with_digest(patch.location, sha256(data)), b"", OCTETS)
    return patch.status == 202 and put.status == 201 and r.blob(sha256(data)).body == data


def push_last_chunk_in_put(r):
    """The last chunk may come with the PUT"""
    data = os.urandom(3000)
    patch = r.ask("PATCH", r.begin().location, data[:1000], OCTETS | {"Content-Range": "0-999"})
    put = r.ask("PUT", r.with_digest(patch.location, sha256(data)), data[1000:], OCTETS | {"Content-Range": "1000-2999"})
    return put.status == 201 and r.blob(sha256(data)).body == data


def push_out_of_order(r):
    """A chunk out of order: 416, and the upload goes on"""
    data = os.urandom(3000)
    begun = r.begin()
    wrong = r.ask("PATCH", begun.location, data[1000:], OCTETS | {"Content-Range": "1000-2999"})
    status = r.ask("GET", begun.location)
    first = r.ask("PATCH", status.location, data[:1000], OCTETS | {"Content-Range": "0-999"})
    return wrong.status == 416 and first.status == 202


def push_status(r):
    """GET of an upload: 204 with Range and Location"""
    patch = r.ask("PATCH", r.begin().location, b"x" * 1000, OCTETS | {"Content-Range": "0-999"})
    answer = r.ask("GET", patch.location)
    return answer.status == 204 and answer.headers.get("Range") == "0-999" and bool(answer.headers.get("Location"))


def push_cancel(r):
    """DELETE of an upload: 204, then it is gone"""
    begun = r.begin()
    gone = r.ask("DELETE", begun.location)
    return gone.status == 204 and r.ask("GET", begun.location).status == 404


def push_unknown_upload(r):
    """PUT to an upload that never was: 404 or 400 with a code"""
    url = f"/v2/{r.repo}/blobs/uploads/00000000-0000-4000-8000-000000000000?digest={sha256(b'x')}"
    answer = r.ask("PUT", url, b"x", OCTETS)
    return answer.status in (400, 404) and answer.code in ("BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID")


def push_wrong_digest(r):
    """PUT with a digest that is not that of the bytes: 400 DIGEST_INVALID, and no blob"""
    wrong = "sha256:" + "1" * 64
    answer = r.ask("PUT", r.with_digest(r.begin().location, wrong), b"something else", OCTETS)
    return answer.status == 400 and answer.code == "DIGEST_INVALID" and r.blob(wrong, "HEAD").status == 404


def push_bad_digest(r):
    """PUT with a digest that is none: 400"""
    return r.ask("PUT", r.with_digest(r.begin().location, "nonsense"), b"x", OCTETS).status == 400


def push_empty(r):
    """An empty blob"""
    return r.push(b"").status == 201 and r.blob(sha256(b""), "HEAD").status == 200


def push_sha512(r):
    """A blob under its sha512 digest: taken, or refused with 400"""
    data = os.urandom(100)
    digest = "sha512:" + hashlib.sha512(data).hexdigest()
    answer = r.ask("PUT", r.with_digest(r.begin().location, digest), data, OCTETS)
    return answer.status == 400 or (answer.status == 201 and r.blob(digest).body == data)


def push_mount(r):
    """Mount from another repository: 201 and the blob is there"""
    data = os.urandom(800)
    r.push(data, r.other)
    scopes(r)
    answer = r.ask("POST", f"/v2/{r.repo}/blobs/uploads/?mount={sha256(data)}&from={r.other}", b"", {"Content-Length": "0"})
    return answer.status == 201 and r.blob(sha256(data)).body == data


def push_mount_unknown(r):
    """Mount of a blob that is not there: 202 and an upload begins"""
    digest = "sha256:" + "2" * 64
    answer = r.ask("POST", f"/v2/{r.repo}/blobs/uploads/?mount={digest}&from={r.other}", b"", {"Content-Length": "0"})
    return answer.status == 202 and bool(answer.headers.get("Location"))


def scopes(r):
    """A mount needs a token for two repositories: the next POST is to be challenged anew."""
    r.tokens.pop((r.repo, "POST"), None)


def push_manifest_tag(r):
    """PUT of a manifest by tag: 201, Location, Docker-Content-Digest"""
    data, _, _ = image(r, "put")
    answer = r.put("put", data)
    return answer.status == 201 and bool(answer.headers.get("Location")) and answer.digest == sha256(data)


def push_manifest_digest(r):
    """PUT of a manifest by digest: 201"""
    data, _, _ = image(r, "put-digest")
    return r.put(sha256(data), data).status == 201


def push_manifest_wrong_digest(r):
    """PUT of a manifest under another digest: 400"""
    data, _, _ = image(r, "put-wrong")
    return r.put("sha256:" + "3" * 64, data).status == 400


def push_manifest_missing_blob(r):
    """PUT of a manifest whose blobs are missing: 4xx, or accepted"""
    data, _, _ = image(r, "missing")
    document = json.loads(data)
    document["layers"][0]["digest"] = "sha256:" + "4" * 64
    answer = r.put("missing", document)
    return answer.status in (400, 404) and answer.code in ("MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_INVALID")


def push_manifest_garbage(r):
    """PUT of a manifest that is no JSON: 400"""
    return r.put("garbage", b"{not json").status == 400


def push_manifest_retag(r):
    """A tag that is put again points at the new manifest; the old one stays by digest"""
    old, _, _ = image(r, "old")
    new, _, _ = image(r, "new")
    r.put("moves", old)
    r.put("moves", new)
    return r.manifest("moves").body == new and r.manifest(sha256(old)).body == old


def push_index(r):
    """An index of two manifests"""
    children = [image(r, note)[0] for note in ("child-a", "child-b")]
    for child in children:
        r.put(sha256(child), child)
    index = {
        "schemaVersion": 2, "mediaType": INDEX,
        "manifests": [
            {"mediaType": MANIFEST, "digest": sha256(child), "size": len(child), "platform": {"os": "linux", "architecture": name}}
            for child, name in zip(children, ("amd64", "arm64"))
        ],
    }
    data = json.dumps(index).encode()
    put = r.put("index", data, INDEX)
    got = r.manifest("index")
    return put.status == 201 and got.body == data and got.headers.get("Content-Type") == INDEX


def push_schema2(r):
    """Docker's schema 2 manifests"""
    data, _, _ = image(r, "schema2")
    document = json.loads(data) | {"mediaType": SCHEMA2}
    document["config"]["mediaType"] = "application/vnd.docker.container.image.v1+json"
    document["layers"][0]["mediaType"] = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    data = json.dumps(document).encode()
    return r.put("schema2", data, SCHEMA2).status == 201 and r.manifest("schema2").headers.get("Content-Type") == SCHEMA2


def push_name(r):
    """An upload to a name that is none: 4xx with a code"""
    answer = r.ask("POST", "/v2/UPPER/Case/blobs/uploads/", b"", {"Content-Length": "0"})
    return answer.status in (400, 401, 403, 404)


def discover_tags(r):
    """Tags are listed, sorted, under the repository's name"""
    data, _, _ = image(r, "tags")
    for tag in ("t-b", "t-a", "t-c"):
        r.put(tag, data)
    document = r.ask("GET", f"/v2/{r.repo}/tags/list").json
    tags = [tag for tag in document["tags"] if tag.startswith("t-")]
    return document["name"] == r.repo and tags == ["t-a", "t-b", "t-c"]


def discover_page(r):
    """n and last page through the tags"""
    data, _, _ = image(r, "pages")
    repo = r.repo + "-pages"
    for blob in (json.loads(data)["config"], *json.loads(data)["layers"]):
        r.push(r.blob(blob["digest"]).body, repo)
    for tag in ("a", "b", "c", "d"):
        r.put(tag, data, repo=repo)
    first = r.ask("GET", f"/v2/{repo}/tags/list?n=2").json["tags"]
    second = r.ask("GET", f"/v2/{repo}/tags/list?n=2&last={first[-1]}").json["tags"]
    return first == ["a", "b"] and second == ["c", "d"]


def discover_link(r):
    """A page that is not the last carries a Link to the next"""
    data, _, _ = image(r, "link")
    for tag in ("l-a", "l-b"):
        r.put(tag, data)
    answer = r.ask("GET", f"/v2/{r.repo}/tags/list?n=1")
    return 'rel="next"' in answer.headers.get("Link", "")


def discover_none(r):
    """n=0 gives no tags"""
    data, _, _ = image(r, "none")
    r.put("none", data)
    answer = r.ask("GET", f"/v2/{r.repo}/tags/list?n=0")
    return answer.status == 200 and not answer.json["tags"]


def discover_unknown(r):
    """Tags of an unknown repository: 404 NAME_UNKNOWN"""
    answer = r.ask("GET", f"/v2/{r.repo}-nowhere/tags/list")
    return answer.status == 404 and answer.code == "NAME_UNKNOWN"


def discover_referrers(r):
    """Referrers of a manifest: an index that lists who names it as subject"""
    data, _, _ = image(r, "subject")
    r.put("subject", data)
    subject = {"mediaType": MANIFEST, "digest": sha256(data), "size": len(data)}
    refers, _, _ = image(r, "refers", subject)
    put = r.put(sha256(refers), refers)
    answer = r.ask("GET", f"/v2/{r.repo}/referrers/{sha256(data)}")
    listed = [item["digest"] for item in answer.json["manifests"]] if answer.status == 200 else []
    return put.headers.get("OCI-Subject") == sha256(data) and listed == [sha256(refers)]


def discover_no_referrers(r):
    """Referrers of an unknown digest: 200 and an empty index"""
    answer = r.ask("GET", f"/v2/{r.repo}/referrers/sha256:{'5' * 64}")
    return answer.status == 200 and answer.json["manifests"] == [] and answer.headers.get("Content-Type") == INDEX


def manage_delete_manifest(r):
    """DELETE of a manifest by digest: 202 and gone, or 405 UNSUPPORTED"""
    data, _, _ = image(r, "delete")
    r.put("delete", data)
    answer = r.ask("DELETE", f"/v2/{r.repo}/manifests/{sha256(data)}")
    return answer.status == 405 or (answer.status == 202 and r.manifest(sha256(data)).status == 404)


def manage_delete_tag(r):
    """DELETE of a tag: 202 and gone, or 400/405"""
    data, _, _ = image(r, "delete-tag")
    r.put("delete-tag", data)
    answer = r.ask("DELETE", f"/v2/{r.repo}/manifests/delete-tag")
    return answer.status in (400, 405) or (answer.status == 202 and r.manifest("delete-tag").status == 404)


def manage_delete_blob(r):
    """DELETE of a blob: 202 and gone, or 405 UNSUPPORTED"""
    data = os.urandom(64)
    r.push(data)
    answer = r.ask("DELETE", f"/v2/{r.repo}/blobs/{sha256(data)}")
    return answer.status == 405 or (answer.status == 202 and r.blob(sha256(data)).status == 404)


def errors_are_documents(r):
    """An error is a JSON document with errors[].code and message"""
    answer = r.manifest("no-such-tag")
    error = answer.json["errors"][0]
    return answer.headers.get("Content-Type", "").startswith("application/json") and bool(error["code"]) and "message" in error


AREAS = ("pull", "push", "discover", "manage", "errors")
CHECKS = [
    (name, check) for name, check in list(globals().items()) if callable(check) and name.partition("_")[0] in AREAS and name != "push"
]


def judge(registry):
    """Name -> None where it passed, else what was wrong."""
    results = {}
    for name, test in CHECKS:
        try:
            results[name] = None if test(registry) else "not so"
        except Exception as error:
            results[name] = f"{type(error).__name__}: {error}"
    return results


def main():
    world = World()
    ghcr = Registry(world.mirror("ghcr.io"), "ours", "anybody", world.variables["CR_PAT"])
    debian = Registry("http://" + docker_registry("debian"), "theirs")
    ours, theirs = judge(ghcr), judge(debian)
    for area in AREAS:
        names = [name for name, _ in CHECKS if name.startswith(area)]
        counts = [sum(results[name] is None for name in names) for results in (ours, theirs)]
        lost = [f"{name} ({ours[name]})" for name in names if ours[name] and not theirs[name]]
        check(
            not lost and counts[0] >= counts[1],
            f"OCI distribution, {area}: the demo passes {counts[0]} of {len(names)}, docker-registry {counts[1]}",
            f"docker-registry passes these and the demo does not: {lost}",
        )
        for name in names:
            for who, results in (("the demo", ours), ("docker-registry", theirs)):
                if results[name]:
                    print(f"# {who} does not pass {name}: {dict(CHECKS)[name].__doc__} ({results[name]})")
    passed = [sum(result is None for result in results.values()) for results in (ours, theirs)]
    check(
        passed[0] >= passed[1] > 30,
        f"OCI distribution: the demo passes {passed[0]} of {len(CHECKS)} checks, Debian's docker-registry {passed[1]}",
        str(passed),
    )


referee(main)
