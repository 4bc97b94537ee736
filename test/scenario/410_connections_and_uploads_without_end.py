"""Connections that do nothing, heads that never end and uploads that nobody goes on with, by thousands, from
one client and from many: everybody else goes on as before, and one client that is too many is told so."""

from harness import scenario
from harness.attacks import holds, leaves_uploads, many_clients, one_client, request
from harness.siege import Siege

CONNECTIONS, HEADS, AT_HEALTH = 5000, 1000, 200
UPLOADS_OF_ONE = 64
HALF_A_HEAD = b"GET /v2/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "


def attacks(siege, sources, who):
    siege.beside(f"{CONNECTIONS} that do nothing, {who}", siege.private, sources, CONNECTIONS, holds())
    asked = holds(request("/v2/"))
    siege.beside(f"{CONNECTIONS} that asked once, {who}", siege.mirror, sources, CONNECTIONS, asked)
    slow = holds(HALF_A_HEAD, b"a", every_s=1)
    tally = siege.beside(f"{HEADS} heads byte by byte, {who}", siege.private, sources, HEADS, slow)
    siege.expect(
        len(sources) > 1 or tally.get("429") or tally.get("503"),
        f"{HEADS} heads, {who}: nobody was told that they are too many: {tally}",
    )
    before = len(siege.breakwater.partials())
    siege.beside(
        f"uploads in a row, {who}", siege.private, sources, len(sources), leaves_uploads("team/left")
    )
    left, bound = len(siege.breakwater.partials()) - before, UPLOADS_OF_ONE * len(sources)
    siege.expect(left <= bound, f"{left} uploads that nobody goes on with, {who}, and not {bound}")
    slow = holds(HALF_A_HEAD.replace(b"/v2/", b"/livez"), b"a", every_s=1)
    siege.beside(f"{AT_HEALTH} slow ones at the health port, {who}", siege.metrics, sources, AT_HEALTH, slow)


def main(world):
    siege = Siege(world)
    attacks(siege, many_clients(), "of 40")
    attacks(siege, one_client(), "of one")
    siege.end()


if __name__ == "__main__":
    scenario(main)
