"""The server under test: its routes, what it must be while it is asked, and what may be left of it after."""

import collections
import http.client
import json
import os
import pathlib
import re
import subprocess
import threading
import time

from harness import http as web
from harness.breakwater import BINARY, Breakwater, mirror_route, private_route
from harness.world import Failure, expect

from .upstream import Upstream
from .wire import Request, Wire

SANITIZERS = re.compile(r"(AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|terminate called)")
SUPPRESSIONS = pathlib.Path(__file__).resolve().parents[2] / "tsan.supp"
# With the longest history: without its stack, a write by RocksDB long ago is not known as RocksDB's.
TSAN_OPTIONS = f"suppressions={SUPPRESSIONS} history_size=7"
UPLOAD_EXPIRY_S = 5
LIVE_S = 60  # no measure: the machine does other things too
LEFT_S = 120  # uploads that have expired are looked for twice a minute
# Descriptors that are kept for the next who asks: at most so many.
KEPT = {"blobs": 512, "upstream": 256, "catalog": 1000}
PLACES = (
    "connections",
    "requests_running",
    "fills_running",
    "fill_followers",
    "buffer_bytes",
    "uploads_open",
    "worker_queue",
)


class Appliance:
    """A Breakwater with a registry of its own, and mirrors of a tame upstream, of wild ones, and of both."""

    def __init__(self, world, seed, settings=None):
        """`settings`: instead of what SETTINGS has of them."""
        self.world = world
        self.tame = Upstream("tame", seed, wild=False)
        self.wild = [Upstream(f"wild-{number}", seed, wild=True) for number in range(2)]
        self.upstreams = [self.tame, *self.wild]
        os.environ["TSAN_OPTIONS"] = TSAN_OPTIONS
        os.environ["UBSAN_OPTIONS"] = "print_stacktrace=1"
        self.breakwater = Breakwater(world, routes=self._routes(), settings=SETTINGS | (settings or {}))
        self.held_before = self.held()

    def _routes(self):
        # A small bound: what is pulled drives out what was.
        mirror = {"fresh": "1s", "missing": "1s", "manifest_timeout": "5s", "bytes_max": "48MiB"}
        tame, wild, wilder = self.tame.url, self.wild[0].url, self.wild[1].url
        retention = [{"repositories": ["h*"], "keep_last": 1000, "untagged_after": "2s"}]
        registry = {"lease": "60s", "upload_expiry": f"{UPLOAD_EXPIRY_S}s", "retention": retention}
        return [
            private_route(registry=registry, bytes_max="2GiB"),
            mirror_route("tame", "tame.example", tame, **mirror),
            mirror_route("wild", "wild.example", wild, **mirror),
            mirror_route("wilder", "wilder.example", wilder, **mirror),
            mirror_route("pair", "pair.example", [wilder, tame], **mirror),
            {
                "name": "any",
                "listen": ["127.0.0.1:0"],
                "any": {"registries": ["wild.example"], "upstreams": {"wild.example": wild}},
            },
        ]

    @property
    def addresses(self):
        return self.breakwater.addresses

    # --- while it is asked

    def start_watch(self, crew):
        """Until the crew stops, or ends the server: it runs, is alive, and its buffers are bounded."""
        watch = threading.Thread(target=self._watch, args=(crew,), daemon=True, name="watch")
        watch.start()
        return watch

    def _watch(self, crew):
        while not crew.stopping.wait(0.5) and not crew.server_is_ending.is_set():
            try:
                self._look()
            except (OSError, http.client.HTTPException, Failure) as error:
                if not crew.server_is_ending.is_set():
                    crew.report(f"breakwater does not say that it is well: {error!r}")

    def _look(self):
        process = self.breakwater.process
        expect(process.running(), f"it ended with {process.child.returncode}")
        live = web.get(self.addresses["metrics"], "/livez", timeout_s=LIVE_S)
        expect(live.status == 200, f"/livez: {live}")
        metrics = self.breakwater.metrics()
        held, bound = metrics["breakwater_buffer_bytes"], metrics["breakwater_buffer_bytes_max"]
        expect(held <= bound, f"{held} bytes of buffers, where {bound} are the bound")

    # --- what is left

    def held(self):
        """Descriptors, by what they are: connections to upstreams, other sockets, files by their folder."""
        kinds, idle = collections.Counter(), self._to_upstreams()
        folder = f"/proc/{self.breakwater.process.pid}/fd"
        for name in os.listdir(folder):
            try:
                target = os.readlink(f"{folder}/{name}")
            except OSError:
                continue
            inside = target.removeprefix(f"{self.breakwater.data}/")
            if target in idle:
                kinds["upstream"] += 1
            elif inside == target:
                kinds[target.partition(":")[0]] += 1
            else:
                kinds["deleted files" if target.endswith("(deleted)") else inside.partition("/")[0]] += 1
        return kinds

    def _to_upstreams(self):
        """The sockets of the connections to upstreams, as /proc/<pid>/fd names them."""
        ports = {int(one.address.rpartition(":")[2]) for one in self.upstreams}
        found = set()
        with open(f"/proc/{self.breakwater.process.pid}/net/tcp") as table:
            for line in list(table)[1:]:
                fields = line.split()
                if int(fields[2].rpartition(":")[2], 16) in ports:
                    found.add(f"socket:[{fields[9]}]")
        return found

    def left(self):
        """What should not be there when nobody asks for anything, in words."""
        metrics = self.breakwater.metrics()
        found = []
        for key, value in metrics.items():
            name, _, labels = key.partition("{")
            name = name.removeprefix("breakwater_")
            # The question itself is one connection, and one request.
            own = 1 if 'route="metrics"' in labels and name in ("connections", "requests_running") else 0
            if (name in PLACES or name.endswith("_reserved_bytes")) and value > own:
                found.append(f"{key} {value:.0f}")
        found += self._partials_left(metrics)
        held = self.held()
        for kind in held:
            bound = KEPT.get(kind, self.held_before[kind])
            if held[kind] > bound:
                found.append(f"{held[kind]} descriptors of {kind}, {self.held_before[kind]} at the start")
        return found

    def _partials_left(self, metrics):
        """A download that broke off, by a 401 say, keeps what it has for whoever asks next (P3). Nothing else
        stays, and each of these is one that the server knows and may evict: a file beyond is lost."""
        kept, other = [], []
        for one in self.breakwater.partials():
            (kept if one.name.startswith("fill-") else other).append(f"the partial file {one.name}")
        known = sum(
            value
            for key, value in metrics.items()
            if key.startswith("breakwater_broken_off{") and 'kind="download"' in key
        )
        return other + (kept if len(kept) != known else [])

    def expect_nothing_left(self, locations):
        """`locations`: uploads, which must have expired."""
        deadline = time.monotonic() + LEFT_S
        while found := self.left():
            expect(time.monotonic() < deadline, "left when all had gone: " + "; ".join(found))
            time.sleep(0.2)
        wire = Wire(self.addresses["private"], "127.0.0.1", LIVE_S)
        for location in locations:
            request = Request("GET", location)
            wire.send(request.raw(wire.host))
            reply = wire.read_reply()
            expect(reply.status == 404, f"the upload {location} has not expired: {reply}")
        wire.close()

    def start(self):
        """Again, after stop()."""
        self.breakwater.start()

    def stop(self):
        self.breakwater.process.terminate()
        status = self.breakwater.process.wait(300)
        expect(status == 0, f"breakwater ended with {status}")

    # --- what it said

    def expect_clean_log(self):
        """No sanitizer spoke, each line is JSON, and no request was answered 500."""
        for line in open(self.breakwater.process.log, encoding="utf-8", errors="replace"):
            expect(not SANITIZERS.search(line), f"a sanitizer, in {self.breakwater.process.log}: {line}")
            try:
                event = json.loads(line)
            except ValueError:
                expect(False, f"no line of the log: {line!r}")
            expect(event.get("status") != 500, f"answered 500: {line}")

    def verb(self, *arguments, timeout_s=300):
        """`breakwater <arguments>` on this configuration and folder: (status, output)."""
        done = subprocess.run(
            [BINARY, *arguments, "--config", self.breakwater.config_file, "--data", self.breakwater.data],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
        )
        output = done.stdout.decode("utf-8", "replace")
        expect(not SANITIZERS.search(output), f"a sanitizer, in breakwater {arguments}:\n{output}")
        return done.returncode, output

    def expect_verified(self):
        status, output = self.verb("verify")
        expect(status == 0, f"breakwater verify: {status}\n{output}")


SETTINGS = {
    "buffer_bytes_max": "32MiB",
    "drain_timeout": "10s",
    "server": {
        "idle_timeout": "10s",
        "header_timeout": "3s",
        "body_timeout": "3s",
        "write_timeout": "5s",
    },
    "upstream": {"connect_timeout": "2s", "stall_timeout": "2s"},
    "scrub": {"bytes_per_second": "32MiB", "pause": "1s"},
    "log": {"level": "info", "format": "json"},
}
