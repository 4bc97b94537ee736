"""50 clients pull one cold image whole, at once: each manifest and each blob is fetched once."""

from harness import crowds, expect, expect_at_most, images, scenario
from harness.tools import swarm

ACCEPT = f"Accept: {images.ACCEPT}"
LAYER_BYTES = 32 * images.MEBI


def size_of(image):
    digests = {path.rpartition("/")[2] for path in image.paths("library/app")}
    return sum(len(content) for digest, content in image.blobs.items() if digest in digests) + sum(len(one.bytes) for one in image.manifests if one.digest in digests)


def main(world):
    hub = world.registry()
    made = {tag: images.multi_platform(tag, LAYER_BYTES) for tag in ("alone", "together", "beside")}
    for tag, image in made.items():
        hub.push("library/app", tag, image)
    shaper = world.shaper(hub.address, crowds.RATE)
    breakwater = world.breakwater(upstream=shaper.url)

    one = swarm(world, breakwater.address, made["alone"].paths("library/app", "alone"), headers=[ACCEPT])
    alone_s = crowds.end_s(one)
    world.say(f"{'breakwater, one client':34} {alone_s:.2f} s")

    image = made["together"]
    paths = image.paths("library/app", "together")
    shaper.reset()
    report = swarm(world, breakwater.address, paths, clients=crowds.CLIENTS, hash_every=17, headers=[ACCEPT])
    size = size_of(image)
    sent = sum(one["body_bytes"] for one in shaper.requests("/v2/library/app/"))
    crowds.say_row(world, "breakwater", sent / size, alone_s, report)
    crowds.nginx_beside(world, hub, made["beside"].paths("library/app", "beside"), size_of(made["beside"]), alone_s, [ACCEPT])

    crowds.expect_complete(report, size + len(image.top.bytes), "the crowd")  # the index by its tag and by its digest
    crowds.expect_hashes(report, paths, "the crowd")
    asked = [request["target"] for request in shaper.requests("/v2/library/app/", "GET")]
    expect(len(asked) == len(set(asked)), f"upstream was asked twice for one thing: {sorted(asked)}")
    expect(sent <= size + len(image.top.bytes), f"upstream sent {sent} bytes for an image of {size}")
    expect_at_most(crowds.end_s(report), 1.1 * alone_s, "seconds to the end of the last client")
    expect_at_most(crowds.spread_s(report), 0.1, "seconds from the first client's first byte to the last one's")
    breakwater.expect_nothing_left()
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
