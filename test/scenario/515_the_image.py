"""The container image: pushed to a Breakwater and pulled back by dockerd and podman, then run by the lines of
its guide. It serves as nobody on a file system that is read-only, says how it is, stops when nothing runs any
more, keeps what its volume has, and leaves its place to nobody."""

import json
import os
import pathlib

from harness import contained, documents, expect, expect_at_most, http, images, scenario
from harness.breakwater import mirror_route, private_route
from harness.clients import Skopeo
from harness.contained import LIMITS, NAME, RunningDockerd, RunningPodman
from harness.restarts import expect_complete
from harness.tools import finish_swarm, start_swarm

GUIDE = "packaging/image/README.md"
COMPRESSED_MAX = 60_000_000
LAYER_BYTES = 2 * images.MEBI  # more than sockets on the way take
REGISTRY, METRICS, PAGE = "127.0.0.1:5050", "127.0.0.1:5001", "127.0.0.1:8080"
# As in the image, but sooner.
HEALTH = ("--health-interval=1s", "--health-timeout=2s", "--health-retries=1", "--health-start-period=0s")


def through_a_breakwater(world, engines):
    """To its registry, and from there to the engines, which then have it under its name."""
    registry = world.private_registry()
    target = f"{registry.address}/appliances/breakwater:1"
    plain = Skopeo(world, {}, [registry.address])
    world.run(
        "skopeo",
        "--insecure-policy",
        "--registries-conf",
        plain.registries,
        "copy",
        f"docker-archive:{contained.archive()}:{NAME}",
        f"docker://{target}",
    )
    reply = http.get(registry.address, "/v2/appliances/breakwater/manifests/1", {"Accept": images.ACCEPT})
    manifest = json.loads(reply.body)
    size = sum(one["size"] for one in (manifest["config"], *manifest["layers"]))
    world.say(f"the image has {size / 1e6:.1f} MB, compressed as skopeo pushes it")
    expect_at_most(size, COMPRESSED_MAX, "bytes of the image, compressed")
    for engine in engines(registry.address):
        engine.engine("pull", target)
        expect(engine.content_of(target).endswith(contained.config_digest()), "another image came back")
        engine.engine("tag", target, NAME)
        yield engine
    registry.stop()


def served(world, engine):
    world.wait_until(lambda: answers(REGISTRY, "/v2/"), "the container serves", 30)
    expect(http.get(METRICS, "/readyz").status == 200, "it is not ready")
    expect(b"<title>" in http.get(PAGE, "/").body, "it has no page")
    expect("event" in engine.logs(), f"it logs {engine.logs()}")


def answers(address, target):
    try:
        return http.get(address, target, timeout_s=5).status == 200
    except OSError:
        return False


def pushed(world):
    """The digest of its largest layer."""
    image = images.single("kept", [images.MEBI, LAYER_BYTES])
    source = world.registry()
    source.push("library/app", "1", image)
    client = Skopeo(world, {}, [source.address, REGISTRY])
    client.copy(f"{source.address}/library/app:1", f"{REGISTRY}/team/app:1")
    return max(image.blobs, key=lambda digest: len(image.blobs[digest]))


def is_nobody(world, engine):
    """Outside of its own eyes."""
    pid = engine.state(".State.Pid")
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    for line in ("Uid:\t65534\t65534\t65534\t65534", "CapEff:\t0000000000000000", "NoNewPrivs:\t1"):
        expect(line in status, f"it runs with {status}")
    expect(engine.engine("exec", "breakwater", "sh", check=False).find("not found") > 0, "it has a shell")


def health_is_told(world, docker):
    health = lambda: docker.state(".State.Health.Status")  # noqa: E731
    world.wait_until(lambda: health() == "healthy", "it is healthy", 30, 0.2)
    docker.engine("kill", "--signal", "STOP", "breakwater")
    world.wait_until(lambda: health() == "unhealthy", "a process that hangs is not healthy", 30, 0.2)
    docker.engine("kill", "--signal", "CONT", "breakwater")
    world.wait_until(lambda: health() == "healthy", "it is healthy again", 30, 0.2)


def has_no_successor(world, engine):
    """The only process of a container cannot leave it to another one."""
    engine.engine("kill", "--signal", "USR2", "breakwater")
    world.wait_until(lambda: "nothing is taken over: process 1" in engine.logs(), "it says so")
    said = engine.engine("exec", "breakwater", "breakwater", "serve", "--take-over", check=False)
    expect("restart the container" in said, f"a process that wants to take over is told {said}")
    expect(answers(REGISTRY, "/v2/"), "it has gone for a successor")


def stops(world, engine, layer):
    """When who pulls has all."""
    # Not through docker's proxy, which ends with the container and loses what it has.
    address = engine.state(".NetworkSettings.IPAddress") + ":5050"
    path = f"/v2/team/app/blobs/{layer}"
    client = start_swarm(address, [path], clients=1, slow=1, slow_rate=LAYER_BYTES // 16, hash_every=1)
    running = 'breakwater_requests_running{route="private"} 1'
    world.wait_until(lambda: running in http.get(METRICS, "/metrics").body.decode(), "a client pulls")
    engine.engine("stop", "breakwater")
    expect_complete(finish_swarm(client), [layer], "a client of a container that is stopped")
    expect(engine.state(".State.ExitCode") == "0", f"it ended with {engine.state('.State.ExitCode')}")


def configured(world, engine):
    """The lines of the guide take the configuration from the container."""
    make, copy, _ = documents.blocks(GUIDE, "Configure")[0].text.splitlines()
    world.run("sh", "-ec", make)
    engine.run_block(documents.Block("sh", copy))
    text = pathlib.Path("/etc/breakwater/breakwater.json").read_text()
    expect('"metrics": { "listen": ["0.0.0.0:5001"] }' in text, "its configuration is not the example")


def with_docker(world, docker, line):
    docker.engine("run", *HEALTH, *line)
    served(world, docker)
    is_nobody(world, docker)
    health_is_told(world, docker)
    for block in documents.blocks(GUIDE, "How it is"):
        docker.run_block(block)
    layer = pushed(world)
    has_no_successor(world, docker)
    stops(world, docker, layer)
    docker.engine("rm", "breakwater")
    return layer


def composed(world, docker, line, layer):
    """The same by compose.yaml, on the same volume."""
    docker.compose(*line)
    served(world, docker)
    kept = http.get(REGISTRY, f"/v2/team/app/blobs/{layer}")
    expect(kept.status == 200, f"what another container has stored is answered {kept}")
    configured(world, docker)
    docker.compose(*line[:2], "down")
    expect(not answers(REGISTRY, "/v2/"), "it serves on")


def with_podman(world, podman, line):
    """As a mirror, on the network of this machine, with a configuration of its own and a name to resolve."""
    hub = world.registry()
    hub.push("library/app", "1", images.single("mirrored", [images.MEBI]))
    upstream = f"http://hub.example:{hub.address.split(':')[1]}"
    folder = world.fresh_folder("etc")
    file = folder / "breakwater.json"
    config = {
        "data": "/var/lib/breakwater/data",
        "routes": [mirror_route("dockerhub", "docker.io", upstream, listen=["127.0.0.1:5000"])],
        "metrics": {"listen": [METRICS]},
        "admin": {"listen": [PAGE]},
    }
    file.write_text(json.dumps(config))
    for path, mode in ((file, 0o640), (folder, 0o750)):
        os.chown(path, 0, 65534)
        path.chmod(mode)
    more = ("--add-host=hub.example:127.0.0.1", f"--volume={folder}:/etc/breakwater:ro")
    podman.engine("run", *LIMITS, *more, *line)
    world.wait_until(lambda: answers("127.0.0.1:5000", "/v2/"), "the container serves", 30)
    is_nobody(world, podman)
    Skopeo(world, {"docker.io": "127.0.0.1:5000"}).pull("docker.io/library/app:1")
    config["routes"].append(private_route(listen=[REGISTRY]))
    file.write_text(json.dumps(config))
    reload = documents.blocks(GUIDE, "Configure")[0].text.splitlines()[2]
    podman.run_block(documents.Block("sh", reload))
    world.wait_until(lambda: answers(REGISTRY, "/v2/"), "a route that the configuration got is served")
    podman.engine("healthcheck", "run", "breakwater")
    podman.engine("stop", "breakwater")
    expect(podman.state(".State.ExitCode") == "0", f"it ended with {podman.state('.State.ExitCode')}")


def main(world):
    world.own_tree("/etc")  # the guide puts a file there
    by_docker, by_podman, by_compose = contained.run_lines()
    engines = lambda plain: (RunningDockerd(world), RunningPodman(world, {}, [plain]))  # noqa: E731
    docker, podman = through_a_breakwater(world, engines)
    layer = with_docker(world, docker, by_docker)
    composed(world, docker, by_compose, layer)
    docker.stop()
    with_podman(world, podman, by_podman)


if __name__ == "__main__":
    scenario(main)
