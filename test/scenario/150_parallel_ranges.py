"""containerd 2.1's parallel ranges on a cold blob: 20 overlapping open ranges on new connections, each reset
after 8 MiB. One transfer upstream.

And dockerd's resume of a blob in progress: a 206 to the real end."""

import re
import socket
import struct
import threading

from harness import expect, http, images, scenario

SIZE = 160 * images.MEBI
SHARE = 8 * images.MEBI
RATE = 60_000_000


class RangeReader(threading.Thread):
    """Asks for bytes=N-, reads its share and resets the connection."""

    def __init__(self, address, path, begin, take):
        super().__init__(daemon=True)
        self.address, self.path, self.begin_at, self.take = address, path, begin, take
        self.head, self.body = b"", b""

    def run(self):
        host, _, port = self.address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(
                f"GET {self.path} HTTP/1.1\r\nHost: a\r\nRange: bytes={self.begin_at}-\r\n\r\n".encode()
            )
            received = bytearray()
            while b"\r\n\r\n" not in received:
                received += self._piece(connection)
            head, _, rest = bytes(received).partition(b"\r\n\r\n")
            self.head = head
            body = bytearray(rest)
            while len(body) < self.take:
                body += self._piece(connection)
            self.body = bytes(body[: self.take])
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _piece(self, connection):
        piece = connection.recv(1 << 20)
        if not piece:
            raise ConnectionError(f"range {self.begin_at}-: closed early, head {self.head!r}")
        return piece


def expect_206(reader, content):
    expect(reader.head.startswith(b"HTTP/1.1 206"), f"range {reader.begin_at}-: {reader.head[:200]!r}")
    wanted = f"bytes {reader.begin_at}-{len(content) - 1}/{len(content)}"
    found = re.search(rb"(?i)content-range: ([^\r]*)", reader.head)
    expect(
        found and found.group(1).decode() == wanted,
        f"range {reader.begin_at}-: Content-Range {found and found.group(1)!r}, not {wanted}",
    )
    expect(
        reader.body == content[reader.begin_at : reader.begin_at + reader.take],
        f"range {reader.begin_at}-: wrong bytes",
    )


def main(world):
    hub = world.registry()
    image = images.single("ranges", [1000])
    hub.push("library/app", "1", image)
    content = images.noise("ranges", SIZE)
    digest = hub.push_blob("library/app", content)
    shaper = world.shaper(hub.address, RATE)
    breakwater = world.breakwater(upstream=shaper.url)

    ranged = http.get(
        breakwater.address, "/v2/library/app/manifests/1", {"Accept": images.ACCEPT, "Range": "bytes=0-"}
    )
    expect(
        ranged.status in (200, 206) and ranged.digest == image.top.digest,
        f"a manifest asked for with Range: bytes=0-: {ranged}",
    )

    path = f"/v2/library/app/blobs/{digest}"
    readers = [
        RangeReader(breakwater.address, path, number * SHARE, SHARE) for number in range(SIZE // SHARE)
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(120)
    for reader in readers:
        expect_206(reader, content)
    breakwater.wait_idle()
    asked = shaper.requests(digest, "GET")
    fill = [one for one in asked if one["complete"] and one["body_bytes"] == SIZE]
    sent = sum(one["body_bytes"] for one in asked)
    world.say(
        f"{len(readers)} ranges: upstream was asked {len(asked)} times and sent {sent / SIZE:.2f} times the"
        " blob"
    )
    expect(len(fill) == 1, f"not one transfer of the whole blob: {asked}")
    expect(
        sent == SIZE,
        (
            f"upstream sent {sent / SIZE:.2f} times the blob:"
            f" {[(one['range'], one['body_bytes']) for one in asked]}"
        ),
    )

    other = images.noise("resumed", SIZE)
    digest = hub.push_blob("library/app", other)
    first = RangeReader(breakwater.address, f"/v2/library/app/blobs/{digest}", 0, 5_000_000)
    first.start()
    first.join(60)
    resumed = http.get(breakwater.address, f"/v2/library/app/blobs/{digest}", {"Range": "bytes=5000000-"})
    expect(
        resumed.status == 206 and resumed.body == other[5_000_000:],
        f"a resume in a running fill: {resumed.status}, {len(resumed.body)} bytes",
    )
    expect(
        resumed.header("Content-Range") == f"bytes 5000000-{SIZE - 1}/{SIZE}",
        f"Content-Range: {resumed.header('Content-Range')}",
    )
    expect(
        shaper.body_bytes(digest) == SIZE, f"upstream sent {shaper.body_bytes(digest)} bytes for the resume"
    )
    breakwater.expect_nothing_left()
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
