"""30 fills start when the bound is reached, on a small file system: never past the bound, no ENOSPC to a
client, and the accounting is what du says."""

import threading
import time

from harness import bounds, disks, expect, http, images, scenario
from harness.tools import swarm

MEBI = images.MEBI
DISK = 200 * MEBI
BOUND = 96 * MEBI
BLOB = 6 * MEBI + 777
FILLS = 30


class Watch(threading.Thread):
    """Looks at what is taken as often as it can, and keeps the most."""

    def __init__(self, data):
        super().__init__(daemon=True)
        self.data, self.most, self.ended = data, 0, False

    def run(self):
        while not self.ended:
            self.most = max(self.most, bounds.content_bytes(self.data) + bounds.du(self.data / "catalog"))
            time.sleep(0.02)


def accounted(breakwater):
    return breakwater.metric("breakwater_store_bytes", route="dockerhub")


def bytes_of_files(folder):
    """In whole blocks of content: a file in many pieces takes a block more for their list, which no account
    can know."""
    return sum(bounds.on_disk(one.stat().st_size) for one in folder.rglob("*") if one.is_file())


def crowd(world, breakwater, digests):
    children = [
        threading.Thread(
            target=lambda digest=digest: replies.append(
                http.get(breakwater.address, f"/v2/library/app/blobs/{digest}")
            )
        )
        for digest in digests
    ]
    replies = []
    for child in children:
        child.start()
    for child in children:
        child.join(120)
    for reply in replies:
        expect(
            reply.status == 200 and not reply.cut and reply.digest in digests,
            (
                f"a client of a full store got {reply.status}, {len(reply.body)} bytes, cut: {reply.cut},"
                f" {reply.body[:200]!r}"
            ),
        )
    expect(len(replies) == len(digests), f"{len(replies)} replies for {len(digests)} requests")


def main(world):
    disk = disks.SmallDisk(world, DISK)
    hub = world.registry()
    blobs = [images.noise(f"full-{number}", BLOB) for number in range(2 * FILLS + 16)]
    digests = [hub.push_blob("library/app", blob) for blob in blobs]
    shaper = world.shaper(hub.address, 80_000_000)
    data = disk.path / "data"
    breakwater = world.breakwater(
        upstream=shaper.url, data=data, settings={"bytes_max": f"{BOUND // MEBI}MiB"}
    )
    watch = Watch(data)
    watch.start()

    for digest in digests[:16]:  # up to the bound
        expect(http.get(breakwater.address, f"/v2/library/app/blobs/{digest}").status == 200, "filling up")
    world.say(f"filled up: {bounds.du(data) / MEBI:.1f} of {BOUND / MEBI:.0f} MiB")
    crowd(world, breakwater, digests[16 : 16 + FILLS])
    crowd(world, breakwater, digests[16 + FILLS :])
    breakwater.wait_idle()
    watch.ended = True
    watch.join()

    world.say(
        f"most on disk at any time: {watch.most / MEBI:.1f} of {BOUND / MEBI:.0f} MiB; free on the disk now"
        f" {disk.free_bytes() / MEBI:.0f} MiB"
    )
    expect(watch.most <= BOUND, f"{watch.most} bytes were on the disk, {watch.most - BOUND} past the bound")
    blob_bytes = bytes_of_files(data / "blobs") + bytes_of_files(data / "incoming")
    expect(
        accounted(breakwater) == blob_bytes,
        f"accounted {accounted(breakwater):.0f} bytes, the files take {blob_bytes}",
    )
    expect(breakwater.metric("breakwater_fills_running") == 0, "fills still run")
    expect("No space left" not in breakwater.process.text(), "the disk said ENOSPC")

    breakwater.stop()
    breakwater.start()
    expect(
        accounted(breakwater) == blob_bytes,
        f"after a restart {accounted(breakwater):.0f} bytes are accounted, the files take {blob_bytes}",
    )

    disk_really_full(world, disk, hub, breakwater)
    breakwater.stop()


def disk_really_full(world, disk, hub, breakwater):
    """Somebody else filled the disk: clients are served straight from upstream, unstored."""
    hog = disk.path / "hog"
    with open(hog, "wb") as file:
        try:
            while True:
                file.write(b"x" * MEBI)
                file.flush()
        except OSError:
            pass
    content = images.noise("no-room", 24 * MEBI)
    digest = hub.push_blob("library/app", content)
    report = swarm(
        world, breakwater.address, [f"/v2/library/app/blobs/{digest}"], clients=3, hash_every=1, timeout_s=60
    )
    for client in report["clients"]:
        expect(
            client["end"] == "complete" and client["sha256"] == [digest.partition(":")[2]],
            f"with the disk full a client got {client}",
        )
    hog.unlink()


if __name__ == "__main__":
    scenario(main)
