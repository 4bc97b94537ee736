"""Long lists, large manifests and requests in a row keep nobody waiting: what costs much is done beside the
loop, and a connection yields after each request."""

import itertools
import json

from harness import images, scenario
from harness.attacks import many_clients, one_client, pipelines, request
from harness.siege import Siege

SUBJECT = "sha256:" + 64 * "5"
FALLBACK = SUBJECT.replace(":", "-")
MANIFEST_MAX = 4 * images.MEBI


def index_of(bytes_max, **more):
    """As many descriptors as there is room for."""
    head = {"schemaVersion": 2, "mediaType": images.INDEX, **more}
    one = {"mediaType": images.MANIFEST, "digest": "sha256:" + 64 * "7", "size": 7, "artifactType": "a/b"}
    room = bytes_max - len(json.dumps({**head, "manifests": []}, separators=(",", ":")))
    count = room // (len(json.dumps(one, separators=(",", ":"))) + 1)
    return json.dumps({**head, "manifests": count * [one]}, separators=(",", ":")).encode()


FALLBACK_INDEX = index_of(MANIFEST_MAX)
TAGS = json.dumps(
    {"name": "library/tags", "tags": [f"tag-{number:06}" for number in range(100_000)]}
).encode()


def answer_to(target):
    path, _, query = target.partition("?")
    if path == f"/v2/library/referred/manifests/{FALLBACK}":
        return 200, images.INDEX, FALLBACK_INDEX
    if path == "/v2/library/tags/tags/list":
        return 200, "application/json", TAGS
    if path.startswith("/v2/library/large/manifests/"):
        return 200, images.INDEX, index_of(MANIFEST_MAX - 100_000, annotations={"tag": path})
    return None


def main(world):
    siege = Siege(world, answer_to)
    referrers = request(f"/v2/library/referred/referrers/{SUBJECT}?artifactType=z")
    siege.beside("100 referrers in a row", siege.mirror, one_client(), 1, pipelines(100 * [referrers]))
    siege.beside(
        "referrers on 100 connections of 40", siege.mirror, many_clients(), 100, pipelines([referrers])
    )

    tags = request("/v2/library/tags/tags/list")
    siege.beside("50 lists of 100 000 tags in a row", siege.mirror, one_client(), 1, pipelines(50 * [tags]))
    page = request("/v2/library/tags/tags/list?n=100&last=tag-09")
    siege.beside("100 pages of such a list in a row", siege.mirror, one_client(), 1, pipelines(100 * [page]))

    number = itertools.count()

    def large():
        return [request(f"/v2/library/large/manifests/{next(number)}")]

    siege.beside("4 MiB manifests by a mirror, 4 at once", siege.mirror, one_client(), 4, pipelines(large))

    metrics = request("/metrics")
    siege.beside("400 /metrics in a row", siege.metrics, one_client(), 1, pipelines(400 * [metrics]))

    head = request("/v2/library/honest/manifests/1", "HEAD")
    siege.beside("2000 HEADs of a manifest in a row", siege.mirror, one_client(), 1, pipelines(2000 * [head]))
    get = request("/v2/library/honest/manifests/1")
    siege.beside("GETs in a row on 40 connections", siege.mirror, many_clients(), 40, pipelines(500 * [get]))
    fields = [f"X-{number}: " for number in range(1500)]
    crowded = request("/v2/", headers=fields)
    siege.beside("heads of 1500 fields in a row", siege.private, one_client(), 4, pipelines(200 * [crowded]))
    siege.end()


if __name__ == "__main__":
    scenario(main)
