"""containerd 1.6 is refused while it sends a layer, and ends with the refusal. It hangs for ever where a
registry closes the connection in the middle of the body."""

import subprocess
import time

from harness import expect, images, scenario
from harness.breakwater import private_route
from harness.clients import Containerd

LAYER = 96 * images.MEBI
PATIENCE_S = 60
TRIES = 3


def push(client, source, target):
    """What ctr says, or a failure if it does not end."""
    command = ["ctr", "--address", str(client.socket), "images", "push", "--plain-http", target, source]
    try:
        done = subprocess.run(
            command,
            timeout=PATIENCE_S,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        expect(False, f"ctr still pushes to {target} after {PATIENCE_S} s")
    expect(done.returncode != 0, f"a push that should be refused: {done.stdout[-500:]}")
    return done.stdout


def main(world):
    hub = world.registry()
    hub.push("library/app", "1", images.single("refused", [LAYER]))
    stranger = private_route("stranger", allow_push=["10.255.255.255/32"])
    registry = world.breakwater(routes=[private_route(bytes_max="32MiB"), stranger])
    addresses = registry.addresses
    client = Containerd(world, {}, [hub.address, *addresses.values()])
    source = f"{hub.address}/library/app:1"
    client.pull(source)
    for route in ("private", "stranger"):
        begin = time.monotonic()
        said = [push(client, source, f"{addresses[route]}/team/app:1") for _ in range(TRIES)]
        expect(any("403" in one for one in said), f"{route}: ctr never says why: {said}")
        world.say(f"{route}: {TRIES} pushes refused, {time.monotonic() - begin:.1f} s")
    registry.stop()


if __name__ == "__main__":
    scenario(main)
