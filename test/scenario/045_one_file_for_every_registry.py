"""With one `_default/hosts.toml` real containerd, the installed one and that of Debian 13, pulls from every
registry of the list through the mirror of any registry, and from our own; what it lacks it does not serve."""

from harness import expect, http, images, scenario, trixie
from harness.breakwater import mirror_route, private_route
from harness.clients import Containerd
from harness.registry import push

OURS = "registry.example.lan:5050"
LISTED = "registry.listed.example"


def routes(hub, listed):
    return [
        mirror_route("dockerhub", "docker.io", hub.url),
        private_route(registry={"names": [OURS]}),
        {
            "name": "any",
            "listen": ["127.0.0.1:0"],
            "any": {"registries": [LISTED, "*.wild.example"], "upstreams": {LISTED: listed.url}},
        },
    ]


def main(world):
    hub, listed = world.registry(), world.registry()
    pulled = {
        "docker.io/library/app:1": images.multi_platform("hub"),
        f"{LISTED}/team/app:1": images.multi_platform("listed"),
        f"{OURS}/ci/app:1": images.multi_platform("ours"),
    }
    breakwater = world.breakwater(routes=routes(hub, listed))
    on_hub, on_listed, on_ours = pulled.values()
    hub.push("library/app", "1", on_hub)
    listed.push("team/app", "1", on_listed)
    push(breakwater.addresses["private"], "ci/app", "1", on_ours)
    mirrors = {"_default": breakwater.addresses["any"]}
    for environment in (None, trixie.environment(world.fresh_folder("trixie"))):
        client = Containerd(world, mirrors, environment=environment)
        for name, image in pulled.items():
            client.pull(name, whole=True)
            expect(client.content_of(name) == image.top.digest, f"{name} is not what was pushed")
        client.stop()
    hub.stop()
    listed.stop()
    client = Containerd(world, mirrors)
    for name in pulled:
        client.pull(f"{name.rpartition(':')[0]}@{pulled[name].top.digest}", whole=True)
    client.stop()
    for path, ns in (("ci/app", "registry.other.example"), ("team/app", "listed.example")):
        reply = http.get(mirrors["_default"], f"/v2/{path}/manifests/1?ns={ns}", {"Accept": images.ACCEPT})
        expect(reply.status == 404, f"{ns} is not in the list: {reply}")
    reply = http.ask(mirrors["_default"], "PUT", f"/v2/ci/app/manifests/2?ns={OURS}", body=b"{}")
    expect(reply.status == 405, f"our own registry is written to at its own address: {reply}")


if __name__ == "__main__":
    scenario(main)
