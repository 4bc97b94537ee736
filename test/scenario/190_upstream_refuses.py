"""Upstream throttles, fails or vanishes: what is held is served, what is not gets a clear answer, and no
storm goes upstream."""

import time

from harness import expect, http, images, scenario
from harness.tools import swarm

ASK = {"Accept": images.ACCEPT}
TAG = "/v2/library/app/manifests/1"
COLD = "/v2/library/app/manifests/2"


def expect_held(address, image, what):
    reply = http.get(address, TAG, ASK)
    expect(reply.status == 200 and reply.digest == image.top.digest, f"{what}: a held tag: {reply}")
    expect(
        (reply.header("Warning") or "").startswith("299"),
        f"{what}: a stale tag without Warning: 299: {reply}",
    )
    expect(reply.seconds < 2, f"{what}: a held tag took {reply.seconds:.2f} s")
    blob = image.paths("library/app")[-1]
    expect(blob.endswith(http.get(address, blob).digest), f"{what}: a held blob is not right")


def expect_refused(world, address, shaper, status, code, what, requests_max):
    shaper.reset()
    replies = [http.get(address, COLD, ASK) for _ in range(20)]
    for reply in replies:
        expect(
            reply.status == status and code in reply.body and b'"errors"' in reply.body,
            f"{what}: expected {status} {code!r}: {reply}",
        )
    asked = len(shaper.requests(COLD))
    world.say(
        f"{what}: 20 requests of an uncached tag made {asked} upstream; Retry-After"
        f" {replies[-1].header('Retry-After')}"
    )
    expect(asked <= requests_max, f"{what}: {asked} requests went upstream")
    return replies


def main(world):
    hub = world.registry()
    image = images.multi_platform("refuses", images.MEBI)
    hub.push("library/app", "1", image)
    hub.push("library/app", "2", images.single("cold", [1000]))
    for what, status, code, values in [
        (
            "429, Retry-After in seconds",
            429,
            b"TOOMANYREQUESTS",
            {
                "status": 429,
                "header": "Retry-After: 30",
                "body": '{"errors":[{"code":"TOOMANYREQUESTS","message":"slow"}]}',
            },
        ),
        (
            "429 in HTML",
            429,
            b"TOOMANYREQUESTS",
            {"status": 429, "header": "Content-Type: text/html", "body": "<html>Too Many Requests</html>"},
        ),
        ("503", 503, b"errors", {"status": 503, "body": "down"}),
        ("refused connections", 503, b"errors", None),
        ("a blackhole", 503, b"errors", {}),
    ]:
        shaper = world.shaper(hub.address)
        breakwater = world.breakwater(
            upstream=shaper.url,
            mirror={"fresh": "0s", "manifest_timeout": "1s"},
            settings={"upstream": {"stall_timeout": "1s", "connect_timeout": "1s"}},
        )
        for path in image.paths("library/app", "1"):
            expect(http.get(breakwater.address, path, ASK).status == 200, f"{what}: the first pull")
        if values:
            shaper.rule("status", match="/v2/", times=0, **values)
        elif values is None:
            shaper.refuse()
        else:
            shaper.blackhole()
        expect_held(breakwater.address, image, what)
        replies = expect_refused(world, breakwater.address, shaper, status, code, what, 5)
        if status == 429:
            expect(all(reply.header("Retry-After") for reply in replies), f"{what}: 429 without Retry-After")
            until = breakwater.metric(
                "breakwater_upstream_throttled_until_timestamp_seconds", route="dockerhub"
            )
            expect(until and until > time.time(), f"{what}: throttled until {until}")
        storm = swarm(world, breakwater.address, [TAG], clients=30, headers=["Accept: " + images.ACCEPT])
        expect(
            all(client["end"] == "complete" and client["statuses"] == [200] for client in storm["clients"]),
            f"{what}: 30 clients at once: {storm['clients'][0]}",
        )
        breakwater.stop()
        shaper.process.kill()


if __name__ == "__main__":
    scenario(main)
