"""The real binary: its config, its addresses, its log, its metrics, its data folder."""

import json
import re
import signal
import subprocess

from . import http as web
from .world import BUILD, expect

BINARY = BUILD / "breakwater"
_LISTENING = re.compile(r'^.*\blistening\b.*$', re.M)
_FIELD = {name: re.compile(rf'"?\b{name}"?\s*[=:]\s*"?([^\s",}}]+)') for name in ("route", "address")}


def mirror_route(name, registry, upstream, **settings):
    """A route of the config, with one upstream or a list of them; `settings` are the mirror's, but bytes_max,
    allow and listen are the route's. Storage and token servers are on other ports of loopback than their
    registry."""
    route = {"name": name, "listen": settings.pop("listen", ["127.0.0.1:0"])}
    for key in ("bytes_max", "allow"):
        if key in settings:
            route[key] = settings.pop(key)
    private = {"allow_private": ["127.0.0.1"]}
    if isinstance(upstream, list):
        upstreams = [{"url": url, **private} for url in upstream]
        route["mirror"] = {"registry": registry, "upstream": upstreams, **settings}
    else:
        route["mirror"] = {"registry": registry, "upstream": upstream, **private, **settings}
    return route


def private_route(name="private", **settings):
    """A registry of its own; `settings` are the route's but for `registry`, which are the registry's."""
    who_pushes = {} if "access" in settings else {"allow_push": ["127.0.0.0/8"]}
    return {
        "name": name,
        "listen": ["127.0.0.1:0"],
        "registry": {"delete": True, **settings.pop("registry", {})},
        **who_pushes,
        **settings,
    }


class Breakwater:
    """`breakwater serve` on free ports. `upstream` alone gives one route, `dockerhub`, with `mirror` as its
    settings; `routes` gives any.

    `settings` are more keys of the config. `prefix` is a command that runs the binary, such as one that puts
    it in a cgroup.
    `binary` is another than that of this build: a version before, say."""

    def __init__(
        self,
        world,
        upstream=None,
        routes=None,
        data=None,
        mirror=None,
        settings=None,
        prefix=(),
        binary=BINARY,
        environment=None,
    ):
        self.world = world
        self.data = data or world.fresh_folder("data") / "data"
        routes = routes or [mirror_route("dockerhub", "docker.io", upstream, **(mirror or {}))]
        self.config = {
            "data": str(self.data),
            "bytes_max": "20GiB",
            "routes": routes,
            "metrics": {"listen": ["127.0.0.1:0"]},
            "log": {"level": "info", "format": "json"},
            **(settings or {}),
        }
        self.config_file = world.fresh_folder("config") / "breakwater.json"
        self._prefix = prefix
        self._binary = binary
        self._environment = environment
        self.start()

    def start(self, *more):
        self.write_config()
        arguments = [*self._prefix, self._binary, "serve", "--config", self.config_file, "--data", self.data]
        self.process = self.world.start("breakwater", [*arguments, *more], env=self._environment)
        self._wait_addresses()

    def write_config(self):
        self.config_file.write_text(json.dumps(self.config, indent=2))

    def take_over(self):
        """A new process takes the place of the one that serves, which ends."""
        before, addresses = self.process, self.addresses
        self.start("--take-over")
        same = self.addresses == addresses
        expect(same, f"after a restart it listens on {self.addresses}, not on {addresses}")
        status = before.wait()
        expect(status == 0, f"a process whose place was taken ended with {status}; it said:\n{before.tail()}")

    def reload(self):
        """SIGHUP; whether it has changed to what its configuration is now."""
        opened, refused = self._count("store_opened"), self._count("not_reloaded")
        self.write_config()
        self.process.child.send_signal(signal.SIGHUP)
        self.world.wait_until(
            lambda: self._count("store_opened") > opened or self._count("not_reloaded") > refused,
            "it reloads",
        )
        if self._count("not_reloaded") > refused:
            return False
        self._wait_addresses()
        return True

    def _count(self, event):
        return self.process.text().count(f'"event":"{event}"')

    def _wait_addresses(self):
        wanted = {route["name"] for route in self.config["routes"]} | {"metrics"}
        wanted |= {"admin"} & self.config.keys()
        self.addresses = {}
        self.world.wait_until(
            lambda: self._read_addresses() >= wanted, "breakwater listens on " + ", ".join(sorted(wanted))
        )

    def _read_addresses(self):
        for line in _LISTENING.findall(self.process.text()):
            found = {name: pattern.search(line) for name, pattern in _FIELD.items()}
            if all(found.values()):
                self.addresses[found["route"].group(1)] = found["address"].group(1)
        expect(
            self.process.running(),
            f"breakwater ended with {self.process.child.returncode}; it said:\n{self.process.tail()}",
        )
        return set(self.addresses)

    @property
    def address(self):
        """Of the only route."""
        return self.addresses[self.config["routes"][0]["name"]]

    def stop(self):
        self.process.terminate()
        self.wait_stopped()

    def wait_stopped(self):
        status = self.process.wait()
        expect(status == 0, f"breakwater ended with {status} after SIGTERM; it said:\n{self.process.tail()}")

    def kill(self):
        self.process.kill()

    # --- what it says of itself

    def metrics(self):
        """All samples: {'name{label="value",…}': number}; labels as they are printed."""
        reply = web.get(self.addresses["metrics"], "/metrics")
        expect(reply.status == 200, f"/metrics: {reply}")
        samples = {}
        for line in reply.body.decode().splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                samples[name] = float(value)
        return samples

    def metric(self, name, **labels):
        """The sum of all samples of that name with these labels; None if there is none."""
        found = [
            value
            for key, value in self.metrics().items()
            if key.partition("{")[0] == name
            and all(f'{label}="{wanted}"' in key for label, wanted in labels.items())
        ]
        return sum(found) if found else None

    def events(self):
        """Its log, parsed: lines of JSON."""
        events = []
        for line in self.process.lines():
            try:
                events.append(json.loads(line))
            except ValueError:
                pass
        return events

    def wait_event(self, is_it, what):
        """The log has a thread of its own: a metric may tell of something before it."""
        return self.world.wait_until(lambda: any(is_it(event) for event in self.events()), what, 15, 0.1)

    def access_lines(self, part="", method=None):
        """The access lines: the log has a thread of its own, so give it a moment, as wait_access_lines
        does."""
        return [
            event
            for event in self.events()
            if part in str(event.get("path", ""))
            and "status" in event
            and "cache" in event
            and method in (None, event.get("method"))
        ]

    def wait_access_lines(self, count, part="", method=None):
        return self.world.wait_until(
            lambda: (lines := self.access_lines(part, method)) and len(lines) >= count and lines,
            f"{count} access lines of {part}",
            5,
        )

    def partials(self):
        folder = self.data / "incoming"
        return [one for one in folder.iterdir()] if folder.exists() else []

    def blob_files(self):
        return [one for one in (self.data / "blobs").rglob("*") if one.is_file()]

    def wait_idle(self, timeout_s=60):
        """Until no fill runs."""
        self.world.wait_until(
            lambda: self.metric("breakwater_fills_running") == 0, "no fill runs", timeout_s, 0.05
        )

    def expect_nothing_left(self):
        """After all clients went and all fills ended: no buffer held, no partial file."""
        self.wait_idle()
        self.world.wait_until(lambda: self.metric("breakwater_buffer_bytes") == 0, "no buffer is held", 10)
        expect(not self.partials(), f"partial files are left: {self.partials()}")


def check_config(config_file, *more):
    """`breakwater check-config`: exit status and output."""
    done = subprocess.run(
        [BINARY, "check-config", "--config", config_file, *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=30,
    )
    return done.returncode, done.stdout.decode()
