"""The folder of a registry:2 with `proxy` becomes a mirror's: a pull after that costs upstream one question
about the tag; what is cut off there is fetched again; what has no room is told, and nothing goes for it."""

import os
import pathlib

from harness import expect, http as web, images, scenario
from harness.operator import Operator

PIECE = 8 << 10


def asks(breakwater):
    return breakwater.metric("breakwater_upstream_requests_total", route="dockerhub")


def pull_all(address, repository, image):
    for path in image.paths(repository):
        reply = web.get(address, path, {"Accept": images.ACCEPT})
        expect(reply.status == 200, f"{path}: {reply}")


def data_of(storage, digest):
    digits = digest.partition(":")[2]
    return pathlib.Path(storage) / "docker/registry/v2/blobs/sha256" / digits[:2] / digits / "data"


def main(world):
    hub = world.registry()
    whole, cut = images.single("whole", [200 * PIECE]), images.single("cut", [100 * PIECE])
    hub.push("library/whole", "1", whole)
    hub.push("library/cut", "1", cut)
    old = world.registry(proxy=hub.url, name="old-mirror")
    for name, image in (("whole", whole), ("cut", cut)):
        reply = web.get(old.address, f"/v2/library/{name}/manifests/1", {"Accept": images.ACCEPT})
        expect(reply.status == 200, f"the mirror of before: {reply}")
        pull_all(old.address, f"library/{name}", image)
    layer = cut.manifests[0].content["layers"][0]["digest"]
    world.wait_until(lambda: data_of(old.storage, layer).exists(), "the mirror of before has the layer")
    old.stop()
    os.truncate(data_of(old.storage, layer), 1000)

    breakwater = world.breakwater(upstream=hub.url, mirror={"fresh": "24h"})
    operator = Operator(breakwater)
    done = operator.json("import", "--from", old.storage, "--route", "dockerhub")
    world.say(done["words"])
    expect(done["manifests"] == 2 and done["damaged"] == {"short_blob": 1}, f"{done}")
    expect(not done["well"] and done["left_out"] == 1, f"{done}")
    expect(asks(breakwater) == 0, "an import has asked upstream")

    address = breakwater.addresses["dockerhub"]
    reply = web.get(address, "/v2/library/whole/manifests/1", {"Accept": images.ACCEPT})
    expect(reply.header("Docker-Content-Digest") == whole.top.digest, f"{reply}")
    asked = asks(breakwater)
    expect(0 < asked <= 2, f"the tag cost upstream {asked} requests")
    pull_all(address, "library/whole", whole)
    expect(asks(breakwater) == asked, "what was imported was fetched again")
    pull_all(address, "library/cut", cut)
    expect(asks(breakwater) > asked, "what was cut off was not fetched again")
    again = operator.json("import", "--from", old.storage, "--route", "dockerhub")
    expect(again["manifests"] == 0 and again["blobs_copied"] == 0, f"{again}")
    breakwater.stop()

    full = world.breakwater(upstream=hub.url, mirror={"bytes_max": "1280KiB"})
    newer = images.single("newer", [60 * PIECE])
    hub.push("library/newer", "1", newer)
    full_address = full.addresses["dockerhub"]
    web.get(full_address, "/v2/library/newer/manifests/1", {"Accept": images.ACCEPT})
    pull_all(full_address, "library/newer", newer)
    asked = asks(full)
    done = Operator(full).json("import", "--from", old.storage, "--route", "dockerhub")
    expect(done["no_room"] > 0 and "no room" in done["words"], f"{done}")
    pull_all(full_address, "library/newer", newer)
    expect(asks(full) == asked, "an import has evicted what is newer")


if __name__ == "__main__":
    scenario(main)
