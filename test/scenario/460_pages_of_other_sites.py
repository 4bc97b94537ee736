"""A page of another site makes the browsers of those who may push send what it likes, by thousands: nothing
comes of it, nothing is read by it, and honest clients go on beside it."""

from harness import expect, http, images, scenario
from harness.attacks import many_clients, one_client, pipelines, request
from harness.siege import MIRROR, PRIVATE, Siege

ELSEWHERE = "evil.example"
BODY = b'{"schemaVersion":2}'
MANIFEST = "/v2/team/stolen/manifests/1"
UPLOAD = "/v2/team/stolen/blobs/uploads/"
WHOLE = f"{UPLOAD}?digest={images.digest_of(BODY)}"
LENGTH = f"Content-Length: {len(BODY)}"
SENT_BY_FORMS = "Content-Type: text/plain"


def posts(address):
    """What changes something: from a page elsewhere to our address, and from one whose name leads here. Each
    with what it is."""
    port = address.rpartition(":")[2]
    foreign, rebound = f"Origin: http://{ELSEWHERE}", f"Origin: http://{ELSEWHERE}:{port}"
    return {
        "a form": request(UPLOAD, "POST", [foreign, SENT_BY_FORMS, LENGTH], BODY, address),
        "a whole blob": request(WHOLE, "POST", [foreign, SENT_BY_FORMS, LENGTH], BODY, address),
        "a page of a file": request(UPLOAD, "POST", ["Origin: null", LENGTH], BODY, address),
        "another port of ours": request(
            UPLOAD, "POST", ["Origin: http://127.0.0.1:1", LENGTH], BODY, address
        ),
        "no Origin": request(UPLOAD, "POST", ["Sec-Fetch-Site: cross-site", LENGTH], BODY, address),
        "two Origins": request(UPLOAD, "POST", [f"Origin: http://{address}", foreign, LENGTH], BODY, address),
        "a manifest": request(
            MANIFEST, "PUT", [foreign, f"Content-Type: {images.MANIFEST}", LENGTH], BODY, address
        ),
        "a delete": request("/v2/team/honest/manifests/1", "DELETE", [foreign], host=address),
        "a name that leads here": request(
            UPLOAD, "POST", [rebound, SENT_BY_FORMS, LENGTH], BODY, f"{ELSEWHERE}:{port}"
        ),
        "the same in other letters": request(
            UPLOAD, "POST", [rebound, LENGTH], BODY, f"{ELSEWHERE.upper()}.:{port}"
        ),
        "a manifest by such a name": request(
            MANIFEST,
            "PUT",
            [rebound, f"Content-Type: {images.MANIFEST}", LENGTH],
            BODY,
            f"{ELSEWHERE}:{port}",
        ),
    }


def reads(target, port):
    """A page whose name leads here reads: browsers send no Origin with that."""
    return {
        f"{method} {target}": request(
            target, method, ["Accept-Language: en", "Accept: */*"], host=f"{ELSEWHERE}:{port}"
        )
        for method in ("GET", "HEAD")
    }


def expect_refused(address, requests):
    for name, raw in requests.items():
        reply = http.dialogue(address, raw.replace(b"\r\nHost:", b"\r\nConnection: close\r\nHost:", 1), 10)
        expect(reply.startswith(b"HTTP/1.1 403 "), f"{name}: {reply[:300]!r}")


def main(world):
    siege = Siege(world)
    port = siege.private.rpartition(":")[2]
    http.get(siege.mirror, "/v2/library/honest/manifests/1")
    siege.quiet()
    changes = posts(siege.private)
    readings = {**reads("/v2/_catalog", port), **reads("/v2/team/honest/manifests/1", port)}
    expect_refused(siege.private, {**changes, **readings})
    expect_refused(siege.mirror, reads("/v2/library/honest/manifests/1", siege.mirror.rpartition(":")[2]))
    expect_refused(siege.metrics, reads("/metrics", siege.metrics.rpartition(":")[2]))

    for sources, who in ((one_client(), "of one"), (many_clients(), "of 40")):
        for name, requests in (("pushes", changes), ("reads", readings)):
            batch = 10 * list(requests.values())
            act = pipelines(batch)
            tally = siege.beside(f"{name} of pages elsewhere, {who}", siege.private, sources, 40, act)
            siege.expect(
                tally.get("403") and not set(tally) - {"403", "429", "503", "cut"},
                f"{name} of pages elsewhere, {who}: {tally}",
            )
    for route, reason in ((PRIVATE, "host"), (PRIVATE, "origin"), (MIRROR, "host"), ("metrics", "host")):
        counted = siege.breakwater.metric("breakwater_refused_total", route=route, reason=reason)
        siege.expect(counted, f"what {route} refused because of {reason} is not counted")
    stolen = http.get(siege.private, "/v2/team/stolen/tags/list")
    siege.expect(stolen.status == 404, f"a page elsewhere has made a repository: {stolen}")
    siege.expect(not siege.breakwater.partials(), f"and uploads: {siege.breakwater.partials()}")
    siege.end()


if __name__ == "__main__":
    scenario(main)
