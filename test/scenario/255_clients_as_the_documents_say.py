"""What packaging/docs/clients.md gives for each client, in the file that it names, makes real clients pull
through Breakwater; and the commands that push into a registry of our own are what they say, word by word."""

import pathlib
import shutil
import tomllib

import yaml

from harness import builds, documents, expect, http as web, images, scenario
from harness.breakwater import mirror_route, private_route
from harness.clients import Containerd, Dockerd
from harness.operator import Operator
from harness.pushes import held

HOST = "breakwater.internal"
OURS = "registry.example.lan:5050"
MIRRORS = {
    "docker.io": ("dockerhub", 5000),
    "ghcr.io": ("ghcr", 5010),
    "quay.io": ("quay", 5020),
    "registry.k8s.io": ("k8s", 5030),
    "reg.kyverno.io": ("kyverno", 5040),
}
HOSTS, HOSTS_OF_HUB = documents.blocks("packaging/docs/clients.md", "containerd")
(README_HOSTS,) = documents.blocks("README.md", "Point a cluster at it")
(DAEMON,) = documents.blocks("packaging/docs/clients.md", "Docker")
(REGISTRIES,) = documents.blocks("packaging/docs/clients.md", "podman, skopeo, buildah, CRI-O")
(K3S,) = documents.blocks("packaging/docs/clients.md", "k3s")
(BUILDKITD,) = documents.blocks("packaging/docs/clients.md", "BuildKit")
(PUSHES,) = documents.blocks("packaging/docs/registry.md", "A registry of your own")


def start(world, hub):
    """On the ports of the example, all of them mirrors of this hub."""
    routes = [
        mirror_route(name, registry, hub.url, listen=[f"127.0.0.1:{port}"])
        for registry, (name, port) in MIRRORS.items()
    ]
    routes.append(private_route(listen=["127.0.0.1:5050"], registry={"names": [OURS]}))
    routes.append({"name": "any", "listen": ["127.0.0.1:5060"], "any": {"registries": ["gcr.io"]}})
    return world.breakwater(routes=routes)


def put(path, text):
    file = pathlib.Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def pulled_through(breakwater, route, what):
    """At least one request of it, all since the last call."""
    before = pulled_through.seen.get(route, 0)

    def count():
        return sum(line.get("route") == route for line in breakwater.access_lines())

    breakwater.world.wait_until(lambda: count() > before, f"{what} pulls through {route}")
    pulled_through.seen[route] = count()


pulled_through.seen = {}


def containerd(world, breakwater, image):
    expect(README_HOSTS == HOSTS, "the README has another file than the document for clients")
    for block, folder, names in (
        (HOSTS, "_default", {"docker.io/library/app:1": "dockerhub", f"{OURS}/example/app:1.2": "private"}),
        (HOSTS_OF_HUB, "docker.io", {"docker.io/library/app:1": "dockerhub"}),
    ):
        file = f"/etc/containerd/certs.d/{folder}/hosts.toml"
        expect(block.text.startswith(f"# {file}"), f"{block.text} names another file than {file}")
        client = Containerd(world, {})
        client.hosts = "/etc/containerd/certs.d"
        put(file, block.text)
        for name in names:
            client.pull(name, whole=True)
            expect(client.content_of(name) == image.top.digest, f"{name} is another image")
        client.stop()
        shutil.rmtree(pathlib.Path(file).parent)  # without a file it would go before _default all the same
        for route in set(names.values()):
            pulled_through(breakwater, route, f"containerd with {folder}")


def docker(world, breakwater):
    """It stays, for its push."""
    put("/etc/docker/daemon.json", DAEMON.text)
    client = Dockerd(world, {})
    client.pull("library/app:1")
    pulled_through(breakwater, "dockerhub", "dockerd")
    return client


def containers(world, breakwater, environment):
    put("/etc/containers/registries.conf.d/breakwater.conf", REGISTRIES.text)
    for registry, (route, _) in MIRRORS.items():
        world.run("skopeo", "inspect", "--raw", f"docker://{registry}/library/app:1", env=environment)
        pulled_through(breakwater, route, "skopeo")
    for client in ("podman", "buildah"):
        world.run(client, "pull", "docker.io/library/app:1", env=environment)


def as_breakwater_prints(breakwater):
    """Of the clients that are not here: `breakwater client-config` says the same, with more registries."""
    operator = Operator(breakwater)

    def printed(client):
        return operator.json("client-config", client, "--host", HOST)["files"][0]["text"]

    ours, whole = yaml.safe_load(K3S.text)["mirrors"], yaml.safe_load(printed("k3s"))["mirrors"]
    for registry in MIRRORS:
        expect(ours[registry]["endpoint"][:1] == whole[registry]["endpoint"][:1], f"{registry}: {whole}")
    ours, whole = tomllib.loads(BUILDKITD.text)["registry"], tomllib.loads(printed("buildkit"))["registry"]
    for name, settings in ours.items():
        expect(settings.items() <= whole[name].items(), f"{name}: {settings}, and not {whole[name]}")


def pushes(world, environment, dockerd, image):
    """Each line of the block, as it stands."""
    name = f"{HOST}:5050/example/app:1.2"
    ctr = Containerd(world, {})
    ctr.hosts = "/etc/containerd/certs.d"
    put("/etc/containerd/certs.d/_default/hosts.toml", HOSTS.text)
    ctr.pull("docker.io/library/app:1", whole=True)
    world.run("ctr", "--address", ctr.socket, "images", "tag", "docker.io/library/app:1", name)
    world.run("docker", "-H", f"unix://{dockerd.socket}", "tag", "library/app:1", name)
    world.run("podman", "tag", "docker.io/library/app:1", name, env=environment)
    context = builds.context(world)
    commands = PUSHES.text.replace("\\\n", "").splitlines()
    tools = [command.split()[0] for command in commands]
    expect(tools == ["docker", "podman", "skopeo", "buildah", "ctr"], f"{tools}")
    settings = {
        **environment,
        "DOCKER_HOST": f"unix://{dockerd.socket}",
        "CONTAINERD_ADDRESS": str(ctr.socket),
        "BUILDAH_ISOLATION": "chroot",
    }
    for tool, command in zip(tools, commands):
        world.run("sh", "-ec", f"cd {context}\n{command}", env=settings)
        if tool == "buildah":
            tags = web.get("127.0.0.1:5050", "/v2/cache/app/tags/list").json()["tags"]
            expect(len(tags) > builds.STEPS, f"the cache of buildah has {tags}")
            continue
        held("127.0.0.1:5050", "example/app", "1.2")
        world.run("curl", "-sS", "-X", "DELETE", "http://127.0.0.1:5050/v2/example/app/manifests/1.2")
        reply = web.get("127.0.0.1:5050", "/v2/example/app/manifests/1.2", {"Accept": images.ACCEPT})
        expect(reply.status == 404, f"after a push by {tool} the tag was not removed: {reply}")
    ctr.stop()


def main(world):
    for path in ("/etc", "/var/lib"):
        world.own_tree(path)
    with open("/etc/hosts", "a") as file:
        file.write(f"127.0.0.1 {HOST}\n")
    put("/etc/containers/policy.json", '{"default": [{"type": "insecureAcceptAnything"}]}')
    storage = world.fresh_folder("containers")
    store = f'[storage]\ndriver = "vfs"\ngraphroot = "{storage}/root"\nrunroot = "{storage}/run"\n'
    put(storage / "storage.conf", store)
    # The limits are those that a process without CAP_SYS_RESOURCE may set.
    limits = 'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]'
    put(storage / "containers.conf", f'[containers]\n{limits}\n[engine]\ncgroup_manager = "cgroupfs"\n')
    environment = {
        "CONTAINERS_STORAGE_CONF": str(storage / "storage.conf"),
        "CONTAINERS_CONF": str(storage / "containers.conf"),
    }
    hub = world.registry()
    image = images.multi_platform("clients")
    hub.push("library/app", "1", image)
    hub.push("example/app", "1.2", image)
    breakwater = start(world, hub)
    world.run(
        *("skopeo", "copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false"),
        *(f"docker://{hub.address}/example/app:1.2", "docker://127.0.0.1:5050/example/app:1.2"),
    )
    containerd(world, breakwater, image)
    dockerd = docker(world, breakwater)
    containers(world, breakwater, environment)
    as_breakwater_prints(breakwater)
    pushes(world, environment, dockerd, image)
    dockerd.stop()
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
