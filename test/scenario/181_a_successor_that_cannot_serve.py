"""A new process that was to take the place of the one that serves, and cannot: it says why, and the old one
goes on at once, with all its clients."""

import json
import socket

from harness import expect, images, scenario
from harness.breakwater import BINARY, mirror_route, private_route
from harness.honest import Witness
from harness.restarts import Probe
from harness.tools import finish_swarm, start_swarm

BYTES = 8 * images.MEBI
RATE = 1_000_000
FEW_DESCRIPTORS = 64


def fail(world, breakwater, why, config=None, prefix=(), timeout_s=20):
    """A successor with this configuration, run by `prefix`, ends and says `why`."""
    file = world.fresh_folder("successor") / "breakwater.json"
    file.write_text(json.dumps(config or breakwater.config))
    arguments = [*prefix, BINARY, "serve", "--config", file, "--take-over"]
    successor = world.start("successor", arguments)
    status = successor.wait(timeout_s)
    expect(status != 0, f"a successor that was to fail by {why!r} ended with 0")
    expect(why in successor.text(), f"a successor does not say {why!r}, but: {successor.tail()}")
    expect(breakwater.process.running(), f"after a successor that failed by {why!r} nobody serves")


def main(world):
    hub = world.registry()
    digest = hub.push_blob("library/app", images.noise("successor", BYTES))
    shaper = world.shaper(hub.address, RATE)
    # By these, the next successor knows that somebody serves who has just begun anew and does not answer yet.
    first, second = ([f"127.0.0.1:{world.free_port()}"] for _ in range(2))
    mirror = mirror_route("dockerhub", "docker.io", shaper.url, listen=first)
    breakwater = world.breakwater(routes=[mirror, private_route(listen=second)])
    good = breakwater.config
    clients = start_swarm(
        breakwater.addresses["dockerhub"], [f"/v2/library/app/blobs/{digest}"], clients=3, hash_every=1
    )
    probe, witness = Probe(breakwater.addresses["private"]), Witness(world.folder)
    world.wait_until(lambda: breakwater.metric("breakwater_fill_followers") == 3, "a download runs")

    fail(world, breakwater, "bytes_max: ", {**good, "bytes_max": "much"})
    secret = {**mirror["mirror"], "username": "me", "password_file": "/nowhere/secret"}
    fail(world, breakwater, "/nowhere/secret", {**good, "routes": [{**mirror, "mirror": secret}]})
    expect(breakwater.process.text().count("handing_over") == 0, "it let go for a mistake in a file")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        routes = [*good["routes"], private_route("late", listen=[address])]
        fail(world, breakwater, f"route late: listen on {address}", {**good, "routes": routes})
    few = ["prlimit", f"--nofile={FEW_DESCRIPTORS}:{FEW_DESCRIPTORS}"]
    fail(world, breakwater, f"may open {FEW_DESCRIPTORS} files", prefix=few)
    world.wait_until(
        lambda: breakwater.process.text().count('"event":"not_handed_over"') == 2, "both failures are told"
    )

    probe.end("clients during successors that cannot serve", witness.end())
    world.say(f"{probe.count} new clients, the longest waited {probe.longest_s * 1000:.0f} ms")
    for client in finish_swarm(clients)["clients"]:
        whole = client["end"] == "complete" and client["sha256"] == [digest.partition(":")[2]]
        expect(whole, f"a client during successors that cannot serve: {client}")
    expect(shaper.body_bytes(digest) < BYTES * 1.2, "the download did not go on where it was")
    breakwater.take_over()
    breakwater.expect_nothing_left()
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
