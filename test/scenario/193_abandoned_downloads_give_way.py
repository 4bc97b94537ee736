"""64 downloads of an upstream that stands still, whose clients have left, take all slots: a client of another
upstream and one of the same have their blobs at once, and what was abandoned is resumed later."""

import http.client

from harness import expect, expect_at_most, http as web, images, scenario
from harness.breakwater import mirror_route

FILLS = 64
SIZE = images.MEBI
AT = SIZE // 2
PROMPT_S = 3
REPOSITORY = "library/app"


def path(digest):
    return f"/v2/{REPOSITORY}/blobs/{digest}"


def begin_and_leave(address, digest):
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    connection.request("GET", path(digest))
    response = connection.getresponse()
    expect(response.status == 200 and response.read(1000), f"the client that leaves: {response.status}")
    connection.close()


def prompt(world, address, digest, what):
    reply = web.get(address, path(digest))
    expect(reply.status == 200 and reply.digest == digest, f"{what}: {reply.status}")
    world.say(f"{what}: {reply.seconds:.2f} s")
    expect_at_most(reply.seconds, PROMPT_S, f"seconds for {what}")


def main(world):
    hub = world.registry()
    still, well = world.shaper(hub.address), world.shaper(hub.address)
    breakwater = world.breakwater(
        routes=[
            mirror_route("still", "still.example", still.url),
            mirror_route("well", "well.example", well.url),
        ],
        settings={"fills_max": FILLS, "upstream": {"stall_timeout": "300s"}},
    )
    abandoned = [
        hub.push_blob(REPOSITORY, images.noise(f"abandoned-{number}", SIZE)) for number in range(FILLS)
    ]
    for digest in abandoned:
        still.rule("stall", match=digest, at=AT, method="GET")
        begin_and_leave(breakwater.addresses["still"], digest)
    world.wait_until(
        lambda: breakwater.metric("breakwater_fill_followers") == 0, "all clients have left", 10, 0.05
    )
    running = breakwater.metric("breakwater_fills_running")
    expect(running == FILLS, f"{running} downloads run, not {FILLS}")

    for name in ("well", "still"):
        digest = hub.push_blob(REPOSITORY, images.noise("wanted-" + name, SIZE))
        prompt(world, breakwater.addresses[name], digest, f"a client of the upstream that is {name}")
    prompt(world, breakwater.addresses["still"], abandoned[0], "the first that was abandoned")
    asked = still.requests(abandoned[0], "GET")
    expect(
        len(asked) == 2 and asked[1]["status"] == 206 and asked[0]["body_bytes"] == AT,
        f"what was abandoned was not resumed: {asked}",
    )
    still.refuse()  # the others end without their upstream
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
