#!/usr/bin/env -S python3 -B
"""The image zoo: odd but legal images and archives, copied and resolved in every form that fits.

At every level the copy has the bytes of the source, or the image is refused in words that name the
cause. Debian's docker-registry holds both ends, skopeo judges where it can read the image, and what
runs is uploaded to the demo's Charmhub as well.
"""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from exhibits import INDEX, archives, layouts
from images import oci_archive
from world import CHARMS, SCRATCH, Client, World, bare_environment, check, docker_registry, free_port, http, need, referee
from world import run, sha256, skopeo, start, wait_for

ACCEPT = ", ".join((
    "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.docker.distribution.manifest.v2+json",
))
CHARM = next(iter(CHARMS))
RESOURCE = CHARMS[CHARM][0]


def written(exhibit):
    """The layout as a folder."""
    folder = SCRATCH / "layouts" / exhibit.name
    (folder / "blobs/sha256").mkdir(parents=True)
    for digest, content in exhibit.blobs.items():
        (folder / "blobs/sha256" / digest[7:]).write_bytes(content)
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": exhibit.entries}))
    return folder


def differences(registry, repository, digest, blobs):
    """What of an image is not at a registry as it is in `blobs`."""
    place = f"http://{registry}/v2/{repository}"
    status, _, body = http("GET", f"{place}/manifests/{digest}", {"Accept": ACCEPT})
    if status != 200 or body != blobs[digest]:
        return [f"manifest {digest}: {status}"]
    document = json.loads(body)
    found = []
    for child in document.get("manifests") or []:
        found += differences(registry, repository, child["digest"], blobs)
    for blob in [document["config"], *(document.get("layers") or [])] if "config" in document else []:
        status, _, body = http("GET", f"{place}/blobs/{blob['digest']}")
        if status != 200 or body != blobs[blob["digest"]]:
            found.append(f"blob {blob['digest']}: {status}")
    return found


def told(ended, words):
    """Words that a command did not say."""
    text = ended.out + ended.err
    return [word for word in words if word not in text]


class Zoo:
    def __init__(self):
        self.world = World("zoo", image_size="1000")
        self.store = Lock()
        self.first, self.second = docker_registry("zoo-1"), docker_registry("zoo-2")

    def client(self, name):
        return Client(self.world, name)

    def layout(self, exhibit):
        name = exhibit.name
        client = self.client(f"layout-{name}")
        folder = written(exhibit)
        archive = oci_archive(SCRATCH / f"{name}.tar", folder)
        at_first, at_second = f"{self.first}/zoo/{name}", f"{self.second}/copy/{name}"
        if exhibit.refused:
            for source in (f"oci:{folder}{exhibit.suffix}", f"oci-archive:{archive}{exhibit.suffix}"):
                done = client.run("copy", source, f"{at_first}:v1", "--yes")
                missing = told(done, exhibit.refused)
                check(done.code not in (0, -1) and not missing, f"{name} is refused ({source.split(':')[0]})", f"{missing} {done.tail()}")
            status, _, body = http("GET", f"http://{self.first}/v2/zoo/{name}/tags/list")
            check(status == 404, f"nothing of {name} was sent", f"{status} {body!r}")
            return
        for source in (f"oci:{folder}{exhibit.suffix}", f"oci-archive:{archive}{exhibit.suffix}"):
            found = client.run("resolve", source, "--json")
            digest = found.code == 0 and found.json["images"][0]["digest"]
            missing = told(found, exhibit.says)
            check(digest == exhibit.digest and not missing, f"{name} resolves ({source.split(':')[0]})", f"{missing} {found.tail()}")
        source = f"oci:{folder}{exhibit.suffix}"
        done = client.run("copy", source, f"{at_first}:v1", "--yes")
        if exhibit.rejected:
            missing = told(done, exhibit.rejected)
            check(done.code == 1 and not missing, f"{name} is refused by the registry in clear words", f"{missing} {done.tail()}")
            return
        wrong = done.code == 0 and differences(self.first, f"zoo/{name}", exhibit.digest, exhibit.blobs)
        if not check(done.code == 0 and not wrong, f"{name} goes from the layout to a registry", f"{wrong} {done.tail()}"):
            return
        done = client.run("copy", f"{at_first}:v1", f"{at_second}:v1", "--yes")
        wrong = done.code == 0 and differences(self.second, f"copy/{name}", exhibit.digest, exhibit.blobs)
        check(done.code == 0 and not wrong, f"{name} goes from registry to registry", f"{wrong} {done.tail()}")
        found = client.run("resolve", f"{at_second}:v1", "--json")
        check(found.code == 0 and found.json["images"][0]["digest"] == exhibit.digest, f"{name} resolves at the registry", found.tail())
        judge = skopeo(self.world, "inspect", "--raw", "--tls-verify=false", f"docker://{at_second}:v1")
        if judge.code == 0:
            check(sha256(judge.out.encode()) == exhibit.digest, f"skopeo reads {name} as it is", judge.tail())
        if exhibit.runs:
            self.upload(client, name, f"{at_first}:v1", exhibit)

    def upload(self, client, name, source, exhibit):
        # One at a time: all of them move the same tag of the store's repository.
        with self.store:
            done = client.run("upload-resource", CHARM, RESOURCE, "--from", source, "--yes", "--json")
        made = done.json.get("resource") or {} if done.code == 0 else {}
        named = made and self.world.descriptor(CHARM, RESOURCE, made["revision"])["ImageName"]
        check(named and named.endswith(f"@{exhibit.digest}"), f"{name} becomes a resource", f"{named} {done.tail()}")

    def archive(self, exhibit):
        name = f"archive {exhibit.name}"
        client = self.client(f"archive-{exhibit.name}")
        path = SCRATCH / f"{exhibit.name}.archive"
        path.write_bytes(exhibit.content)
        source = f"{exhibit.transport}:{path}{exhibit.suffix}"
        to = f"{self.first}/archive/{exhibit.name}"
        done = client.run("copy", source, f"{to}:v1", *exhibit.arguments, "--yes")
        if exhibit.refused:
            missing = told(done, exhibit.refused)
            raw = "\ufffd" in done.err or "\\x" in done.err
            check(done.code not in (0, -1) and not missing and not raw, f"{name} is refused", f"{missing} {done.tail()}")
            return
        if not check(done.code == 0, f"{name} is copied", done.tail()):
            return
        found = client.run("resolve", f"{to}:v1", "--json").json["images"][0]
        _, _, body = http("GET", f"http://{self.first}/v2/archive/{exhibit.name}/manifests/v1", {"Accept": ACCEPT})
        config = json.loads(body)["config"]["digest"]
        check(config == exhibit.config == found["platforms"][0]["config_digest"], f"{name} keeps its config", f"{config} {exhibit.config}")
        again = client.run("copy", source, f"{to}:v1", *exhibit.arguments, "--yes", "--json")
        check(again.code == 0 and again.json["run"]["steps"][0]["outcome"] == "skipped", f"{name} is the same image again", again.tail())

    def deleted_child(self):
        """A child that a cleanup deleted at the registry."""
        exhibit = next(one for one in layouts() if one.name == "attestations")
        client = self.client("deleted")
        folder = SCRATCH / "layouts" / exhibit.name
        at, to = f"{self.first}/zoo/deleted", f"{self.second}/copy/deleted"
        done = client.run("copy", f"oci:{folder}", f"{at}:v1", "--yes")
        need(done.code == 0, done.tail())
        gone, kept = (json.loads(exhibit.blobs[exhibit.digest])["manifests"][number]["digest"] for number in (1, 0))
        status, _, body = http("DELETE", f"http://{self.first}/v2/zoo/deleted/manifests/{gone}")
        need(status == 202, f"DELETE {gone}: {status} {body!r}")
        fresh = self.client("deleted-later")
        found = fresh.run("resolve", f"{at}:v1", "--json")
        missing = found.code == 0 and [row["digest"] for row in found.json["images"][0]["missing"]]
        check(missing == [gone], "resolve shows which platform was deleted", found.tail())
        done = fresh.run("copy", f"{at}:v1", f"{to}:v1", "--yes")
        lacking = told(done, ("linux/arm64/v8", gone, "deleted by a cleanup", "--platform linux/amd64"))
        check(done.code == 1 and not lacking, "an index with a deleted child is refused", f"{lacking} {done.tail()}")
        done = fresh.run("copy", f"{at}:v1", f"{to}:v1", "--platform", "linux/amd64", "--yes")
        wrong = done.code == 0 and differences(self.second, "copy/deleted", kept, exhibit.blobs)
        check(done.code == 0 and not wrong, "what is left of it is copied by platform", f"{wrong} {done.tail()}")

    def moved_tag(self):
        """TAG@DIGEST where the tag has moved on."""
        first, second = (next(one for one in layouts() if one.name == name) for name in ("plain", "schema-2"))
        client = self.client("moved")
        at, to = f"{self.first}/zoo/moved", f"{self.second}/copy/moved"
        for exhibit in (first, second):
            done = client.run("copy", f"oci:{SCRATCH / 'layouts' / exhibit.name}", f"{at}:v1", "--yes")
            need(done.code == 0, done.tail())
        done = client.run("copy", f"{at}:v1@{first.digest}", f"{to}:v1", "--yes")
        lacking = told(done, (f"tag v1 now points to {second.digest}",))
        wrong = differences(self.second, "copy/moved", first.digest, first.blobs)
        check(done.code == 0 and not lacking and not wrong, "a tag that left the digest beside it is reported", f"{lacking} {wrong} {done.tail()}")

    def attached(self):
        """A signature in cosign's manner, made after the image was copied."""
        at, to = f"{self.first}/zoo/plain", f"{self.second}/copy/plain"
        client = self.client("attached")
        subject = next(one for one in layouts() if one.name == "plain").digest
        tag = f"{subject.replace(':', '-')}.sig"
        done = client.run("copy", f"oci:{SCRATCH / 'layouts' / 'artifact-without-config'}", f"{at}:{tag}", "--yes")
        need(done.code == 0, done.tail())
        plan = client.run("plan", "copy", f"{at}:v1", f"{to}:v1")
        check(not told(plan, ("1 signatures or other attachments",)), "the preview names a signature that was added", plan.tail())
        done = client.run("copy", f"{at}:v1", f"{to}:v1", "--yes")
        status, _, _ = http("GET", f"http://{self.second}/v2/copy/plain/manifests/{tag}", {"Accept": ACCEPT})
        check(done.code == 0 and status == 200, "a signature that was added later comes along", f"{status} {done.tail()}")

    def own_authority(self):
        """HTTPS on loopback with an authority of one's own in SSL_CERT_FILE."""
        key, certificate, request = SCRATCH / "tls.key", SCRATCH / "tls.pem", SCRATCH / "tls.csr"
        authority, authority_key, names = SCRATCH / "authority.pem", SCRATCH / "authority.key", SCRATCH / "tls.ext"
        names.write_text("subjectAltName=IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n")
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        for command in (
            ["req", "-x509", *new_key, "-days", "2", "-subj", "/CN=zoo authority", "-keyout", authority_key, "-out", authority],
            ["req", "-new", *new_key, "-subj", "/CN=zoo", "-keyout", key, "-out", request],
            ["x509", "-req", "-in", request, "-CA", authority, "-CAkey", authority_key, "-CAcreateserial", "-days", "2",
             "-extfile", names, "-out", certificate],
        ):
            made = run(["openssl", *command], bare_environment())
            need(made.code == 0, made.tail())
        port, folder = free_port(), SCRATCH / "tls"
        config = SCRATCH / "tls.yml"
        config.write_text(
            f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}}}}}\n"
            f"http: {{addr: '127.0.0.1:{port}', tls: {{certificate: {certificate}, key: {key}}}}}\n"
        )
        with open(SCRATCH / "tls.log", "wb") as log:
            process = start(["docker-registry", "serve", config], env=bare_environment(), stdout=log, stderr=log)
        def listens():
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return True
            except OSError:
                return False
        wait_for("docker-registry with TLS", listens, process)
        mirrors = {"WINDLASS_REGISTRY_MIRRORS": f"tls.test=https://127.0.0.1:{port}"}
        source = f"oci:{SCRATCH / 'layouts' / 'plain'}"
        refused = Client(self.world, "tls-0", mirrors).run("copy", source, "tls.test/zoo/plain:v1", "--yes")
        check(refused.code == 6, "HTTPS on loopback is not trusted without an authority", refused.tail())
        mirrors["SSL_CERT_FILE"] = str(authority)
        done = Client(self.world, "tls-1", mirrors).run("copy", source, "tls.test/zoo/plain:v1", "--yes")
        check(done.code == 0, "SSL_CERT_FILE counts for HTTPS on loopback", done.tail())

    def no_repository(self):
        client = self.client("hosts")
        for text in ("localhost:5871", "ghcr.io", "127.0.0.1:5000"):
            for command in (("resolve", text), ("copy", f"{self.first}/zoo/plain:v1", text, "--yes"), ("copy", text, f"{self.second}/x:y", "--yes")):
                done = client.run(*command)
                check(done.code == 2 and "repository is missing" in done.err, f"{command[0]} {text} is a usage error", done.tail())


def main():
    zoo = Zoo()
    exhibits = list(layouts())
    with ThreadPoolExecutor(2) as pool:
        work = [pool.submit(zoo.layout, one) for one in exhibits]
        work += [pool.submit(zoo.archive, one) for one in archives()]
        for one in work:
            one.result()
    zoo.deleted_child()
    zoo.moved_tag()
    zoo.attached()
    zoo.own_authority()
    zoo.no_repository()
    need(len(exhibits) >= 30, "the zoo shrank")


referee(main)
