"""The dialogues of clients that mean harm: those of honest clients, with what they should not say."""

from harness import images

from . import content, mutations, steps
from .wire import Request, reset

REPOSITORIES = ("hostile/one", "hostile/two", "hostile/one/deep", "h")
TAGS = ("1", "2", "latest", "build-cache")
POOL = 60  # different images: so many are pushed again and again


def _image(chance):
    return content.make_image(f"pool {chance.randint(1, POOL)}")


def push(client, chance):
    client.to("private")
    steps.push_image(
        client, chance, chance.choice(REPOSITORIES), chance.choice((*TAGS, None)), _image(chance)
    )


def push_blobs(client, chance):
    client.to("private")
    for digest, body in _image(chance).blobs.items():
        chance.choice(steps.PUSHES)(client, chance, chance.choice(REPOSITORIES), body, digest)


def push_wrong(client, chance):
    """Bytes that have another digest, or a digest of another kind."""
    client.to("private")
    body = content.blob(f"wrong {chance.randint(1, POOL)}")
    digest = chance.choice(
        (
            "sha256:" + "0" * 64,
            "sha512:" + "1" * 128,
            "sha256:x",
            "md5:" + "0" * 32,
            images.digest_of(b""),
        ),
    )
    chance.choice(steps.PUSHES)(client, chance, chance.choice(REPOSITORIES), body, digest)


def begin_and_go(client, chance):
    client.to("private")
    for _ in range(chance.randint(1, 6)):
        location = steps.begin_upload(client, chance.choice(REPOSITORIES))
        if chance.random() < 0.5:
            client.ask(
                Request(
                    "PATCH", location, [steps.OCTETS], chance.randbytes(chance.choice((1, 5000, 200000)))
                ),
                (202,),
            )


def meddle(client, chance):
    """With an upload that another connection may be working on."""
    client.to("private")
    for _ in range(chance.randint(1, 4)):
        if not client.crew.locations:
            return
        location = chance.choice(list(client.crew.locations))
        body = content.blob(f"meddled {chance.randint(1, POOL)}")
        separator = "&" if "?" in location else "?"
        client.ask(
            chance.choice(
                (
                    Request("GET", location),
                    Request("DELETE", location),
                    Request("PATCH", location, [steps.OCTETS], body),
                    Request("PATCH", location, [steps.OCTETS, ("Content-Range", f"0-{len(body) - 1}")], body),
                    Request(
                        "PUT",
                        f"{location}{separator}digest={images.digest_of(body)}",
                        [steps.OCTETS],
                        body,
                    ),
                )
            ),
            (200, 201, 202, 204, 404, 416),
        )


def cancel(client, chance):
    client.to("private")
    steps.cancel_upload(
        client, chance, chance.choice(REPOSITORIES), content.blob(f"pool {chance.randint(1, POOL)}"), None
    )


def mount(client, chance):
    client.to("private")
    for digest in _image(chance).blobs:
        steps.mount_blob(client, chance, chance.choice(REPOSITORIES), chance.choice(REPOSITORIES), digest)


def refer(client, chance):
    client.to("private")
    repository, subject = chance.choice(REPOSITORIES), _image(chance).top
    signature = content.make_referrer(f"pool {chance.randint(1, 10)}", subject)
    steps.push_image(client, chance, repository, chance.choice((None, "signed")), signature)
    for artifact_type in (None, content.SIGNATURE, "nothing/of-this"):
        steps.list_referrers(client, repository, subject.digest, artifact_type)


def strange_manifest(client, chance):
    """One that is JSON, and yet not a manifest that any client would push."""
    client.to("private")
    manifest = _image(chance).top
    raw = manifest.bytes
    for _ in range(chance.randint(1, 3)):
        raw = mutations.change_json(chance, raw)
    kind = chance.choice((manifest.media_type, images.INDEX, images.MANIFEST, "application/json"))
    reference = chance.choice((*TAGS, images.digest_of(raw)))
    changed = images.Manifest.held(kind, raw)
    steps.put_manifest(client, chance.choice(REPOSITORIES), reference, changed)


def remove(client, chance):
    client.to("private")
    image = _image(chance)
    repository = chance.choice(REPOSITORIES)
    reference = chance.choice((*TAGS, image.top.digest))
    steps.delete(client, repository, reference, (202, 404, 405))
    digest = chance.choice(list(image.blobs))
    client.ask(Request("DELETE", f"/v2/{repository}/blobs/{digest}"), (202, 404, 405))


def pull(client, chance):
    client.to("private")
    steps.pull_image(client, chance, chance.choice(REPOSITORIES), chance.choice(TAGS))


def lists(client, chance):
    client.to(chance.choice(("private", "tame", "wild")))
    steps.list_tags(client, chance.choice(REPOSITORIES), chance.choice((None, 1, 5)))
    client.ask(Request("GET", "/v2/"), (200,))
    client.ask(Request("GET", "/v2/_catalog?n=2"), (200,))


def pull_from_mirror(client, chance):
    route = chance.choice(("tame", "wild", "wild", "wilder", "pair", "any"))
    client.to(route)
    repository, tag = client.joint.next(chance)
    query = {"any": "?ns=wild.example", "wild": "?ns=wild.example"}.get(route, "")
    image = content.upstream_image(repository, tag)
    if chance.random() < 0.5:
        steps.pull_image(client, chance, repository, tag, query)
        return
    for digest, body in image.blobs.items():
        if body and chance.random() < 0.3:
            steps.get_range(client, chance, repository, digest, len(body), query)
        else:
            steps.get_blob(client, chance, repository, digest, query)


def list_of_mirror(client, chance):
    client.to(chance.choice(("tame", "wild", "wilder", "pair")))
    repository, tag = client.joint.next(chance)
    steps.list_tags(client, repository, chance.choice((None, 1)))
    steps.list_referrers(client, repository, content.upstream_image(repository, tag).top.digest)


def health(client, chance):
    client.to("metrics")
    for target in ("/metrics", "/livez", "/readyz", "/", "/nothing"):
        client.ask(Request("GET", target), (200, 404))


def crowd(client, chance):
    """Connections that do nothing, or begin and do no more."""
    client.to(chance.choice([route for route in client.addresses if route != "metrics"]))
    wires = [client.connect() for _ in range(chance.randint(1, 20))]
    for wire in wires:
        wire.send(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nA: b\r\n"[: chance.randint(0, 40)])
    for wire in wires:
        if chance.random() < 0.5:
            reset(wire.socket)
        wire.close()


DIALOGUES = (
    push, push, push, push_blobs, push_wrong, begin_and_go, meddle, meddle, cancel, mount, refer,
    strange_manifest, strange_manifest, remove, pull, pull, lists, pull_from_mirror, pull_from_mirror,
    pull_from_mirror, pull_from_mirror, pull_from_mirror, list_of_mirror, health, crowd,
)
