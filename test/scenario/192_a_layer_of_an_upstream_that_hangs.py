"""200 clients ask for 20 layers that three registries share, and one of them hangs: each layer comes from
upstream once, and nobody waits for the one that hangs for longer than 5 s and the transfer."""

import concurrent.futures
import json

from harness import expect, expect_at_most, http, images, scenario
from harness.breakwater import mirror_route

CLIENTS = 200
LAYERS = 20
SIZE = 2 * images.MEBI
STAND_BY_S = 5
TRANSFER_S = 6  # of 20 layers to 200 clients in Python, on a busy machine
REPOSITORY = "library/app"


def pull(address, digest):
    reply = http.get(address, f"/v2/{REPOSITORY}/blobs/{digest}")
    return digest, reply


def main(world):
    hub = world.registry()
    image = images.single("shared", [SIZE] * LAYERS)
    hub.push(REPOSITORY, "1", image)
    layers = [one["digest"] for one in json.loads(image.top.bytes)["layers"]]
    shapers = {name: world.shaper(hub.address) for name in ("hangs", "well", "also-well")}
    breakwater = world.breakwater(
        routes=[mirror_route(name, f"{name}.example", shaper.url) for name, shaper in shapers.items()]
    )
    for name in shapers:  # so that each knows its image
        manifest = f"/v2/{REPOSITORY}/manifests/1"
        reply = http.get(breakwater.addresses[name], manifest, {"Accept": images.ACCEPT})
        expect(reply.status == 200, f"{name}: {reply}")
    shapers["hangs"].blackhole()

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        pulls = [pool.submit(pull, breakwater.addresses["hangs"], digest) for digest in layers]
        # The one that hangs is the first source of all of them.
        world.wait_until(
            lambda: breakwater.metric("breakwater_fills_running") == LAYERS, "all layers are asked for"
        )
        names = list(shapers)
        for number in range(CLIENTS - LAYERS):
            address = breakwater.addresses[names[number % len(names)]]
            pulls.append(pool.submit(pull, address, layers[number % LAYERS]))
        done = [one.result() for one in pulls]

    for digest, reply in done:
        expect(reply.status == 200 and not reply.cut and reply.digest == digest, f"{digest}: {reply.status}")
    slowest = max(reply.seconds for _, reply in done)
    world.say(f"{len(done)} clients: the slowest had its layer after {slowest:.2f} s")
    expect_at_most(slowest, STAND_BY_S + TRANSFER_S, "seconds for the slowest client")
    breakwater.wait_idle()
    for digest in layers:
        asked = [one for shaper in shapers.values() for one in shaper.requests(digest, "GET")]
        sent = sum(one["body_bytes"] for one in asked)
        size = len(image.blobs[digest])
        expect(sent == size, f"upstream sent {sent} bytes of {digest}, which has {size}: {asked}")
    breakwater.expect_nothing_left()
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
