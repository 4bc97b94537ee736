"""SIGHUP changes the configuration under clients that pull and push, and no client notices; a mistake changes
nothing and is told."""

import fcntl
import socket
import threading
import time

from harness import expect, http, images, scenario
from harness.breakwater import mirror_route, private_route
from harness.tools import finish_swarm, start_swarm

BYTES = 4 * images.MEBI
RATE = 2_000_000


def not_reloaded(breakwater, why):
    """It tells why, and serves as before."""
    address, events = breakwater.addresses["private"], len(breakwater.events())
    expect(not breakwater.reload(), f"a reload with {why!r} succeeded")
    told = [event for event in breakwater.events()[events:] if event.get("event") == "not_reloaded"]
    expect(told and why in told[0]["reason"], f"no reason that has {why!r}: {told}")
    expect(http.get(address, "/v2/").status == 200, f"after a reload that failed by {why!r} nobody is served")


class Verb(threading.Thread):
    """Has the folder for a moment as soon as nobody else has it, as `breakwater why` may."""

    def __init__(self, data):
        super().__init__(daemon=True)
        self._lock = open(data / "lock")
        self._ended, self._had_it = threading.Event(), False
        self.start()

    def run(self):
        with self._lock:
            while not self._had_it and not self._ended.wait(0.001):
                try:
                    fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self._had_it = True
                except BlockingIOError:
                    pass
            if self._had_it:
                time.sleep(0.3)

    def end(self):
        """Whether it came in between: the server has the folder again in some 20 ms."""
        self._ended.set()
        self.join()
        return self._had_it


def main(world):
    hub = world.registry()
    digest = hub.push_blob("library/app", images.noise("reload", BYTES))
    shaper = world.shaper(hub.address, RATE)
    mirror = mirror_route("dockerhub", "docker.io", shaper.url)
    breakwater = world.breakwater(routes=[mirror, private_route()])
    addresses = dict(breakwater.addresses)

    path = f"/v2/library/app/blobs/{digest}"
    mirrored = addresses["dockerhub"]
    clients = start_swarm(mirrored, [path], clients=5, slow=1, slow_rate=1_000_000, hash_every=1)
    world.wait_until(lambda: breakwater.metric("breakwater_fill_followers") == 5, "a download runs")
    breakwater.config["routes"].append(private_route("more"))
    breakwater.config["log"]["level"] = "debug"
    breakwater.config["workers"] = 3
    begun = time.monotonic()
    expect(breakwater.reload(), "a reload failed")
    world.say(f"reloaded in {time.monotonic() - begun:.2f} s")
    expect(
        {name: breakwater.addresses[name] for name in addresses} == addresses,
        f"after a reload it listens on {breakwater.addresses}, not {addresses}",
    )
    changes = [event["what"] for event in breakwater.events() if event.get("event") == "changed"]
    expect(
        changes == ['log.level: "info" -> "debug"', "routes[more]: added", "workers: not set -> 3"],
        f"what has changed is told as {changes}",
    )
    status = http.get(breakwater.addresses["more"], "/v2/").status
    expect(status == 200, f"a route that was added answers {status}")

    for _ in range(10):
        verb = Verb(breakwater.data)
        expect(breakwater.reload(), "a reload failed while somebody else had the folder for a moment")
        if verb.end():
            break
    else:
        expect(False, "in ten reloads nobody else had the folder")

    # Mistakes, while clients are still at it.
    good = breakwater.config
    breakwater.config = {**good, "bytes_max": "much"}
    not_reloaded(breakwater, "bytes_max")
    secret = {**mirror["mirror"], "username": "me", "password_file": "/nowhere/secret"}
    breakwater.config = {**good, "routes": [{**mirror, "mirror": secret}, *good["routes"][1:]]}
    not_reloaded(breakwater, "/nowhere/secret")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        breakwater.config = {
            **good,
            "routes": [*good["routes"], private_route("late", listen=[f"127.0.0.1:{port}"])],
        }
        not_reloaded(breakwater, f"127.0.0.1:{port}")
    breakwater.config = {**good, "routes": good["routes"][:2]}
    expect(breakwater.reload(), "a reload that removes a route failed")
    try:
        reply = http.get(breakwater.addresses["more"], "/v2/", timeout_s=2)
        expect(False, f"a route that was removed answers: {reply}")
    except OSError:
        pass
    for client in finish_swarm(clients)["clients"]:
        expect(
            client["end"] == "complete" and client["sha256"] == [digest.partition(":")[2]],
            f"a client during reloads: {client}",
        )
    expect(shaper.body_bytes(digest) < BYTES * 1.2, "the download did not go on where it was")
    breakwater.expect_nothing_left()
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
