"""One build pushes its image to Breakwater and to another registry; while the cache refuses or is down,
builds and pushes to the other go on."""

from harness import builds, expect, http, images, scenario
from harness.buildkit import BuildKit
from harness.pushes import held

OPTIONS = "mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true"


def expect_same(one, other, what):
    expect(
        one.top.digest == other.top.digest and one.blobs == other.blobs,
        f"{what}: two pushes of one image differ",
    )


def expect_pushed(hub, tag):
    reply = http.get(hub, f"/v2/team/app/manifests/{tag}", {"Accept": images.ACCEPT})
    expect(reply.status == 200, f"the push to the other registry is not there: {reply}")


def main(world):
    hub = world.registry()
    base = images.Image()
    base.add_platform("amd64", [("bin/base", images.noise("base", images.MEBI))])
    hub.push("library/base", "1", base)
    registry = world.private_registry()
    buildkit = BuildKit(world)
    cache = f"type=registry,ref={registry.address}/cache/app:cache-amd64"
    names = [f"{registry.address}/team/app:1", f"{hub.address}/team/app:1"]
    folder = builds.context(world, base=f"{hub.address}/library/base:1")

    tags = [option for name in names for option in ("--tag", name)]
    buildkit.build(
        folder, "--cache-from", cache, "--cache-to", f"{cache},{OPTIONS}", *tags, "--push"
    ).expect_none_cached("the first build")
    expect_same(
        held(registry.address, "team/app", "1"), held(hub.address, "team/app", "1"), "the first build"
    )

    # From the cache, on a machine that has not built: each registry gets what it lacks.
    buildkit.forget()
    buildkit.push(
        folder, [name[:-1] + "2" for name in names], "--cache-from", cache, "--cache-to", f"{cache},{OPTIONS}"
    ).expect_all_cached("the second build")
    expect_same(
        held(registry.address, "team/app", "2"), held(hub.address, "team/app", "2"), "the second build"
    )
    registry.expect_nothing_left()

    # A cache that may not be written, and one that is not there.
    buildkit.forget()
    closed = world.private_registry(allow_push=["10.99.0.0/16"])
    buildkit.push(
        folder,
        [f"{hub.address}/team/app:3"],
        "--cache-from",
        cache,
        "--cache-to",
        f"type=registry,ref={closed.address}/cache/app:1,{OPTIONS}",
    ).expect_all_cached("refused")
    expect_pushed(hub.address, "3")
    tags = http.get(closed.address, "/v2/cache/app/tags/list")
    expect(tags.status == 404, f"a push from where nobody may push is there: {tags}")
    buildkit.forget()
    registry.stop()
    buildkit.push(
        folder, [f"{hub.address}/team/app:4"], "--cache-from", cache, "--cache-to", f"{cache},{OPTIONS}"
    ).expect_none_cached("without Breakwater")
    expect_pushed(hub.address, "4")


if __name__ == "__main__":
    scenario(main)
