"""What every client's push has to live through: all of it is held, byte for byte, comes back into an
engine that has nothing, and no byte of what is held is sent again."""

import gzip
import hashlib
import json
import subprocess

from . import http as web
from . import images
from .fronts import Front
from .world import expect

LAYER_BYTES = 3 * images.MEBI


def held(address, repository, reference):
    """The image or index under that tag or digest, every byte of it asked for and checked: an
    images.Image."""
    image = images.Image()
    _add_held(image, address, repository, reference)
    return image


def _add_held(image, address, repository, reference):
    path = f"/v2/{repository}/manifests/{reference}"
    reply = web.get(address, path, {"Accept": images.ACCEPT})
    expect(reply.status == 200, f"{path}: {reply}")
    manifest = images.Manifest.held(reply.header("Content-Type"), reply.body)
    expect(
        reply.header("Docker-Content-Digest") == manifest.digest,
        f"{path}: another digest than that of its bytes: {reply}",
    )
    expect(
        reference in (manifest.digest, reference if ":" not in reference else None),
        f"{path}: came with {manifest.digest}",
    )
    if "manifests" in manifest.content:
        for child in manifest.content["manifests"]:
            _add_child(image, address, repository, child)
    for one in [manifest.content.get("config"), *manifest.content.get("layers", [])]:
        if one:
            image.blobs[one["digest"]] = _blob(address, repository, one)
    image.manifests.append(manifest)


def _add_child(image, address, repository, child):
    """A child of an index is a manifest; in BuildKit's old cache indexes it is a layer or a config."""
    if child["mediaType"] in images.ACCEPT:
        _add_held(image, address, repository, child["digest"])
    else:
        image.blobs[child["digest"]] = _blob(address, repository, child)


def _blob(address, repository, descriptor):
    path = f"/v2/{repository}/blobs/{descriptor['digest']}"
    reply = web.get(address, path)
    expect(
        reply.status == 200
        and reply.digest == descriptor["digest"]
        and len(reply.body) == descriptor["size"],
        f"{path}: {reply}, {len(reply.body)} bytes",
    )
    head = web.head(address, path)
    expect(
        head.status == 200 and head.header("Content-Length") == str(descriptor["size"]),
        f"HEAD {path}: {head}",
    )
    return reply.body


def contents(image):
    """What an image means whatever its layers are packed with: each config's digest with the digests of its
    layers' plain bytes."""
    found = {}
    for manifest in image.manifests:
        if "layers" in manifest.content:
            found[manifest.content["config"]["digest"]] = [
                _plain_digest(image.blobs[layer["digest"]]) for layer in manifest.content["layers"]
            ]
    return found


def _plain_digest(layer):
    if layer.startswith(b"\x1f\x8b"):
        layer = gzip.decompress(layer)
    elif layer.startswith(b"\x28\xb5\x2f\xfd"):
        layer = subprocess.run(["zstd", "-dc"], input=layer, check=True, stdout=subprocess.PIPE).stdout
    return "sha256:" + hashlib.sha256(layer).hexdigest()


def expect_contents(image, source, what):
    """All that `image` has is of `source`, and all its layers are what its configs say."""
    found, wanted = contents(image), contents(source)
    expect(found, f"{what}: no image at all")
    for config, layers in found.items():
        expect(
            wanted.get(config) == layers,
            f"{what}: config {config} with layers {layers}, but what was pushed is {wanted}",
        )
        expect(
            json.loads(image.blobs[config])["rootfs"]["diff_ids"] == layers,
            f"{what}: the layers of {config} are not those that it names",
        )


def push_story(world, client_of, image=None, mounts=False, whole=False):
    """`client_of(world, mirrors, plain)` makes a client that holds nothing yet and has pull(name), push(name,
    target) and content_of(name).

    `image`: an index, if nothing else is given. `mounts`: it knows how to take blobs over from another
    repository. `whole`: it pushes an index only with all that it names.
    """
    hub = world.registry()
    image = image or images.multi_platform("push", LAYER_BYTES)
    hub.push("library/app", "1", image)
    registry = world.private_registry()
    front = Front(world, registry.address)
    plain = [hub.address, front.address]
    source, target = f"{hub.address}/library/app:1", f"{front.address}/team/app:1"
    all_platforms = {"whole": True} if whole else {}

    pusher = client_of(world, {}, plain)
    pusher.pull(source, **all_platforms)
    pusher.push(source, target)
    expect(front.uploads(), "a push that uploaded nothing")
    expect_contents(held(registry.address, "team/app", "1"), image, "the first push")
    puller = client_of(world, {}, plain)
    puller.pull(target, **all_platforms)
    came, went = puller.content_of(target), pusher.content_of(source)
    expect(came == went, f"pushed {went}, and {came} came back")

    front.forget()
    pusher.push(source, target)
    pusher.push(source, f"{front.address}/team/app:2")
    expect(not front.uploads(), f"what is held was sent again: {front.uploads()}")
    expect_contents(held(registry.address, "team/app", "2"), image, "the second tag")
    if mounts:
        front.forget()
        puller.push(target, f"{front.address}/team/mounted:1")
        sent = front.uploaded_bytes()
        expect(
            front.mounts() and sent < LAYER_BYTES // 8,
            f"{sent} bytes were sent for what another repository holds: {front.requests()}",
        )
        expect_contents(
            held(registry.address, "team/mounted", "1"), image, "the repository with what was mounted"
        )
    registry.expect_nothing_left()
    registry.stop()
