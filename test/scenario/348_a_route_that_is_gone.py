"""A route that is taken out of the configuration counts on: a start says so, with what to do, `gc --dry-run`
and a metric too. `forget-route` tells, asks on a terminal, and gives its room back, served or not; of a route
that is configured it keeps its hands."""

import json
import os
import pty
import subprocess

from harness import expect, http, images, scenario
from harness.breakwater import BINARY, private_route
from harness.pushes import held
from harness.registry import push


def image_of(seed, *layers):
    image = images.Image()
    image.add_platform(seed, [(name, images.noise(name, 300_000)) for name in layers])
    return image


def run(registry, *arguments, **settings):
    """Exit status and output."""
    done = subprocess.run(
        [str(one) for one in (BINARY, *arguments, "--config", registry.config_file, "--data", registry.data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        **{"stdin": subprocess.DEVNULL, **settings},
    )
    return done.returncode, done.stdout.decode()


def run_on_terminal(registry, answer, *arguments):
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode() + b"\n")
    try:
        return run(registry, *arguments, stdin=theirs)
    finally:
        os.close(theirs)
        os.close(ours)


def expect_told(told, status, *words):
    code, text = told
    expect(code == status, f"ended with {code}, not {status}: {text}")
    for one in words:
        expect(one in text, f"{one!r} is not said in:\n{text}")


def stored(registry):
    return sum(one.stat().st_size for one in registry.blob_files())


def main(world):
    names = ("private", "old", "older", "oldest")
    registry = world.breakwater(routes=[private_route(name) for name in names])
    common = image_of("common", "base", "top")
    for name in names:
        push(registry.addresses[name], "team/app", "v1", common)
        push(registry.addresses[name], "team/app", "v2", image_of(name, "base", f"only {name}"))
    expect_told(run(registry, "forget-route", "old", "--yes"), 1, "the route old is configured")
    registry.stop()

    registry.config["routes"] = registry.config["routes"][:1]
    registry.start()
    registry.wait_event(lambda event: "route_not_configured" in json.dumps(event), "a warning at the start")
    text = registry.process.text()
    for name in names[1:]:
        expect(f"breakwater forget-route {name}" in text, f"the start does not say what to do about {name}")
        said = run(registry, "gc", "--dry-run")
        expect_told(said, 0, f"route {name} (its route is not configured any more")
        expect(registry.metric("breakwater_store_unconfigured_bytes", route=name) > 0, f"no metric of {name}")

    # Served: told, asked, refused, done.
    before = stored(registry)
    expect_told(run(registry, "forget-route", "old", "--dry-run"), 0, "would be forgotten: 2 tags")
    expect_told(run_on_terminal(registry, "private", "forget-route", "old"), 1, "nothing was done")
    expect(stored(registry) == before, "it deletes what was not confirmed")
    expect_told(run_on_terminal(registry, "old", "forget-route", "old"), 0, "the route old is forgotten")
    expect(stored(registry) < before - 300_000, "the room did not come back")
    expect(registry.metric("breakwater_store_unconfigured_bytes", route="old") is None, "it counts still")
    expect_told(run(registry, "forget-route", "old", "--yes"), 1, "nothing is left of a route old")
    expect_told(run(registry, "forget-route", "private", "--yes"), 1, "is configured")

    # Not served, without a terminal and with one.
    registry.stop()
    before = stored(registry)
    expect_told(run(registry, "forget-route", "older"), 0, "the route older is forgotten")
    refused = run_on_terminal(registry, "no", "forget-route", "oldest")
    expect_told(refused, 1, "would be forgotten", "nothing was done")
    expect_told(run_on_terminal(registry, "oldest", "forget-route", "oldest"), 0, "oldest is forgotten")
    expect(stored(registry) < before - 600_000, "the room did not come back")
    expect_told(run(registry, "verify"), 0)
    registry.start()
    for tag in ("v1", "v2"):
        expect(held(registry.address, "team/app", tag).blobs, f"{tag} of the route that stays is gone")
    expect("route_not_configured" not in registry.process.text(), "a start warns of what is forgotten")
    expect(registry.metric("breakwater_accounting_errors_total") == 0, "accounts went wrong")
    used = registry.metric("breakwater_store_bytes", route="private")
    expect(used == registry.metric("breakwater_store_whole_bytes"), f"private has {used} bytes of all")
    reply = http.get(registry.address, "/v2/team/app/tags/list")
    expect(reply.json()["tags"] == ["v1", "v2"], f"tags: {reply}")


if __name__ == "__main__":
    scenario(main)
