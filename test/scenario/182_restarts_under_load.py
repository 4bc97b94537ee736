"""A new process takes the place of the old one, again and again, while clients pull slowly, push, and cause
downloads: no request fails, nobody who connects waits for a second, and what was begun goes on where it was.
"""

import threading
import time

from harness import expect, http, images, scenario
from harness.breakwater import mirror_route, private_route
from harness.tools import finish_swarm, push_images, start_swarm
from harness.world import FULL

RESTARTS = 20 if FULL else 3
APART_S = 1.5
SLOW_RATE = 40_000
SLOW_BYTES = 4 * images.MEBI if FULL else images.MEBI
COLD_BYTES = 32 * images.MEBI
COLD_RATE = COLD_BYTES // (RESTARTS + 1)  # bytes a second: a restart comes in each
GAP_MAX_S = 1.0


class Probe(threading.Thread):
    """Connects anew all the time, as clients that come during a restart do."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address, self.longest_s, self.failures, self.count, self.going = address, 0, [], 0, True
        self.start()

    def run(self):
        while self.going:
            begin = time.monotonic()
            try:
                reply = http.get(self.address, "/v2/", timeout_s=10)
                if reply.status != 200:
                    self.failures.append(str(reply))
            except OSError as error:
                self.failures.append(repr(error))
            self.longest_s = max(self.longest_s, time.monotonic() - begin)
            self.count += 1
            time.sleep(0.01)

    def end(self, what):
        self.going = False
        self.join()
        expect(not self.failures, f"{what}: {len(self.failures)} of {self.count}: {self.failures[:3]}")
        expect(self.longest_s < GAP_MAX_S, f"{what}: a client waited for {self.longest_s:.2f} s")


class Pusher(threading.Thread):
    """Four clients push images, one after the other."""

    def __init__(self, address, dialogue):
        super().__init__(daemon=True)
        self.address, self.dialogue, self.going, self.images, self.failure = address, dialogue, True, 0, None
        self.start()

    def run(self):
        while self.going:
            self.images += 1
            try:
                push_images(
                    self.address,
                    clients=4,
                    bytes=16 * images.MEBI,
                    dialogue=self.dialogue,
                    repository=f"{self.dialogue}/{self.images}",
                    seed=self.images + (1000 if self.dialogue == "put" else 2000),
                )
            except Exception as error:
                self.failure = error
                return

    def end(self):
        self.going = False
        self.join()
        if self.failure:
            raise self.failure
        return self.images


def expect_complete(report, digests, what):
    wanted = [digest.partition(":")[2] for digest in digests]
    for client in report["clients"]:
        expect(client["end"] == "complete", f"{what}: {client}")
        expect(client["sha256"] in (None, [], wanted), f"{what}: {client}, not {wanted}")


def main(world):
    hub = world.registry()
    cold = [hub.push_blob("library/app", images.noise(f"cold-{number}", COLD_BYTES)) for number in range(3)]
    held = hub.push_blob("library/app", images.noise("held", SLOW_BYTES))
    shaper = world.shaper(hub.address)
    breakwater = world.breakwater(
        routes=[mirror_route("dockerhub", "docker.io", shaper.url), private_route()],
        settings={"log": {"level": "info", "format": "json"}},
    )
    mirror, registry = breakwater.addresses["dockerhub"], breakwater.addresses["private"]
    http.get(mirror, f"/v2/library/app/blobs/{held}")
    shaper.rate(COLD_RATE)

    pulls = [
        start_swarm(
            mirror,
            [f"/v2/library/app/blobs/{held}"],
            clients=41,
            slow=41,
            slow_rate=SLOW_RATE,
            hash_every=10,
        )
    ]
    pulls += [
        start_swarm(mirror, [f"/v2/library/app/blobs/{digest}"], clients=3, hash_every=1) for digest in cold
    ]
    probes = [Probe(mirror), Probe(registry)]
    pushers = [Pusher(registry, dialogue) for dialogue in ("put", "patch")]
    world.wait_until(lambda: breakwater.metric("breakwater_fills_running") == 3, "three downloads run")
    for _ in range(RESTARTS):
        time.sleep(APART_S)
        breakwater.take_over()
    for probe, what in zip(probes, ("the mirror", "the registry")):
        probe.end(f"clients of {what} during {RESTARTS} restarts")
        world.say(f"{what}: {probe.count} new clients, the longest waited {probe.longest_s * 1000:.0f} ms")
    world.say(f"{sum(4 * one.end() for one in pushers)} images pushed")
    expect_complete(finish_swarm(pulls[0]), [held], "a slow client")
    for child, digest in zip(pulls[1:], cold):
        expect_complete(finish_swarm(child), [digest], "a client of a download")
    fetched = shaper.body_bytes("/blobs/") - SLOW_BYTES
    world.say(f"{fetched / images.MEBI:.1f} MiB fetched of {3 * COLD_BYTES / images.MEBI:.0f}")
    expect(fetched < 3 * COLD_BYTES * 1.2, f"downloads did not go on where they were: {fetched} bytes")
    breakwater.expect_nothing_left()
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
