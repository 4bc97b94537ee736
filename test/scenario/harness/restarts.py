"""What goes on while a Breakwater is restarted: clients that pull slowly, cause downloads, push, and connect
anew all the time. No request of theirs fails, and nobody waits for a second."""

import threading
import time

from . import honest, http, images
from .tools import finish_swarm, push_images, start_swarm
from .world import FULL, expect

SLOW_CLIENTS = 41
SLOW_RATE = 40_000
SLOW_BYTES = 4 * images.MEBI if FULL else images.MEBI
COLD_BLOBS = 3
COLD_CLIENTS = 3  # of each
COLD_BYTES = 32 * images.MEBI
GAP_MAX_S = 1.0
PULL_RATE = 300_000


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

    def end(self, what, pause_s, gap_max_s=GAP_MAX_S):
        """`pause_s`: for so long the machine itself paused."""
        self.going = False
        self.join()
        expect(not self.failures, f"{what}: {len(self.failures)} of {self.count}: {self.failures[:3]}")
        expect(
            self.longest_s < gap_max_s + pause_s,
            f"{what}: a client waited for {self.longest_s:.2f} s, and the machine paused for {pause_s:.2f} s",
        )


class Pusher(threading.Thread):
    """Four clients push images, one after the other."""

    def __init__(self, address, dialogue):
        super().__init__(daemon=True)
        self.address, self.dialogue, self.going, self.images, self.failure = (
            address,
            dialogue,
            True,
            0,
            None,
        )
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


class Upstream:
    """A registry behind a shaper, that has what is pulled."""

    def __init__(self, world):
        self.hub = world.registry()
        self.cold = [
            self.hub.push_blob("library/app", images.noise(f"cold-{number}", COLD_BYTES))
            for number in range(COLD_BLOBS)
        ]
        self.held = self.hub.push_blob("library/app", images.noise("held", SLOW_BYTES))
        self.shaper = world.shaper(self.hub.address)


class Load:
    """50 pullers and 8 pushers, of a mirror of `upstream` and of a registry, from now on. Each download goes
    on for `cold_s`."""

    def __init__(self, world, upstream, mirror, registry, metric, cold_s):
        self._world, self._upstream = world, upstream
        self._witness = honest.Witness(world.folder)
        http.get(mirror, f"/v2/library/app/blobs/{upstream.held}")
        upstream.shaper.rate(int(COLD_BYTES / cold_s))
        held = [f"/v2/library/app/blobs/{upstream.held}"]
        self._slow = start_swarm(
            mirror, held, clients=SLOW_CLIENTS, slow=SLOW_CLIENTS, slow_rate=SLOW_RATE, hash_every=10
        )
        self._cold = [
            start_swarm(mirror, [f"/v2/library/app/blobs/{digest}"], clients=COLD_CLIENTS, hash_every=1)
            for digest in upstream.cold
        ]
        self._probes = {"the mirror": Probe(mirror), "the registry": Probe(registry)}
        self._pushers = [Pusher(registry, dialogue) for dialogue in ("put", "patch")]
        world.wait_until(lambda: metric("breakwater_fills_running") == COLD_BLOBS, "the downloads run")

    def end(self, restarts, gap_max_s=GAP_MAX_S):
        """After so many restarts, in each of which new clients may wait for so long."""
        pause_s = self._witness.end()
        for what, probe in self._probes.items():
            longest_ms = probe.longest_s * 1000
            self._world.say(f"{what}: {probe.count} new clients, the longest waited {longest_ms:.0f} ms")
            probe.end(f"clients of {what} during {restarts} restarts", pause_s, gap_max_s)
        self._world.say(
            f"{restarts} restarts; the machine itself paused for {pause_s * 1000:.0f} ms at most"
        )
        self._world.say(f"{sum(4 * one.end() for one in self._pushers)} images pushed")
        expect_complete(finish_swarm(self._slow), [self._upstream.held], "a slow client")
        for child, digest in zip(self._cold, self._upstream.cold):
            expect_complete(finish_swarm(child), [digest], "a client of a download")
        fetched = self._upstream.shaper.body_bytes("/blobs/") - SLOW_BYTES
        wanted = COLD_BLOBS * COLD_BYTES
        self._world.say(f"{fetched / images.MEBI:.1f} MiB fetched of {wanted / images.MEBI:.0f}")
        expect(fetched < wanted * 1.2, f"downloads did not go on where they were: {fetched} bytes")


def pulling(world, upstream, mirror, metric):
    """A client in the middle of a layer that the mirror, the route "dockerhub", has: for ended()."""
    client = start_swarm(
        mirror,
        [f"/v2/library/app/blobs/{upstream.held}"],
        clients=1,
        slow=1,
        slow_rate=PULL_RATE,
        hash_every=1,
    )
    world.wait_until(lambda: metric("breakwater_requests_running", route="dockerhub") == 1, "a client pulls")
    return client


def ended(client, upstream, what):
    """The client of pulling() comes to its end, and has all of the layer."""
    expect_complete(finish_swarm(client), [upstream.held], what)


def expect_complete(report, digests, what):
    """Of finish_swarm(): every client has all of them."""
    wanted = [digest.partition(":")[2] for digest in digests]
    for client in report["clients"]:
        expect(client["end"] == "complete", f"{what}: {client}")
        expect(client["sha256"] in (None, [], wanted), f"{what}: {client}, not {wanted}")
