"""The C++ programs of test/tools: shaper, swarm and pusher."""

import json
import subprocess
import urllib.parse

from .world import BUILD, Failure


class Shaper:
    """In front of a registry: slow, breaking, counting. See test/tools/shaper.cc for the rules."""

    def __init__(self, world, to, rate=0):
        self.process = world.start("shaper", [BUILD / "shaper", "--to", to, "--rate", rate], commands=True)
        self.address = self._line().split()[1]

    @property
    def url(self):
        return "http://" + self.address

    def _line(self):
        line = self.process.child.stdout.readline().decode()
        if not line:
            raise Failure("the shaper ended: " + self.process.tail())
        return line.strip()

    def _tell(self, command):
        self.process.child.stdin.write((command + "\n").encode())
        self.process.child.stdin.flush()
        answer = json.loads(self._line())
        if "error" in answer:
            raise Failure(answer["error"])
        return answer

    def rate(self, bytes_per_second):
        self._tell(f"rate {bytes_per_second}")

    def refuse(self):
        self._tell("refuse")

    def blackhole(self):
        self._tell("blackhole")

    def accept(self):
        self._tell("accept")

    def rule(self, action, **values):
        self._tell(
            f"rule {action} "
            + " ".join(f"{key}={urllib.parse.quote(str(value))}" for key, value in values.items())
        )

    def clear(self):
        self._tell("clear")

    def reset(self):
        self._tell("reset")

    def stats(self):
        return self._tell("stats")

    def requests(self, part="", method=None):
        return [
            one
            for one in self.stats()["requests"]
            if part in one["target"] and method in (None, one["method"])
        ]

    def body_bytes(self, part=""):
        return sum(one["body_bytes"] for one in self.requests(part))


def swarm(world, address, paths, timeout_s=300, **options):
    """Runs the load client to its end; its report. Options as in test/tools/swarm.cc, with _ for -."""
    return finish_swarm(start_swarm(address, paths, timeout_s=timeout_s, **options))


def start_swarm(address, paths, **options):
    arguments = [str(BUILD / "swarm"), "--to", address]
    for path in paths:
        arguments += ["--path", path]
    for header in options.pop("headers", []):
        arguments += ["--header", header]
    if "timeout_s" in options:
        options["timeout"] = options.pop("timeout_s")
    for name, value in options.items():
        arguments += ["--" + name.replace("_", "-"), str(value)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE)


def finish_swarm(child):
    output, _ = child.communicate()
    if child.returncode != 0:
        raise Failure(f"swarm ended with {child.returncode}")
    return json.loads(output)


def push_images(address, **options):
    """Many clients push an image each: the report of test/tools/pusher.cc, all of whose clients came to their
    end."""
    arguments = [str(BUILD / "pusher"), "--to", address]
    for name, value in options.items():
        arguments += ["--" + name, str(value)]
    done = subprocess.run(arguments, stdout=subprocess.PIPE)
    if done.returncode != 0:
        raise Failure(f"pusher ended with {done.returncode}")
    report = json.loads(done.stdout)
    for number, client in enumerate(report["clients"]):
        if client["end"] != "complete":
            raise Failure(f"client {number} of a push: {client}")
    return report
