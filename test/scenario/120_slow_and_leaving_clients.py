"""A client that reads 1 MB/s, one that leaves at 10 % and a fill that nobody reads any more change nothing
for the others."""

from harness import crowds, expect, expect_at_most, images, scenario
from harness.tools import finish_swarm, start_swarm, swarm

SIZE = 128 * images.MEBI


def main(world):
    world.measure()
    hub = world.registry()
    digests = {
        name: hub.push_blob("library/app", images.noise(name, SIZE))
        for name in ("alone", "mixed", "deserted")
    }
    paths = {name: [f"/v2/library/app/blobs/{digest}"] for name, digest in digests.items()}
    shaper = world.shaper(hub.address, crowds.RATE)
    breakwater = world.breakwater(upstream=shaper.url)
    alone_s = crowds.end_s(swarm(world, breakwater.address, paths["alone"]))

    # The slow one and the one that leaves come first, so that the slow one began the fill.
    slow = start_swarm(breakwater.address, paths["mixed"], slow=1, slow_rate=1_000_000, timeout=12)
    world.wait_until(
        lambda: breakwater.metric("breakwater_fills_running") == 1, "the fill of the slow client runs"
    )
    report = swarm(world, breakwater.address, paths["mixed"], clients=10, leave=1, leave_at=0.1, hash_every=5)
    leaver, others = report["clients"][0], report["clients"][1:]
    expect(leaver["end"] == "left", f"the leaving client: {leaver}")
    crowds.expect_complete({"clients": others}, SIZE, "beside a slow and a leaving client")
    crowds.expect_hashes({"clients": others}, paths["mixed"], "beside a slow and a leaving client")
    world.say(f"alone {alone_s:.2f} s; beside a slow and a leaving client {crowds.end_s(report):.2f} s")
    # One client that waited for the slow one would need a hundred seconds more.
    expect_at_most(crowds.end_s(report), 1.5 * alone_s, "seconds beside a slow and a leaving client")
    expect(
        shaper.body_bytes(digests["mixed"]) == SIZE,
        f"upstream sent {shaper.body_bytes(digests['mixed'])} bytes of {SIZE}",
    )
    slow_client = finish_swarm(slow)["clients"][0]
    expect(
        slow_client["end"] == "running" and slow_client["bytes"] > 5_000_000,
        f"the slow client: {slow_client}",
    )

    left = swarm(world, breakwater.address, paths["deserted"], clients=3, leave=3, leave_at=0.1)
    expect(all(client["end"] == "left" for client in left["clients"]), f"all leave: {left}")
    breakwater.wait_idle()
    shaper.refuse()
    held = swarm(world, breakwater.address, paths["deserted"], hash_every=1)
    crowds.expect_complete(held, SIZE, "the fill that nobody read any more")
    crowds.expect_hashes(held, paths["deserted"], "the fill that nobody read any more")
    expect(
        shaper.body_bytes(digests["deserted"]) == SIZE,
        f"upstream sent {shaper.body_bytes(digests['deserted'])} bytes of the deserted blob, not {SIZE}",
    )
    breakwater.expect_nothing_left()
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
