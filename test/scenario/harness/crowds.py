"""Many clients at once: what is promised of them, and what nginx with docker-registry does beside it."""

import statistics

from .registry import Nginx, cache_lock_block
from .tools import swarm
from .world import expect, expect_at_most

RATE = 60_000_000  # bytes/s from upstream
CLIENTS = 50


def spread_s(report):
    """From the first client's first byte to the last client's."""
    firsts = [client["first_byte_s"] for client in report["clients"]]
    return max(firsts) - min(firsts)


def end_s(report):
    return max(client["end_s"] for client in report["clients"])


def expect_complete(report, bytes_each, what):
    for number, client in enumerate(report["clients"]):
        expect(client["end"] == "complete" and client["bytes"] == bytes_each and set(client["statuses"]) == {200}, f"{what}: client {number}: {client}")


def expect_hashes(report, paths, what):
    hashed = [client for client in report["clients"] if client["sha256"]]
    expect(hashed, f"{what}: nobody hashed")
    for client in hashed:
        for path, got in zip(paths, client["sha256"]):
            expect("sha256:" not in path or path.endswith(got), f"{what}: {path} came out as {got}")


def say_row(world, name, sent, alone_s, report):
    firsts = sorted(client["first_byte_s"] for client in report["clients"])
    world.say(f"{name:34} upstream sent {sent:5.2f}x   first byte: median {statistics.median(firsts) * 1000:7.0f} ms, spread {spread_s(report) * 1000:7.0f} ms"
              f"   end {end_s(report):6.2f} s   {end_s(report) / alone_s:5.2f} x alone")


def nginx_beside(world, hub, paths, size, alone_s, headers=()):
    """The replaced stack, on the same load: nginx with proxy_cache_lock, docker-registry in proxy mode behind it."""
    shaper = world.shaper(hub.address, RATE)
    proxy = world.registry(proxy=shaper.url, name="docker-registry-proxy")
    nginx = Nginx(world, cache_lock_block(proxy.address))
    report = swarm(world, nginx.address, paths, clients=CLIENTS, headers=list(headers))
    say_row(world, "nginx lock + docker-registry proxy", shaper.body_bytes("/v2/library/app/") / size, alone_s, report)
    nginx.process.stop()
    proxy.stop()
