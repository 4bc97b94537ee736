"""The story that every real client has to live through: first pull, second pull, upstream gone."""

import time

from . import http, images
from .world import expect

FRESH_S = 5  # longer than any client takes between two questions for one tag
NAME = "docker.io/library/app"


def pull_story(world, client_of):
    """`client_of(world, mirrors)` makes a client that holds nothing yet and has pull(name)."""
    hub = world.registry()
    image = images.multi_platform("pull")
    hub.push("library/app", "1", image)
    shaper = world.shaper(hub.address)
    breakwater = world.breakwater(upstream=shaper.url, mirror={"fresh": f"{FRESH_S}s"})
    mirrors = {"docker.io": breakwater.address}
    by_digest = f"{NAME}@{image.top.digest}"

    client_of(world, mirrors).pull(f"{NAME}:1")
    moved = shaper.requests("/v2/library/app/")
    expect(
        all(one["method"] != "GET" or one["status"] in (200, 206) for one in moved),
        f"the first pull: {moved}",
    )
    for kind in ("/manifests/", "/blobs/"):
        asked = [one["target"] for one in moved if kind in one["target"] and one["method"] == "GET"]
        expect(
            len(asked) == len(set(asked)),
            f"the first pull asked upstream twice for one thing: {sorted(asked)}",
        )

    shaper.reset()
    client_of(world, mirrors).pull(by_digest)
    expect(
        not shaper.requests("/v2/library/app/", "GET"),
        f"a pull by digest of what is held asked upstream: {shaper.requests()}",
    )

    time.sleep(FRESH_S + 0.5)  # the tag is not fresh any more
    shaper.reset()
    client_of(world, mirrors).pull(f"{NAME}:1")
    asked = shaper.requests("/v2/library/app/")
    expect(
        [one["method"] for one in asked] == ["HEAD"],
        f"the second pull may ask for one HEAD of the tag, and asked for {asked}",
    )

    shaper.refuse()
    hub.stop()
    time.sleep(FRESH_S + 0.5)
    stale = http.get(breakwater.address, "/v2/library/app/manifests/1", {"Accept": images.ACCEPT})
    expect(stale.status == 200 and stale.digest == image.top.digest, f"the tag with upstream down: {stale}")
    expect(stale.seconds < 2, f"the tag with upstream down took {stale.seconds:.2f} s")
    expect((stale.header("Warning") or "").startswith("299"), f"a stale tag without Warning: 299: {stale}")
    expect(int(stale.header("Age") or 0) >= FRESH_S, f"a stale tag without its Age: {stale}")
    client_of(world, mirrors).pull(f"{NAME}:1")
    client_of(world, mirrors).pull(by_digest)
    expect(
        breakwater.metric("breakwater_stale_answers_total", route="dockerhub") >= 1,
        "stale answers are not counted",
    )
    breakwater.expect_nothing_left()
    breakwater.stop()
