"""Upstream breaks at 37 %, resets, stalls; its presigned URL dies; its token expires: the fill goes on with
Range and no client notices."""

import time

from harness import crowds, expect, images, scenario
from harness.breakwater import mirror_route
from harness.registry import TokenServer
from harness.tools import swarm

SIZE = 64 * images.MEBI
AT = SIZE * 37 // 100
STALL_TIMEOUT_S = 2
SECRET = "X-Amz-Signature=presigned-secret"


def whole(world, report, path, what):
    crowds.expect_complete(report, SIZE, what)
    crowds.expect_hashes(report, [path], what)


def pull(world, breakwater, route, digest, what):
    path = f"/v2/library/app/blobs/{digest}"
    report = swarm(world, breakwater.addresses[route], [path], clients=5, hash_every=2)
    whole(world, report, path, what)


def breaks(world, breakwater, shaper, hub):
    for action in ("cut", "reset", "stall"):
        digest = hub.push_blob("library/app", images.noise(action, SIZE))
        shaper.clear()
        shaper.rule(action, match=digest, at=AT, method="GET")
        begin = time.monotonic()
        pull(world, breakwater, "plain", digest, f"upstream's {action} at 37 %")
        asked = shaper.requests(digest, "GET")
        world.say(
            f"{action} at 37 %: {time.monotonic() - begin:.1f} s,"
            f" {[(one['status'], one['range'], one['body_bytes']) for one in asked]}"
        )
        expect(
            len(asked) == 2 and asked[1]["status"] == 206,
            f"{action}: expected one resume with Range: {asked}",
        )
        lost = 8 * images.MEBI if action == "reset" else 0  # a reset drops what waited in the kernel
        expect(
            sum(one["body_bytes"] for one in asked) <= SIZE + lost,
            f"{action}: bytes were fetched twice: {asked}",
        )


def presigned(world, breakwater, front, cdn, hub):
    """The registry redirects to a URL that works once; the CDN breaks; the registry still knows the old URL,
    which now answers 403."""
    digest = hub.push_blob("library/app", images.noise("presigned", SIZE))
    front.rule("redirect", match=digest, method="GET", to=cdn.url, query=SECRET + "-1", times=2)
    front.rule("redirect", match=digest, method="GET", to=cdn.url, query=SECRET + "-2", times=0)
    cdn.rule(
        "status", match=SECRET + "-1", method="GET", after=1, times=0, status=403, body="Request has expired"
    )
    cdn.rule("cut", match=digest, at=AT, method="GET")
    pull(world, breakwater, "presigned", digest, "a presigned URL that died")
    asked = cdn.requests(digest, "GET")
    world.say(f"presigned: {[(one['target'][-10:], one['status'], one['range']) for one in asked]}")
    expect([one["status"] for one in asked] == [200, 403, 206], f"not 200, 403, 206: {asked}")
    expect(
        any(one["target"].endswith("-2") and one["status"] == 206 for one in asked),
        f"no fresh URL was asked for: {asked}",
    )
    expect(not any(one["authorized"] for one in asked), "the CDN saw an Authorization")
    expect(
        "presigned-secret" not in breakwater.process.text() and "X-Amz" not in breakwater.process.text(),
        "a presigned query is in the log",
    )


def expired_token(world, breakwater, guarded, tokens, hub):
    """The transfer breaks, and its token is no longer valid: first a pull without either, so that there is a
    token."""
    first = hub.push_blob("library/app", images.noise("token-first", SIZE))
    pull(world, breakwater, "guarded", first, "a token's first use")
    digest = hub.push_blob("library/app", images.noise("token", SIZE))
    challenge = (
        'Www-Authenticate: Bearer'
        f' realm="{tokens.url}",service="{tokens.service}",scope="repository:library/app:pull"'
    )
    guarded.rule("cut", match=digest, method="GET", at=AT)
    guarded.rule("status", match=digest, method="GET", status=401, header=challenge)
    before = len(tokens.asked)
    pull(world, breakwater, "guarded", digest, "a token that expired")
    asked = guarded.requests(digest, "GET")
    world.say(
        f"token: {[(one['status'], one['range']) for one in asked]}, {len(tokens.asked) - before} tokens"
    )
    expect([one["status"] for one in asked] == [200, 401, 206], f"not 200, 401, 206: {asked}")
    expect(
        len(tokens.asked) == before + 1, f"{len(tokens.asked) - before} tokens were fetched for one expiry"
    )


def main(world):
    hub = world.registry()
    tokens = TokenServer(world)
    guarded_hub = world.registry(storage=hub.storage, auth=tokens, name="token-registry")
    plain = world.shaper(hub.address)
    front, cdn = world.shaper(hub.address), world.shaper(hub.address)
    guarded = world.shaper(guarded_hub.address)
    breakwater = world.breakwater(
        routes=[
            mirror_route("plain", "plain.example", plain.url),
            mirror_route("presigned", "presigned.example", front.url),
            mirror_route("guarded", "guarded.example", guarded.url),
        ],
        settings={"upstream": {"stall_timeout": f"{STALL_TIMEOUT_S}s"}},
    )
    breaks(world, breakwater, plain, hub)
    presigned(world, breakwater, front, cdn, hub)
    expired_token(world, breakwater, guarded, tokens, hub)
    expect(breakwater.metric("breakwater_fill_resumes_total") >= 4, "resumes are not counted")
    breakwater.expect_nothing_left()
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
