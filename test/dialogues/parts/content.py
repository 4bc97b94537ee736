"""Blobs and images that a name determines: whoever knows the name knows every byte."""

import functools
import hashlib
import json
import random

from harness import images

BLOB_BYTES_MAX = 300 * 1024
UPSTREAM_TAGS = ("1", "2")
CALM = "calm/"  # repositories of which no two have a blob in common
SIGNATURE = "application/vnd.example.signature"


def blob(name, smallest=0):
    """Up to 300 KiB; most are small. `smallest` bytes of 32 and more are nobody else's blob."""
    chance = random.Random("size of " + name)
    largest = chance.choice((0, 1, 4096, 65536, BLOB_BYTES_MAX))
    return images.noise(name, chance.randint(smallest, max(smallest, largest)))


def is_right(digest, content):
    """Whether `content` has that digest, as `sha256:<hex>` or `sha512:<hex>`."""
    algorithm, _, wanted = digest.partition(":")
    return algorithm in ("sha256", "sha512") and hashlib.new(algorithm, content).hexdigest() == wanted


def _manifest(image, name, layers, **more):
    config = image.add_blob(
        images.CONFIG, json.dumps({"architecture": "amd64", "os": "linux", "of": name}).encode()
    )
    manifest = images.Manifest(
        images.MANIFEST,
        {
            "schemaVersion": 2,
            "mediaType": images.MANIFEST,
            "config": config,
            "layers": [image.add_blob(images.LAYER, layer) for layer in layers],
            **more,
        },
    )
    image.manifests.append(manifest)
    return manifest


def make_image(name, smallest=0):
    """An images.Image: one platform, or an index of two, of layers of `smallest` bytes at least."""
    chance = random.Random("image " + name)
    image = images.Image()
    platforms = [
        (architecture, _manifest(image, f"{name} {architecture}", layers))
        for architecture in chance.choice((["amd64"], ["amd64"], ["amd64", "arm64"]))
        if (layers := [blob(f"{name} {architecture} {one}", smallest) for one in range(chance.randint(1, 3))])
    ]
    if len(platforms) > 1:
        image.add_index(platforms)
    return image


def make_referrer(name, subject):
    """An image that refers to the manifest `subject`."""
    image = images.Image()
    _manifest(
        image,
        name,
        [blob("signature " + name)],
        subject=subject.descriptor(),
        artifactType=SIGNATURE,
        annotations={"org.example.name": name},
    )
    return image


@functools.lru_cache(maxsize=256)
def upstream_image(repository, tag):
    """What every upstream has under a tag of UPSTREAM_TAGS."""
    return make_image(f"upstream {repository} {tag}", 32 if repository.startswith(CALM) else 0)
