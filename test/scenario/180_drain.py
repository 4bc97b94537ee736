"""SIGTERM: nobody new is let in, what runs is finished, partial files are kept, and the exit status is 0."""

import time

from harness import expect, http, images, scenario
from harness.tools import finish_swarm, start_swarm

SIZE = 64 * images.MEBI
RATE = 20_000_000


def served(breakwater):
    return breakwater.metric("breakwater_fill_followers")


def main(world):
    hub = world.registry()
    digests = [hub.push_blob("library/app", images.noise(f"drain-{number}", SIZE)) for number in range(2)]
    shaper = world.shaper(hub.address, RATE)
    breakwater = world.breakwater(upstream=shaper.url)

    client = start_swarm(breakwater.address, [f"/v2/library/app/blobs/{digests[0]}"], clients=3, hash_every=1)
    world.wait_until(lambda: served(breakwater) == 3, "a fill runs, and all are at it")
    breakwater.process.terminate()
    breakwater.wait_event(lambda event: event.get("event") == "draining", "it drains")
    try:
        reply = http.get(breakwater.address, "/v2/", timeout_s=2)
        expect(False, f"a new client was let in while draining: {reply}")
    except OSError:
        pass
    report = finish_swarm(client)
    for one in report["clients"]:
        expect(
            one["end"] == "complete" and one["sha256"] == [digests[0].partition(":")[2]],
            f"a client that was being served when SIGTERM came: {one}",
        )
    breakwater.wait_stopped()

    begin = time.monotonic()
    breakwater.start()
    breakwater.stop()
    expect(
        time.monotonic() - begin < 5,
        f"starting and stopping with nothing to do took {time.monotonic() - begin:.1f} s",
    )

    # What cannot be finished in time is cut off; its partial file is kept and resumed.
    breakwater.config["drain_timeout"] = "1s"
    breakwater.start()
    client = start_swarm(breakwater.address, [f"/v2/library/app/blobs/{digests[1]}"])
    world.wait_until(
        lambda: breakwater.partials() and breakwater.partials()[0].stat().st_size > 2 * images.MEBI,
        "a partial file grows",
    )
    begin = time.monotonic()
    breakwater.stop()
    expect(time.monotonic() - begin < 4, f"a drain of 1 s took {time.monotonic() - begin:.1f} s")
    expect(
        finish_swarm(client)["clients"][0]["end"] == "cut", "the client of an unfinished fill was not cut off"
    )
    kept = sum(one.stat().st_size for one in breakwater.partials())
    expect(kept > 0, "the partial file was not kept")
    breakwater.start()
    shaper.reset()
    shaper.rate(0)
    reply = http.get(breakwater.address, f"/v2/library/app/blobs/{digests[1]}")
    expect(reply.digest == digests[1], "the resumed blob is not right")
    expect(
        shaper.body_bytes(digests[1]) <= SIZE - kept,
        f"{kept} bytes were kept, and {shaper.body_bytes(digests[1])} of {SIZE} fetched",
    )
    breakwater.expect_nothing_left()
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
