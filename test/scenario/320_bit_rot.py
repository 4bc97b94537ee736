"""Bytes rot on the disk: the scrub finds each, what a mirror has is fetched again, what a registry has is
named with its tags and healed by a push of the same; a file that was cut off or emptied is never served
as whole, scrub or not; and `breakwater verify` says the same offline."""

import subprocess

from harness import expect, http, images, scenario
from harness.breakwater import BINARY, mirror_route, private_route
from harness.registry import push

MEBI = images.MEBI
SCRUB = {"bytes_per_second": "512MiB", "pause": "200ms"}
NEVER = {"bytes_per_second": "0B"}


def path_of(breakwater, digest):
    digits = digest.partition(":")[2]
    return breakwater.data / "blobs" / "sha256" / digits[:2] / digits


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def verify(breakwater):
    done = subprocess.run(
        [BINARY, "verify", "--config", breakwater.config_file],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
    )
    return done.returncode, done.stdout.decode()


def blob(breakwater, route, repository, digest, ask=http.get):
    return ask(breakwater.addresses[route], f"/v2/{repository}/blobs/{digest}")


def pulled(breakwater, route, repository, digest, content):
    reply = blob(breakwater, route, repository, digest)
    expect(reply.status == 200 and reply.body == content and not reply.cut, f"{route}: {reply}")
    breakwater.wait_idle()  # what was fetched is stored


def layer_of(image):
    """Its longest blob: digest and content."""
    return max(image.blobs.items(), key=lambda one: len(one[1]))


def rots(world, breakwater, hub, mirrored, own):
    digest, content = mirrored
    private_digest, private_content = layer_of(own)
    flip(path_of(breakwater, digest), len(content) // 2)
    world.wait_until(
        lambda: (breakwater.metric("breakwater_integrity_found_total") or 0) >= 1,
        "the scrub finds the mirror's flipped byte",
        30,
        0.1,
    )
    pulled(breakwater, "dockerhub", "library/app", digest, content)
    expect(
        breakwater.metric("breakwater_integrity_broken") == 0,
        "a mirror's blob is fetched again, so nothing is broken",
    )

    flip(path_of(breakwater, private_digest), len(private_content) // 3)
    world.wait_until(
        lambda: breakwater.metric("breakwater_integrity_broken", route="private") == 1,
        "the scrub finds the registry's flipped byte",
        30,
        0.1,
    )
    is_it = lambda event: private_digest in str(event.get("digest")) and "private/own:v1" in str(
        event.get("breaks")
    )
    breakwater.wait_event(is_it, "the log names the tag that a flipped byte breaks")
    for ask in (http.get, http.head):
        reply = blob(breakwater, "private", "own", private_digest, ask)
        expect(reply.status == 404, f"a registry's blob that has rotted: {reply}")
    push(breakwater.addresses["private"], "own", "v1", own)
    pulled(breakwater, "private", "own", private_digest, private_content)
    expect(breakwater.metric("breakwater_integrity_broken") == 0, "a push of the same bytes heals")
    world.wait_until(
        lambda: breakwater.metric("breakwater_integrity_last_full_pass_timestamp_seconds") > 0,
        "a pass ends",
        30,
        0.1,
    )


def is_cut_off(world, breakwater, mirrored, own):
    """No scrub runs: whoever asks finds it, with the file open already and with it closed."""
    digest, content = mirrored
    private_digest, private_content = layer_of(own)
    for size in (0, 1, len(content) - 1):
        for is_warm in (True, False):
            for target, route, repository, whole in (
                (digest, "dockerhub", "library/app", content),
                (private_digest, "private", "own", private_content),
            ):
                pulled(breakwater, route, repository, target, whole)
                if not is_warm:
                    breakwater.stop()
                    breakwater.start()
                with open(path_of(breakwater, target), "r+b") as file:
                    file.truncate(min(size, len(whole) - 1))
                for ask in (http.head, http.get):
                    reply = blob(breakwater, route, repository, target, ask)
                    if route == "private":
                        expect(reply.status == 404, f"cut off to {size}: {reply}")
                    else:
                        expect(
                            reply.status == 200 and (ask is http.head or reply.body == whole),
                            f"cut off to {size}: {reply}",
                        )
                if route == "private":
                    push(breakwater.addresses["private"], "own", "v1", own)


def main(world):
    hub = world.registry()
    content = images.noise("rotting", 9 * MEBI + 77)
    mirrored = (hub.push_blob("library/app", content), content)
    own = images.single("own", [5 * MEBI + 1])
    routes = [mirror_route("dockerhub", "docker.io", hub.url), private_route()]
    breakwater = world.breakwater(routes=routes, settings={"scrub": SCRUB})
    push(breakwater.addresses["private"], "own", "v1", own)
    pulled(breakwater, "dockerhub", "library/app", *mirrored)
    rots(world, breakwater, hub, mirrored, own)

    status, output = verify(breakwater)
    expect(status == 2 and "another process serves" in output, f"verify beside a server: {status} {output}")
    breakwater.stop()
    status, output = verify(breakwater)
    expect(status == 0 and "0 broken" in output, f"verify: {status} {output}")
    breakwater.config["scrub"] = NEVER
    breakwater.start()
    is_cut_off(world, breakwater, mirrored, own)
    breakwater.stop()

    private_digest, private_content = layer_of(own)
    flip(path_of(breakwater, private_digest), 7)
    flip(path_of(breakwater, mirrored[0]), 7)
    status, output = verify(breakwater)
    world.say(output)
    expect(
        status == 1 and "2 broken" in output and "breaks private/own:v1" in output,
        f"verify of what has rotted: {status} {output}",
    )
    expect(verify(breakwater) == (status, output), "verify has changed something")


if __name__ == "__main__":
    scenario(main)
