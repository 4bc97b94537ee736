"""kill -9 at many moments of a fill, then a restart: no short or empty blob is ever served, and the fill
resumes.

8 moments; 30 with BREAKWATER_FULL=1."""

import time

from harness import expect, http, images, scenario
from harness.tools import start_swarm
from harness.world import FULL

SIZE = 48 * images.MEBI
RATE = 40_000_000
MOMENTS = 30 if FULL else 8


def partial_bytes(breakwater):
    return sum(one.stat().st_size for one in breakwater.partials())


def killed_at(world, breakwater, shaper, digest, content, moment_s):
    shaper.reset()
    client = start_swarm(breakwater.address, [f"/v2/library/app/blobs/{digest}"], timeout=60)
    time.sleep(moment_s)
    breakwater.kill()
    client.communicate()
    kept = partial_bytes(breakwater)
    stored = any(one.name == digest.partition(":")[2] for one in breakwater.blob_files())
    for one in breakwater.blob_files():
        expect(one.stat().st_size > 0, f"after a kill at {moment_s:.2f} s an empty blob is stored: {one}")

    breakwater.start()
    shaper.reset()
    reply = http.get(breakwater.address, f"/v2/library/app/blobs/{digest}")
    expect(
        reply.status == 200 and reply.body == content,
        (
            f"after a kill at {moment_s:.2f} s the blob is {len(reply.body)} bytes of {len(content)}, cut:"
            f" {reply.cut}"
        ),
    )
    asked = shaper.requests(digest, "GET")
    fetched = sum(
        one["body_bytes"] for one in asked if one["status"] in (200, 206)
    )  # a 416 says that nothing is missing
    world.say(
        f"killed at {moment_s:.2f} s: {kept} bytes kept, {'stored, ' if stored else ''}{fetched} fetched"
        f" after, Range {[one['range'] for one in asked]}"
    )
    expect(
        fetched + kept <= SIZE or kept == 0,
        (
            f"after a kill at {moment_s:.2f} s the fill did not resume: {kept} bytes were kept,"
            f" {fetched} fetched"
        ),
    )
    expect(not (stored and fetched), f"what was stored at {moment_s:.2f} s was fetched again")
    breakwater.wait_idle()
    expect(not breakwater.partials(), f"partial files are left: {breakwater.partials()}")


def main(world):
    hub = world.registry()
    shaper = world.shaper(hub.address, RATE)
    breakwater = world.breakwater(upstream=shaper.url)
    whole_s = SIZE / RATE
    for number in range(MOMENTS):
        content = images.noise(f"killed-{number}", SIZE)
        digest = hub.push_blob("library/app", content)
        killed_at(
            world, breakwater, shaper, digest, content, 0.05 + number * (whole_s + 0.15) / (MOMENTS - 1)
        )
    for number in range(MOMENTS):
        content = images.noise(f"killed-{number}", SIZE)
        reply = http.get(breakwater.address, f"/v2/library/app/blobs/{images.digest_of(content)}")
        expect(reply.body == content, f"blob {number} is not right after all restarts")
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
