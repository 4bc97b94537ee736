"""What the distribution specification has clients read is answered by a mirror as by its upstream: of
docker-registry, of a registry of our own, and of a mirror of that."""

import json

from harness import expect, http, images, scenario
from harness.breakwater import mirror_route
from harness.registry import push, push_manifest

ASK = {"Accept": images.ACCEPT}
REPOSITORY = "team/app"
NONE = "sha256:" + "0" * 64
ARTIFACT = "application/vnd.example.signature"


def referrer(image):
    """A manifest that refers to the image's index."""
    return images.Manifest(
        images.MANIFEST,
        {
            "schemaVersion": 2,
            "mediaType": images.MANIFEST,
            "artifactType": ARTIFACT,
            "config": image.manifests[0].content["config"],
            "layers": [],
            "subject": image.top.descriptor(),
        },
    )


def fill(address, image):
    for tag in ("1", "2", "b", "a"):
        push(address, REPOSITORY, tag, image)
    signature = referrer(image)
    push_manifest(address, REPOSITORY, signature, signature.digest)


def questions(image):
    base = f"/v2/{REPOSITORY}"
    manifests = [
        f"{base}/manifests/{one}" for one in ("1", "nope", NONE, image.top.digest, image.manifests[0].digest)
    ]
    blobs = [f"{base}/blobs/{one}" for one in (*image.blobs, NONE)]
    for path in manifests + blobs:
        yield "GET", path, ASK
        yield "HEAD", path, ASK
    layer = f"{base}/blobs/{max(image.blobs, key=lambda one: len(image.blobs[one]))}"
    for span in ("bytes=0-99", "bytes=100-", "bytes=-7", "bytes=99999999-"):
        yield "GET", layer, {"Range": span}
    for query in ("", "?n=2", "?n=2&last=a", "?n=1&last=b", "?last=2", "?n=0"):
        yield "GET", f"{base}/tags/list{query}", {}
    yield "GET", "/v2/team/nope/tags/list", {}
    for subject in (image.top.digest, NONE):
        for query in ("", f"?artifactType={ARTIFACT}", "?artifactType=x/y"):
            yield "GET", f"{base}/referrers/{subject}{query}", {}


def essence(method, reply):
    """What a client makes of an answer. Errors differ in their words, and lists in their spacing."""
    if reply.status >= 400:
        return (reply.status,)
    kind = (reply.header("Content-Type") or "").partition(";")[0]
    is_list = kind == "application/json" or (
        kind == images.INDEX and not reply.header("Docker-Content-Digest")
    )
    body = json.dumps(json.loads(reply.body), sort_keys=True) if is_list and reply.body else reply.body
    size = None if is_list else reply.header("Content-Length")
    link = (reply.header("Link") or "").replace("%3A", ":")
    named = ("Docker-Content-Digest", "Content-Range", "OCI-Filters-Applied")
    return (
        reply.status,
        None if is_list else kind,
        size,
        link,
        body,
        *(reply.header(name) for name in named),
    )


# What docker-registry 2.8 gets wrong, and a mirror of it does not.
def is_its_fault(method, path, headers):
    has_no_api = "/referrers/" in path  # 404 for all; a mirror says with an empty list that there are none
    ignores_paging = "/tags/list?" in path  # all tags, in no order, whatever n and last say
    return has_no_api or ignores_paging


def compare(world, what, upstream, mirror, image, excused=lambda *_: False):
    count = 0
    for method, path, headers in questions(image):
        if excused(method, path, headers):
            continue
        theirs = essence(method, http.ask(upstream, method, path, headers))
        for again in ("first", "second"):
            ours = essence(method, http.ask(mirror, method, path, headers))
            expect(
                ours == theirs, f"{what}: {method} {path} {headers}, the {again} time:\n{ours}\nnot\n{theirs}"
            )
        count += 1
    world.say(f"{what}: {count} questions are answered as by its upstream")


def all_pages(address, n):
    path, tags = f"/v2/{REPOSITORY}/tags/list?n={n}", []
    while path:
        reply = http.get(address, path)
        expect(reply.status == 200 and len(reply.json()["tags"]) <= n, f"{path}: {reply}")
        tags += reply.json()["tags"]
        path = (reply.header("Link") or "").partition(">")[0].lstrip("<")
    return tags


def main(world):
    image = images.multi_platform("as upstream")
    docker, own = world.registry(), world.private_registry()
    for address in (docker.address, own.address):
        fill(address, image)
    mirrors = world.breakwater(
        routes=[
            mirror_route("docker", "docker.example", docker.url),
            mirror_route("own", "own.example", f"http://{own.address}"),
        ]
    )
    further = world.breakwater(upstream=f"http://{mirrors.addresses['own']}")
    compare(world, "docker-registry", docker.address, mirrors.addresses["docker"], image, is_its_fault)
    for n in (1, 2, 3, 4):
        tags = all_pages(mirrors.addresses["docker"], n)
        expect(sorted(tags) == ["1", "2", "a", "b"], f"pages of {n} have the tags {tags}")
    reply = http.get(mirrors.addresses["docker"], f"/v2/{REPOSITORY}/referrers/{image.top.digest}")
    expect(reply.status == 200 and reply.json()["manifests"] == [], f"referrers without an API: {reply}")
    compare(world, "our own registry", own.address, mirrors.addresses["own"], image)
    compare(world, "a mirror of our own", mirrors.addresses["own"], further.address, image)
    for one in (further, mirrors, own):
        one.stop()


if __name__ == "__main__":
    scenario(main)
