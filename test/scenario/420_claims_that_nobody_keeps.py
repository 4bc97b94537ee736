"""Who announces a body and does not send it takes nothing from anybody: no memory that other pushes need, no
room in the store, and no blob of a mirror goes for it."""

from harness import expect, http, images, scenario
from harness.attacks import begins_uploads, holds, many_clients, one_client, request
from harness.siege import MIRROR, PRIVATE, Siege

BOUND = 256 * images.MEBI
CACHED = 24
CACHED_BYTES = 8 * images.MEBI
RESERVED_MAX = 16 * images.MEBI  # of one-byte bodies: 200 of them, the honest ones beside
LAYERS = [images.noise(f"cached-{number}", CACHED_BYTES) for number in range(CACHED)]
PATHS = [f"/v2/library/cached/blobs/{images.digest_of(one)}" for one in LAYERS]
CONTENT = dict(zip(PATHS, LAYERS))
MANIFEST_OF_64_KIB = ["Content-Type: " + images.MANIFEST, "Content-Length: 65536"]


def answer_to(target):
    return (200, "application/octet-stream", CONTENT[target]) if target in CONTENT else None


def upload_of(size):
    """A whole blob in one request, as large as that, of which nothing comes."""
    target = f"/v2/team/claimed/blobs/uploads/?digest=sha256:{64 * 'a'}"
    return request(target, "POST", [f"Content-Length: {size}", "Content-Type: application/octet-stream"])


def fill_cache(siege):
    """The rest of the room is the mirror's cache."""
    for path in PATHS:
        reply = http.get(siege.mirror, path)
        expect(reply.status == 200 and path.endswith(reply.digest), f"a blob for the cache: {reply.status}")
    siege.breakwater.wait_idle()


def expect_cached(siege, name):
    """All that was cached still is: nothing is asked for again."""
    evicted = siege.breakwater.metric("breakwater_evicted_blobs_total") or 0
    siege.expect(not evicted, f"{name}: {evicted:.0f} blobs were evicted for what nobody sent")


def reserved(siege):
    return siege.breakwater.metric("breakwater_store_reserved_bytes", route=PRIVATE) or 0


def main(world):
    siege = Siege(world, answer_to, bytes_max=f"{BOUND // images.MEBI}MiB")
    fill_cache(siege)
    stored = siege.breakwater.metric("breakwater_store_bytes", route=MIRROR)
    expect(stored >= CACHED * CACHED_BYTES, f"the cache has {stored} bytes")
    for sources, who in ((one_client(), "of one"), (many_clients(), "of 40")):
        manifests = holds(
            request("/v2/team/app/manifests/t", "PUT", MANIFEST_OF_64_KIB, b"{"), b" ", every_s=1
        )
        siege.beside(f"128 manifests byte by byte, {who}", siege.private, sources, 128, manifests)
        largest = [*MANIFEST_OF_64_KIB[:1], "Content-Length: 4000000"]
        manifests = holds(request("/v2/team/app/manifests/t", "PUT", largest))
        siege.beside(f"200 claims of a 4 MB manifest, {who}", siege.private, sources, 200, manifests)
        whole = holds(upload_of(BOUND - 2 * images.MEBI))
        siege.beside(f"4 claims of all of the room, {who}", siege.private, sources, 4, whole)
        name = f"60 claims of 4 MiB, {who}"
        siege.beside(name, siege.private, sources, 60, holds(upload_of(4 * images.MEBI)))
        expect_cached(siege, name)
        name = f"200 bodies without length, {who}"
        chunked = begins_uploads("team/claimed", ["Transfer-Encoding: chunked"], b"1\r\nx\r\n")
        most = []
        siege.beside(name, siege.private, sources, 200, chunked, during=lambda: most.append(reserved(siege)))
        world.say(f"{name}: {max(most) / images.MEBI:.1f} MiB are reserved")
        siege.expect(max(most) <= RESERVED_MAX, f"{name}: {max(most):.0f} bytes are reserved")
        expect_cached(siege, name)
    siege.end()


if __name__ == "__main__":
    scenario(main)
