"""The private registry answers the plain questions, takes pushes only from where it may, keeps apart what a
mirror holds, and holds all after a restart."""

from harness import expect, http, images, scenario
from harness.breakwater import mirror_route, private_route
from harness.pushes import LAYER_BYTES, held
from harness.registry import push


def plain_answers(address):
    for path, body in (("/v2/", {}), ("/v2/_catalog", {"repositories": []})):
        reply = http.get(address, path)
        expect(reply.status == 200 and reply.json() == body, f"{path}: {reply}")
    expect(http.get(address, "/v2/").body == b"{}", "/v2/ is not {} alone")
    for method, path, status in (
        ("GET", "/v2/", 200),
        ("GET", "/v2/_catalog", 200),
        ("GET", "/v2/team/app/manifests/1", 404),
        ("GET", "/v2/team/app/tags/list", 404),
        ("POST", "/v2/team/app/blobs/uploads/", 202),
        ("PUT", "/v2/team/app/manifests/1", 400),
        ("GET", "/nothing", 404),
    ):
        reply = http.ask(address, method, path, body=b"" if method == "POST" else None)
        expect(
            reply.status == status and reply.header("X-Content-Type-Options") == "nosniff",
            f"{method} {path}: {reply}",
        )


def pushes_from_elsewhere(address):
    for method, path in (
        ("POST", "/v2/team/app/blobs/uploads/"),
        ("PUT", "/v2/team/app/manifests/1"),
        ("DELETE", "/v2/team/app/manifests/1"),
    ):
        reply = http.ask(address, method, path, body=b"{}")
        expect(
            reply.status == 403 and reply.json()["errors"][0]["code"] == "DENIED",
            f"{method} from where nobody may push: {reply}",
        )
    expect(http.get(address, "/v2/").status == 200, "who may not push may not read either")


def beside_a_mirror(breakwater, image):
    """What the mirror fetched is not the private registry's to show or to mount; pushed, it is on the disk
    once."""
    mirror, address = breakwater.addresses["dockerhub"], breakwater.addresses["private"]
    for path in image.paths("library/app", "1"):
        expect(
            http.get(mirror, path, {"Accept": images.ACCEPT}).status == 200,
            f"the pull through the mirror: {path}",
        )
    breakwater.wait_idle()
    files = len(breakwater.blob_files())
    digest, content = max(image.blobs.items(), key=lambda one: len(one[1]))
    expect(
        http.head(address, f"/v2/library/app/blobs/{digest}").status == 404,
        "the private registry shows what a mirror holds",
    )
    for more in ("&from=library/app", ""):
        mounted = http.ask(address, "POST", f"/v2/team/app/blobs/uploads/?mount={digest}{more}", body=b"")
        expect(mounted.status == 202, f"what a mirror holds was mounted: {mounted}")
        expect(
            http.ask(address, "DELETE", mounted.header("Location")).status == 204,
            "an upload could not be cancelled",
        )
    pushed = http.ask(
        address,
        "POST",
        f"/v2/team/app/blobs/uploads/?digest={digest}",
        {"Content-Type": "application/octet-stream"},
        content,
    )
    expect(pushed.status == 201, f"a push of what a mirror holds: {pushed}")
    expect(http.get(address, f"/v2/team/app/blobs/{digest}").body == content, "it came back with other bytes")
    expect(len(breakwater.blob_files()) == files, f"{len(breakwater.blob_files())} files of what was {files}")


def main(world):
    hub = world.registry()
    image = images.multi_platform("answers", LAYER_BYTES)
    hub.push("library/app", "1", image)
    breakwater = world.breakwater(
        routes=[
            private_route(),
            mirror_route("dockerhub", "docker.io", hub.url),
            private_route("closed", allow_push=["10.99.0.0/16"]),
        ]
    )
    plain_answers(breakwater.addresses["private"])
    pushes_from_elsewhere(breakwater.addresses["closed"])
    beside_a_mirror(breakwater, image)

    push(breakwater.addresses["private"], "team/app", "1", image)
    breakwater.stop()
    breakwater.start()
    after = held(breakwater.addresses["private"], "team/app", "1")
    expect(
        after.top.digest == image.top.digest and after.blobs == image.blobs,
        "after a restart the image is another one",
    )
    expect(
        http.get(breakwater.addresses["private"], "/v2/_catalog").json() == {"repositories": ["team/app"]},
        "the catalog after a restart",
    )
    expect(
        http.get(breakwater.addresses["private"], "/v2/team/app/tags/list").json()
        == {"name": "team/app", "tags": ["1"]},
        "the tags after a restart",
    )
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
