"""50 clients ask at once for one cold layer of 256 MiB: one download, and everybody streams."""

from harness import crowds, expect, expect_at_most, images, scenario
from harness.tools import swarm


def main(world):
    hub = world.registry()
    size = 256 * images.MEBI
    alone = hub.push_blob("library/app", images.noise("alone", size))
    together = hub.push_blob("library/app", images.noise("together", size))
    beside = hub.push_blob("library/app", images.noise("beside", size))
    shaper = world.shaper(hub.address, crowds.RATE)
    breakwater = world.breakwater(upstream=shaper.url)

    one = swarm(world, breakwater.address, [f"/v2/library/app/blobs/{alone}"])
    crowds.expect_complete(one, size, "alone")
    alone_s = crowds.end_s(one)
    world.say(f"{'breakwater, one client':34} {alone_s:.2f} s")

    paths = [f"/v2/library/app/blobs/{together}"]
    cpu_s = breakwater.process.cpu_s()
    report = swarm(world, breakwater.address, paths, clients=crowds.CLIENTS, hash_every=17)
    sent = shaper.body_bytes(together) / size
    crowds.say_row(world, "breakwater", sent, alone_s, report)
    world.say(f"{'':34} CPU {breakwater.process.cpu_s() - cpu_s:.2f} s, peak RSS {breakwater.process.rss_peak_bytes() / images.MEBI:.0f} MiB")
    crowds.nginx_beside(world, hub, [f"/v2/library/app/blobs/{beside}"], size, alone_s)

    crowds.expect_complete(report, size, "the crowd")
    crowds.expect_hashes(report, paths, "the crowd")
    expect(sent == 1.0, f"upstream sent {sent:.4f} times the layer")
    expect_at_most(crowds.spread_s(report), 0.1, "seconds from the first client's first byte to the last one's")
    expect_at_most(crowds.end_s(report), 1.1 * alone_s, "seconds to the end of the last client")
    followers = [line for line in breakwater.wait_access_lines(crowds.CLIENTS, together) if line["cache"] == "follow"]
    expect(len(followers) >= crowds.CLIENTS - 1, f"only {len(followers)} clients are logged as followers")
    breakwater.expect_nothing_left()
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
