#!/usr/bin/env -S python3 -B
"""craft-store and canonicalwebteam.store-api from PyPI, unmodified, against the demo's Charmhub.

The clients run in an interpreter of their own (this file with `--client`), which prints one JSON
document; the judging is here.
"""

import json
import sys
from pathlib import Path

STUDIO, IMAGE, DB, SEED = "finos-legend-studio-k8s", "studio-image", "finos-legend-db-k8s", "legend-db-seed"


def client(folder):
    """Asks everything and prints what came back; an exception is an answer too."""
    # `secrets.py` beside this file is not the library's module of that name.
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).resolve().parent]
    import base64
    import os
    import zipfile

    import craft_store
    import requests
    from canonicalwebteam.store_api.devicegw import DeviceGW
    from canonicalwebteam.store_api.publishergw import PublisherGW
    from craft_store import endpoints, models

    said = {}

    def ask(name, call):
        try:
            said[name] = call()
        except Exception as error:
            said[name] = f"{type(error).__module__}.{type(error).__name__}: {error}"

    token = base64.b64decode(os.environ["CHARMCRAFT_AUTH"]).decode()
    store = craft_store.StoreClient(
        base_url=os.environ["CHARMCRAFT_STORE_API_URL"], storage_base_url=os.environ["CHARMCRAFT_UPLOAD_URL"],
        endpoints=endpoints.CHARMHUB, application_name="referee", user_agent="referee-craft-store",
        environment_auth="CHARMCRAFT_AUTH",
    )
    ask("whoami", lambda: store.whoami()["account"]["username"])
    ask("names", lambda: [name.name for name in store.list_registered_names()])
    ask("revisions", lambda: [revision.revision for revision in store.list_revisions(STUDIO)])
    ask("resource revisions", lambda: [item.revision for item in store.list_resource_revisions(DB, SEED)])
    ask("release to a branch", lambda: store.release(name=STUDIO, release_request=[
        models.release_request_model.ReleaseRequestModel(
            channel="latest/edge/fix-1", revision=26,
            resources=[models.release_request_model.ResourceModel(name=IMAGE, revision=22)],
        ),
    ]))

    def branches():
        rows = store.get_list_releases(name=STUDIO).channel_map
        return {row.channel: str(row.expiration_date) for row in rows if row.channel.count("/") == 2}

    ask("branches", branches)
    seed = Path(folder) / "seed.sql"
    seed.write_text("-- craft-store\n")

    def push_file():
        upload = store.upload_file(filepath=seed)
        status = store.push_resource(DB, SEED, upload_id=upload, resource_type=models.CharmResourceType.FILE)
        return review(status)

    def review(status):
        for _ in range(10):
            answer = store.request("GET", os.environ["CHARMCRAFT_STORE_API_URL"] + status).json()["revisions"][0]
            if answer["status"] in ("approved", "rejected"):
                return answer
        return answer

    ask("push a file", push_file)
    for name, title in ((STUDIO, "its own name"), ("another-charm", "another name")):
        archive = Path(folder) / f"{name}.charm"
        with zipfile.ZipFile(archive, "w") as packed:
            packed.writestr("metadata.yaml", f"name: {name}\nresources: {{{IMAGE}: {{type: oci-image}}}}\n")
            packed.writestr("manifest.yaml", "bases: [{name: ubuntu, channel: '24.04', architectures: [arm64]}]\n")

        def push_charm():
            upload = store.upload_file(filepath=archive)
            request = models.revisions_model.RevisionsRequestModel(**{"upload-id": upload})
            return review(store.notify_revision(name=STUDIO, revision_request=request).status_url)

        ask(f"push a charm with {title}", push_charm)
    ask("bases", lambda: [
        f"{base.channel} {base.architecture}" for base in max(store.list_revisions(STUDIO), key=lambda one: one.revision).bases
    ])

    session = requests.Session()
    publisher, device = PublisherGW("charm", session), DeviceGW("charm", session)
    ask("macaroon info", lambda: publisher.macaroon_info(token)["account"]["username"])
    ask("account packages", lambda: [item["name"] for item in publisher.get_account_packages(token, "charm")])
    ask("metadata", lambda: publisher.get_package_metadata({"developer_token": token}, STUDIO)["default-track"])
    ask("edit", lambda: publisher.update_package_metadata(token, "charm", STUDIO, {"summary": "New."})["summary"])
    ask("releases", lambda: sorted(publisher.get_releases(token, STUDIO)))
    ask("collaborators", lambda: publisher.get_collaborators(token, STUDIO))
    ask("invites", lambda: publisher.get_pending_invites(token, STUDIO))
    ask("categories", lambda: publisher.get_categories()["categories"][0]["name"])
    ask("find", lambda: [item["name"] for item in publisher.find("legend")["results"]])
    ask("details", lambda: device.get_item_details(STUDIO, api_version=2)["name"])
    ask("public resource revisions", lambda: [
        item["revision"] for item in device.get_resource_revisions(STUDIO, IMAGE, api_version=2)
    ])
    print(json.dumps(said, default=str))


def main():
    from world import REFEREES, SCRATCH, Client, World, check, need, run

    interpreter = REFEREES / "store-clients/bin/python"
    need(interpreter.exists(), "craft-store and canonicalwebteam.store-api are not installed (tests/run does it)")
    world = World()
    # What windlass exports is what they sign in with.
    export = SCRATCH / "export"
    login = Client(world).run("login", "--export", export, "--yes")
    need(login.code == 0, f"windlass login --export: {login.tail()}")
    env = world.env | {
        "CHARMCRAFT_AUTH": export.read_text(),
        "PUBLISHERGW_URL": world.api, "DEVICEGW_URL": world.api + "/", "CRAFT_STORE_BACKOFF": "0", "HOME": str(SCRATCH),
    }
    done = run([interpreter, "-B", __file__, "--client", SCRATCH], env)
    said = done.json

    def holds(name, good):
        try:
            held = good(said.get(name))
        except (TypeError, KeyError, AttributeError):
            held = False
        check(held, f"a client of the store: {name}", f"{said.get(name)!r}"[:600])

    user = "legend-releaser"
    holds("whoami", lambda it: it == user)
    holds("names", lambda it: {STUDIO, DB} <= set(it))
    holds("revisions", lambda it: 26 in it)
    holds("resource revisions", lambda it: isinstance(it, list) and all(isinstance(number, int) for number in it))
    holds("release to a branch", lambda it: it is None)
    holds("branches", lambda it: list(it) == ["latest/edge/fix-1"] and it["latest/edge/fix-1"] != "None")
    holds("push a file", lambda it: it["status"] == "approved")
    holds("push a charm with its own name", lambda it: it["status"] == "approved")
    holds("push a charm with another name", lambda it: it["status"] == "rejected" and "another-charm" in str(it["errors"]))
    holds("bases", lambda it: it == ["24.04 arm64"])
    holds("macaroon info", lambda it: it == user)
    holds("account packages", lambda it: STUDIO in it)
    holds("metadata", lambda it: it == "latest")
    holds("edit", lambda it: it == "New.")
    holds("releases", lambda it: it == ["channel-map", "package", "revisions"])
    holds("collaborators", lambda it: isinstance(it, (dict, list)))
    holds("invites", lambda it: isinstance(it, (dict, list)))
    holds("categories", lambda it: it == "databases")
    holds("find", lambda it: STUDIO in it)
    holds("details", lambda it: it == STUDIO)
    holds("public resource revisions", lambda it: 22 in it)


if sys.argv[1:2] == ["--client"]:
    client(sys.argv[2])
else:
    from world import referee

    referee(main)
