"""One endpoint that throttles, and one repository that always fails, shut out nothing else of their upstream,
and nothing of another; and no storm goes to either."""

from harness import expect, http, images, scenario
from harness.breakwater import mirror_route

ASK = {"Accept": images.ACCEPT}
TIMES = 12


def main(world):
    hub, other = world.registry(), world.registry()
    image = images.single("trouble", [1000])
    for repository in ("team/well", "team/sick", *(f"team/app-{number}" for number in range(TIMES))):
        hub.push(repository, "1", image)
    other.push("team/app", "1", image)
    shaper = world.shaper(hub.address)
    breakwater = world.breakwater(
        routes=[
            mirror_route("hub", "hub.example", shaper.url),
            mirror_route("other", "other.example", other.url),
        ]
    )
    address = breakwater.addresses["hub"]

    shaper.rule("status", match="/tags/list", times=0, status=429, header="Retry-After: 60", body="slow")
    shaper.rule("status", match="team/sick", times=0, status=500, body="sick")
    for _ in range(TIMES):
        reply = http.get(address, "/v2/team/well/tags/list")
        expect(reply.status == 429 and reply.header("Retry-After"), f"a list that is throttled: {reply}")
        expect(http.get(address, "/v2/team/sick/manifests/1", ASK).status == 503, "a repository that fails")
    for number in range(TIMES):
        for path in image.paths(f"team/app-{number}", "1"):
            reply = http.get(address, path, ASK)
            expect(reply.status == 200, f"{path} beside a throttled list and a sick repository: {reply}")
    expect(
        http.get(breakwater.addresses["other"], "/v2/team/app/manifests/1", ASK).status == 200, "the other"
    )
    lists, sick = len(shaper.requests("/tags/list")), len(shaper.requests("team/sick"))
    world.say(
        f"{TIMES} lists made {lists} requests upstream, {TIMES} manifests of the sick repository {sick}"
    )
    expect(lists == 1, f"{lists} lists went to an upstream that throttles them")
    expect(sick <= 2 * 5, f"{sick} requests went to the sick repository")

    # A half-open circuit lets one through: it is well as soon as upstream is.
    shaper.clear()
    world.wait_until(
        lambda: http.get(address, "/v2/team/sick/manifests/1", ASK).status == 200,
        "the sick repository is well",
    )
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
