"""Many clients at once: what is measured of them, and what nginx with docker-registry does beside it."""

import statistics

from . import images
from .registry import Nginx, cache_lock_block
from .tools import swarm
from .world import expect, expect_at_most

RATE = 60_000_000  # bytes/s from upstream
CLIENTS = 50
ACCEPT = f"Accept: {images.ACCEPT}"
END_MAX = 1.1  # times one lone download; a bar of the benchmark
SPREAD_MAX_S = 0.1


class Crowd:
    """What one crowd did. `sent`: bytes of the thing that upstream sent, in times its size; `again`: what
    upstream was asked for twice."""

    def __init__(self, report, size, requests, alone_s):
        self.report, self.size, self.alone_s = report, size, alone_s
        self.sent = sum(one["body_bytes"] for one in requests) / size
        asked = [one["target"] for one in requests if one["method"] == "GET"]
        self.again = sorted({one for one in asked if asked.count(one) > 1})

    @property
    def spread_s(self):
        return spread_s(self.report)

    @property
    def end_ratio(self):
        return end_s(self.report) / self.alone_s

    def say(self, world, name):
        first = statistics.median(client["first_byte_s"] for client in self.report["clients"])
        world.say(
            f"{name:34} upstream sent {self.sent:5.2f}x   first byte: median {first * 1000:7.0f} ms, spread"
            f" {self.spread_s * 1000:7.0f} ms   end {end_s(self.report):6.2f} s   {self.end_ratio:5.2f} x"
            " alone"
        )


def spread_s(report):
    """From the first client's first byte to the last client's."""
    firsts = [client["first_byte_s"] for client in report["clients"]]
    return max(firsts) - min(firsts)


def end_s(report):
    return max(client["end_s"] for client in report["clients"])


def expect_complete(report, bytes_each, what):
    for number, client in enumerate(report["clients"]):
        expect(
            client["end"] == "complete"
            and client["bytes"] == bytes_each
            and set(client["statuses"]) == {200},
            f"{what}: client {number}: {client}",
        )


def expect_hashes(report, paths, what):
    hashed = [client for client in report["clients"] if client["sha256"]]
    expect(hashed, f"{what}: nobody hashed")
    for client in hashed:
        for path, got in zip(paths, client["sha256"]):
            expect("sha256:" not in path or path.endswith(got), f"{what}: {path} came out as {got}")


def expect_promises(crowd):
    """One transfer, and everybody streams while it runs. How soon all have ended `test/perf/run crowds`
    judges, beside nginx."""
    expect(
        crowd.sent <= 1.0 and not crowd.again,
        f"upstream sent {crowd.sent:.4f} times the bytes; asked for twice: {crowd.again}",
    )
    expect_at_most(
        crowd.spread_s, SPREAD_MAX_S, "seconds from the first client's first byte to the last one's"
    )


def run_both(world, hub, paths_of, sizes):
    """`paths_of` and `sizes` have `alone`, `together` and `beside`. Returns (Breakwater, its crowd, nginx's
    crowd); prints a row for each."""
    world.measure()
    hub.stop()
    hub.start()
    shaper = world.shaper(hub.address, RATE)
    breakwater = world.breakwater(upstream=shaper.url)
    alone = swarm(world, breakwater.address, paths_of["alone"], headers=[ACCEPT])
    expect_complete(alone, sizes["alone"], "alone")
    alone_s = end_s(alone)
    world.say(f"{'breakwater, one client':34} {alone_s:.2f} s")

    breakwater.wait_idle()
    shaper.reset()
    cpu_s = breakwater.process.cpu_s()
    report = swarm(
        world, breakwater.address, paths_of["together"], clients=CLIENTS, hash_every=CLIENTS, headers=[ACCEPT]
    )
    cpu_s = breakwater.process.cpu_s() - cpu_s
    expect_complete(report, sizes["together"], "the crowd")
    expect_hashes(report, paths_of["together"], "the crowd")
    crowd = Crowd(report, sizes["together"], shaper.requests("/v2/library/app/"), alone_s)
    crowd.say(world, "breakwater")
    world.say(
        f"{'':34} {cpu_s:.2f} CPU s ({report['cpu_s']:.2f} the clients'), peak RSS"
        f" {breakwater.process.rss_peak_bytes() / images.MEBI:.0f} MiB"
    )
    return breakwater, crowd, _nginx_beside(world, hub, paths_of["beside"], sizes["beside"], alone_s)


def _nginx_beside(world, hub, paths, size, alone_s):
    """The replaced stack, on the same load: nginx with proxy_cache_lock, docker-registry in proxy mode behind
    it."""
    shaper = world.shaper(hub.address, RATE)
    proxy = world.registry(proxy=shaper.url, name="docker-registry-proxy")
    nginx = Nginx(world, cache_lock_block(proxy.address))
    report = swarm(world, nginx.address, paths, clients=CLIENTS, headers=[ACCEPT])
    crowd = Crowd(report, size, shaper.requests("/v2/library/app/"), alone_s)
    crowd.say(world, "nginx lock + docker-registry proxy")
    nginx.process.stop()
    proxy.stop()
    return crowd


def one_layer(world):
    """Everybody asks for one cold layer of 256 MiB."""
    hub = world.registry()
    size = 256 * images.MEBI
    names = ("alone", "together", "beside")
    paths = {
        name: [f"/v2/library/app/blobs/{hub.push_blob('library/app', images.noise('layer-' + name, size))}"]
        for name in names
    }
    return run_both(world, hub, paths, {name: size for name in names})


def one_image(world):
    """Everybody pulls one cold image whole: index, manifest, config, layers, on one connection each."""
    hub = world.registry()
    paths, sizes = {}, {}
    for name in ("alone", "together", "beside"):
        image = images.multi_platform("image-" + name, 96 * images.MEBI)
        hub.push("library/app", name, image)
        # The index comes by its digest: clients ask for the tag with HEAD.
        paths[name] = image.paths("library/app")
        held = {**image.blobs, **{one.digest: one.bytes for one in image.manifests}}
        sizes[name] = sum(len(held[path.rpartition("/")[2]]) for path in paths[name])
    return run_both(world, hub, paths, sizes)
