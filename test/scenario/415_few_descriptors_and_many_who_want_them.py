"""With 1024 descriptors, and with 256, the same clients that take all they can get: everybody else goes on as
before, and whoever is too many is answered 503, or 429 by the limits of one client."""

from harness import expect, images, scenario
from harness.attacks import (
    begins_uploads,
    holds,
    leaves_uploads,
    many_clients,
    one_client,
    reads_nothing,
    request,
)
from harness.siege import Siege
from harness.world import FULL

HALF_A_HEAD = b"GET /v2/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
LARGE = images.noise("large", 16 * images.MEBI)


def answer_to(target):
    if target == f"/v2/library/large/blobs/{images.digest_of(LARGE)}":
        return 200, "application/octet-stream", LARGE
    return None


def attacks(siege, descriptors, sources, who):
    who = f"{who}, {descriptors} files"
    siege.beside(f"{descriptors} that do nothing, {who}", siege.private, sources, descriptors, holds())
    slow = holds(HALF_A_HEAD, b"a", every_s=1)
    tally = siege.beside(f"heads byte by byte, {who}", siege.mirror, sources, descriptors, slow)
    siege.expect(
        tally.get("503") or tally.get("429"), f"heads, {who}: nobody was told that they are too many: {tally}"
    )
    blob = reads_nothing([request(f"/v2/library/large/blobs/{images.digest_of(LARGE)}")])
    siege.beside(f"blobs that nobody reads, {who}", siege.mirror, sources, descriptors, blob)
    siege.beside(
        f"uploads in a row, {who}", siege.private, sources, len(sources), leaves_uploads("team/left")
    )
    waiting = begins_uploads("team/left", ["Content-Length: 1000", "Content-Range: 0-999"], b"x")
    siege.beside(f"uploads of a byte, {who}", siege.private, sources, descriptors // 2, waiting)


def main(world):
    # Of few places, a few clients may have a few each.
    sieges = []
    for descriptors, many in ((256, 10), (1024, 40)):
        siege = Siege(world, answer_to, descriptors=descriptors)
        limit = siege.breakwater.metric("process_max_fds")
        expect(limit == descriptors, f"a limit of {limit} descriptors, not of {descriptors}")
        attacks(siege, descriptors, many_clients(many), f"of {many}")
        if FULL:
            attacks(siege, descriptors, one_client(), "of one")
        sieges.append(siege)
    sieges[0].end(*sieges[1:])


if __name__ == "__main__":
    scenario(main)
