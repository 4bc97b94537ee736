"""A new process takes the place of the old one, again and again, while clients pull slowly, push, and cause
downloads: no request fails, nobody who connects waits for a second, and what was begun goes on where it was.
"""

import time

from harness import scenario
from harness.breakwater import mirror_route, private_route
from harness.restarts import Load, Upstream
from harness.world import FULL

RESTARTS = 20 if FULL else 3
APART_S = 1.5


def main(world):
    upstream = Upstream(world)
    breakwater = world.breakwater(
        routes=[mirror_route("dockerhub", "docker.io", upstream.shaper.url), private_route()],
        settings={"log": {"level": "info", "format": "json"}},
    )
    mirror, registry = breakwater.addresses["dockerhub"], breakwater.addresses["private"]
    # A restart comes in each download.
    load = Load(world, upstream, mirror, registry, breakwater.metric, cold_s=RESTARTS + 1)
    for _ in range(RESTARTS):
        time.sleep(APART_S)
        breakwater.take_over()
    load.end(RESTARTS)
    breakwater.expect_nothing_left()
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
