"""A filter that matches nothing among long referrers costs those who ask, not those who push beside them."""

import json

from harness import http, images, scenario
from harness.attacks import many_clients, one_client, pipelines, request
from harness.registry import push_manifest
from harness.siege import Siege
from harness.world import FULL

SUBJECT = "sha256:" + 64 * "5"
REFERRERS, BYTES_EACH = 120 if FULL else 40, 3_900_000
READERS = 16
LIST = f"/v2/team/referred/referrers/{SUBJECT}"


def referrer(number):
    """A manifest of some MB that refers to the subject."""
    content = {
        "schemaVersion": 2,
        "mediaType": images.INDEX,
        "artifactType": f"application/vnd.example.kind-{number % 7}",
        "manifests": [],
        "subject": {"mediaType": images.MANIFEST, "digest": SUBJECT, "size": 7},
        "annotations": {"number": str(number), "padding": BYTES_EACH * "x"},
    }
    return images.Manifest.held(images.INDEX, json.dumps(content).encode())


def listed(siege, query):
    """Digests of all pages, one after the other."""
    found, target = [], LIST + query
    while target:
        reply = http.get(siege.private, target)
        siege.expect(reply.status == 200, f"{target}: {reply}")
        found += [one["digest"] for one in reply.json()["manifests"]]
        link = reply.header("Link")
        target = link[link.index("<") + 1 : link.index(">")] if link else None
    return found


def main(world):
    siege = Siege(world)
    digests = []
    for number in range(REFERRERS):
        manifest = referrer(number)
        push_manifest(siege.private, "team/referred", manifest, manifest.digest)
        digests.append(manifest.digest)

    nothing = request(f"{LIST}?artifactType=application/vnd.example.nothing")
    every = request(LIST)
    siege.beside(
        "16 that filter for nothing, of one", siege.private, one_client(), READERS, pipelines([nothing])
    )
    siege.beside(
        "16 that filter for nothing, of 16", siege.private, many_clients(16), READERS, pipelines([nothing])
    )
    siege.beside("100 such in a row", siege.private, one_client(), 1, pipelines(100 * [nothing]))
    siege.beside("16 that list all, of 16", siege.private, many_clients(16), READERS, pipelines([every]))
    manifests = [request(f"/v2/team/referred/manifests/{one}") for one in digests]
    siege.beside("all of them in a row, 4 times", siege.private, one_client(), 4, pipelines(manifests))

    siege.expect(sorted(listed(siege, "")) == sorted(digests), "not all are listed")
    of_a_kind = listed(siege, "?artifactType=application/vnd.example.kind-3")
    siege.expect(sorted(of_a_kind) == sorted(digests[3::7]), "a filter lists others than it should")
    siege.end()


if __name__ == "__main__":
    scenario(main)
