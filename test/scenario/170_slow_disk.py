"""While cold blobs are read from a disk that needs 20 ms for a read, a warm manifest is answered within 10 ms
at p99."""

from harness import disks, expect, expect_at_most, http, images, scenario
from harness.tools import finish_swarm, start_swarm

MEBI = images.MEBI
READS_PER_SECOND = 50
SECONDS = 8


def main(world):
    world.measure()
    disk = disks.SmallDisk(world, 700 * MEBI)
    slow = disks.SlowReads(world, disk.device, READS_PER_SECOND)
    hub = world.registry()
    image = images.single("warm", [1000])
    hub.push("library/app", "1", image)
    digests = [hub.push_blob("library/app", images.noise(f"cold-{number}", 64 * MEBI)) for number in range(6)]
    breakwater = world.breakwater(upstream=hub.url, data=disk.path / "data", prefix=slow.prefix)
    manifest = f"/v2/library/app/manifests/{image.top.digest}"
    expect(http.get(breakwater.address, manifest).status == 200, "the manifest")
    for digest in digests:
        expect(http.get(breakwater.address, f"/v2/library/app/blobs/{digest}").status == 200, "a blob")
    breakwater.stop()
    disk.forget_cached()
    breakwater.start()
    expect(http.get(breakwater.address, manifest).status == 200, "the manifest once more")

    alone = finish_swarm(start_swarm(breakwater.address, [manifest], clients=4, seconds=2))
    disk.forget_cached()
    readers = [
        start_swarm(breakwater.address, [f"/v2/library/app/blobs/{digest}"], clients=2, timeout=SECONDS + 2)
        for digest in digests
    ]
    beside = finish_swarm(start_swarm(breakwater.address, [manifest], clients=4, seconds=SECONDS))
    ended = [client for reader in readers for client in finish_swarm(reader)["clients"]]
    read = sum(client["bytes"] for client in ended)
    world.say(
        f"warm manifest: p99 {alone['p99_s'] * 1000:.2f} ms alone; beside {len(ended)} cold readers p50"
        f" {beside['p50_s'] * 1000:.2f}, p99 {beside['p99_s'] * 1000:.2f}, max"
        f" {beside['max_s'] * 1000:.1f} ms; they got {read / MEBI:.0f} MiB;"
        f" {sum(client['end'] == 'complete' for client in ended)} were done"
    )
    expect(read > 0, "the cold readers got nothing")
    expect(
        not all(client["end_s"] >= 0 and client["end_s"] < 0.5 for client in ended),
        "the disk was not slow: all cold blobs were there at once",
    )
    expect(beside["bad_replies"] == 0 and beside["broken_clients"] == 0, f"warm manifests failed: {beside}")
    expect_at_most(beside["p99_s"], 0.010, "seconds for a warm manifest at p99, beside cold reads")
    breakwater.kill()


if __name__ == "__main__":
    scenario(main)
