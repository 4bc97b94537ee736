"""Clients: threads that hold dialogues until they are told to stop."""

import collections
import random
import threading
import time
import traceback

from . import content
from .wire import Broken, Wire

GIVE_UP_S = 120  # with a server that says "later", or that is too busy
ALONE_S = 2  # a connection that nobody used for longer may be closed by the server


class Fault(Exception):
    """What was promised did not happen."""


class Crew:
    """Who takes part, and how it stands."""

    def __init__(self, seed):
        self.seed = seed
        self.stopping = threading.Event()
        self.server_is_ending = threading.Event()  # whose end may break any connection
        self.members = []
        self.fault = None  # the first, in words
        self.locations = collections.deque(maxlen=200)  # of uploads, of all clients
        self.statuses = collections.Counter()

    def start(self, members):
        self.members = list(members)
        for member in self.members:
            member.start()

    def stop(self, timeout_s=180):
        self.stopping.set()
        for member in self.members:
            member.join(timeout_s)
            if member.is_alive():
                self.report(f"{member.name} does not come back")

    def say(self, world):
        for member in self.members:
            world.say(f"{member.name}: {member.rounds} rounds")
        replies = (f"{count} of {status}" for status, count in sorted(self.statuses.items()))
        world.say("replies: " + ", ".join(replies))

    def report(self, text):
        if self.fault is None:
            self.fault = text
        self.stopping.set()


class Member(threading.Thread):
    """Something that is repeated; `round_once(chance)` does it once."""

    def __init__(self, crew, name):
        super().__init__(daemon=True, name=name)
        self.crew, self.rounds = crew, 0
        self.said = collections.deque(maxlen=12)  # the last requests and replies

    def run(self):
        while not self.crew.stopping.is_set():
            try:
                self.round_once(random.Random(f"{self.crew.seed} {self.name} {self.rounds}"))
            except Broken:
                if not self.crew.server_is_ending.is_set():
                    self._report()
                return
            except Exception:  # a fault, of the server or of this program
                self._report()
                return
            self.rounds += 1

    def _report(self):
        said = "\n".join(self.said)
        self.crew.report(f"{self.name}, round {self.rounds}:\n{said}\n{traceback.format_exc()}")

    def round_once(self, chance):
        raise NotImplementedError


class HonestClient(Member):
    """Speaks right, and takes nothing but what is right. What means "later" is asked again: the statuses
    `later` and, if `asks_again`, what was cut short."""

    def __init__(self, crew, name, source, later=(429, 503), asks_again=False):
        super().__init__(crew, name)
        self.source, self._wires = source, {}
        self.later, self.asks_again = later, asks_again

    def to(self, address):
        """From now on that server is asked."""
        self.address = address
        return self

    def ask(self, request, wanted):
        deadline = time.monotonic() + GIVE_UP_S
        while True:
            reply = self._ask_once(request)
            self.crew.statuses[reply.status] += 1
            self.said.append(
                f"{request.method} {request.target} {request.headers} {len(request.body)} bytes -> {reply}",
            )
            is_later = reply.status in self.later or (self.asks_again and not reply.complete)
            if not is_later or time.monotonic() > deadline:
                break
            if self.crew.server_is_ending.is_set():
                raise Broken("ended")
            time.sleep(0.1)  # as it was told to
        if reply.status not in wanted or not reply.complete:
            if self.crew.server_is_ending.is_set():
                raise Broken("ended")
            raise Fault(
                f"{request.method} {request.target} of {self.address}: wanted {wanted}, and came {reply}"
            )
        expect_own_digest(request, reply)
        return reply

    def _ask_once(self, request):
        wire, used = self._wires.pop(self.address, (None, 0))
        if wire and time.monotonic() - used > ALONE_S:
            wire.close()
            wire = None
        wire = wire or Wire(self.address, self.source, GIVE_UP_S)
        wire.send(request.raw(self.address))
        reply = wire.read_reply(request.method)
        if (reply.header("Connection") or "").lower() == "close" or not reply.complete:
            wire.close()
        else:
            self._wires[self.address] = wire, time.monotonic()
        return reply

    def location_of(self, reply, repository):
        return reply.header("Location")


def expect_own_digest(request, reply):
    """No whole body of a manifest or blob that was asked for by its digest, or that says which digest it has,
    is another one's."""
    if request.method != "GET" or reply.status != 200 or not reply.complete:
        return
    for digest in (
        reply.header("Docker-Content-Digest"), request.target.partition("?")[0].rpartition("/")[2]
    ):
        if digest and digest.startswith(("sha256:", "sha512:")) and "/referrers/" not in request.target:
            if not content.is_right(digest, reply.body):
                raise Fault(f"GET {request.target}: a wrong byte: {reply}")


def expect(condition, text):
    if not condition:
        raise Fault(text)
