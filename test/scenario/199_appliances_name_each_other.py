"""Two appliances have each other as their first upstream and the registry as their second: clients of both
pull the same images at the same time, nothing goes in a circle or waits for it, and everything comes from the
registry once. What one has the other serves when the registry is gone; one alone goes on."""

import concurrent.futures
import json

from harness import expect, expect_at_most, http, images, scenario
from harness.breakwater import mirror_route

IMAGES = 12
LAYERS = 3
CLIENTS = 4  # of each appliance, for each image
SLOWEST_S = 4  # an upstream that is silent is given up after 5 s: nobody has waited for that


def pull(address, repository):
    """The image's blobs by digest, and the longest that a request took."""
    accept = {"Accept": images.ACCEPT}
    manifest = http.get(address, f"/v2/{repository}/manifests/1", accept)
    expect(manifest.status == 200, f"{repository} of {address}: {manifest}")
    parsed = json.loads(manifest.body)
    slowest = manifest.seconds
    for digest in [parsed["config"]["digest"], *(layer["digest"] for layer in parsed["layers"])]:
        blob = http.get(address, f"/v2/{repository}/blobs/{digest}")
        expect(blob.status == 200 and blob.digest == digest, f"{digest} of {address}: {blob.status}")
        slowest = max(slowest, blob.seconds)
    return slowest


def expect_once(shaper, repository, image):
    for digest in image.blobs:
        asked = [one for one in shaper.requests(digest, "GET") if one["status"] == 200]
        expect(len(asked) <= 1, f"{digest} of {repository} came more than once: {asked}")
    tags = [one for one in shaper.requests(f"/v2/{repository}/manifests/1", "GET") if one["status"] == 200]
    expect(len(tags) == 1, f"the manifest of {repository} came {len(tags)} times: {tags}")


def main(world):
    hub = world.registry()
    shaper = world.shaper(hub.address)
    sizes = [64 * 1024] * LAYERS
    pushed = {f"team/app-{number}": images.single(f"{number}", sizes) for number in range(IMAGES)}
    for repository, image in pushed.items():
        hub.push(repository, "1", image)
    ports = [world.free_port() for _ in range(2)]
    appliances = []
    for own, other in (ports, reversed(ports)):
        upstreams = [f"http://127.0.0.1:{other}", shaper.url]
        route = mirror_route("hub", "hub.example", upstreams, listen=[f"127.0.0.1:{own}"])
        appliances.append(world.breakwater(routes=[route]))
    addresses = [one.address for one in appliances]

    slowest = 0
    names = list(pushed)
    alone = names.pop()  # of one of them only
    with concurrent.futures.ThreadPoolExecutor(2 * CLIENTS * len(names)) as pool:
        for some in (names[:1], names[1:]):  # first while they do not know each other yet
            pulls = [
                pool.submit(pull, address, repository)
                for repository in some
                for _ in range(CLIENTS)
                for address in addresses
            ]
            slowest = max([slowest, *(one.result() for one in pulls)])
    pull(addresses[0], alone)
    world.say(f"the slowest request took {slowest:.2f} s")
    expect_at_most(slowest, SLOWEST_S, "seconds for the slowest request")
    for repository in pushed:
        expect_once(shaper, repository, pushed[repository])
    for address in addresses:
        reply = http.get(address, "/v2/team/none/manifests/1", {"Accept": images.ACCEPT})
        expect(reply.status == 404 and reply.seconds < SLOWEST_S, f"what nobody has: {reply}")

    hub.stop()
    pull(addresses[1], alone)
    for one in appliances:
        one.wait_idle()
    appliances[0].stop()
    for repository in pushed:
        pull(addresses[1], repository)
    appliances[1].expect_nothing_left()
    appliances[1].stop()


if __name__ == "__main__":
    scenario(main)
