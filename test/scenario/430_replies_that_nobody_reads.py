"""Clients that ask for much and read nothing of it do not fill the memory: what is held for a socket counts,
and the same manifest is held once for all."""

import json

from harness import http, images, scenario
from harness.attacks import many_clients, one_client, reads_nothing, request
from harness.registry import push_manifest
from harness.siege import Siege
from harness.world import FULL

SUBJECT = "sha256:" + 64 * "5"
LIST_BYTES = 3_000_000
MANIFEST_BYTES = 3_900_000
READERS, MANIFESTS = 600, 300
RECEIVE_BUFFER = 4096  # what the kernel takes for them is not the server's


def padded(size, **content):
    """An index of that many bytes."""
    head = {
        "schemaVersion": 2,
        "mediaType": images.INDEX,
        "manifests": [],
        **content,
        "annotations": {"a": ""},
    }
    room = size - len(json.dumps(head))
    return json.dumps({**head, "annotations": {"a": room * "x"}}).encode()


def referrers_of(size):
    one = {"mediaType": images.MANIFEST, "digest": "sha256:" + 64 * "7", "size": 7, "artifactType": "a/b"}
    count = size // len(json.dumps(one))
    return json.dumps({"schemaVersion": 2, "mediaType": images.INDEX, "manifests": count * [one]}).encode()


REFERRERS = referrers_of(LIST_BYTES)
TAGS = json.dumps(
    {"name": "library/tags", "tags": [f"tag-{number:06}" for number in range(200_000)]}
).encode()


def answer_to(target):
    path = target.partition("?")[0]
    if path == f"/v2/library/referred/referrers/{SUBJECT}":
        return 200, images.INDEX, REFERRERS
    if path == "/v2/library/tags/tags/list":
        return 200, "application/json", TAGS
    if path.startswith("/v2/library/large/manifests/"):
        return 200, images.INDEX, padded(MANIFEST_BYTES, of=path)
    return None


def numbered(path):
    """A function that makes a request of another thing for each client."""
    numbers = iter(range(1 << 30))
    return lambda: [request(f"{path}{next(numbers)}")]


def main(world):
    siege = Siege(world, answer_to)
    large = images.Manifest.held(images.INDEX, padded(MANIFEST_BYTES))
    push_manifest(siege.private, "team/large", large, "1")
    http.get(siege.mirror, f"/v2/library/referred/referrers/{SUBJECT}")
    http.get(siege.mirror, "/v2/library/tags/tags/list")

    def attack(name, address, sources, clients, requests):
        siege.beside(name, address, sources, clients, reads_nothing(requests), RECEIVE_BUFFER)

    referrers = [request(f"/v2/library/referred/referrers/{SUBJECT}")]
    some = [request(f"/v2/library/referred/referrers/{SUBJECT}?artifactType=a/b")]
    tags = [request("/v2/library/tags/tags/list")]
    same = [request("/v2/team/large/manifests/1")]
    metrics = 400 * [request("/metrics")]
    for sources, who in ((many_clients(), "of 40"), (one_client(), "of one")):
        if FULL or len(sources) > 1:
            attack(f"{READERS} lists of referrers, {who}", siege.mirror, sources, READERS, referrers)
            attack(f"{READERS} lists of tags, {who}", siege.mirror, sources, READERS, tags)
            attack(f"{READERS} of the same manifest, {who}", siege.private, sources, READERS, same)
            attack(f"8 with 400 /metrics each, {who}", siege.metrics, sources, 8, metrics)
        attack(f"{READERS} filtered lists, {who}", siege.mirror, sources, READERS, some)
        distinct = numbered(f"/v2/library/large/manifests/{len(sources)}-")
        attack(f"{MANIFESTS} manifests of a mirror, {who}", siege.mirror, sources, MANIFESTS, distinct)
    siege.end()


if __name__ == "__main__":
    scenario(main)
