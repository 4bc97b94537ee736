"""Clients that mean harm, or are broken: some of their requests are changed, cut, doubled, slowed down or
left. What comes must be HTTP, and never a wrong byte."""

import socket
import time

from . import attacks, mutations
from .clients import Member, expect_own_digest
from .wire import Broken, Reply, Request, Wire, reset

PATIENCE_S = 1.5  # with a server that says nothing


def ends(reply):
    """Whether the connection ends with it."""
    return (reply.header("Connection") or "").lower() == "close"


class HostileClient(Member):
    """`rate`: how many of its requests are not as they should be. `addresses`: by route, and "metrics"."""

    def __init__(self, crew, name, source, addresses, joint, rate):
        super().__init__(crew, name)
        self.source, self.addresses, self.joint, self.rate = source, addresses, joint, rate
        self._wire = None

    def round_once(self, chance):
        self.chance = chance
        dialogue = chance.choice(attacks.DIALOGUES)
        self.said.append(f"-- {dialogue.__name__}")
        try:
            dialogue(self, chance)
        except (Broken, ValueError, KeyError, TypeError, RecursionError):
            pass  # a dialogue that cannot go on with what came
        finally:
            self._leave()

    def connect(self):
        return Wire(self.address, self.source, PATIENCE_S)

    # --- what the dialogues use

    def to(self, route):
        self._leave()
        self.address = self.addresses[route]

    def ask(self, request, wanted):
        self.last = request
        is_changed = self.chance.random() < self.rate
        reply = self._ask_changed(request) if is_changed else self._ask(request, request.raw(self.address))
        if reply.status not in wanted and self.chance.random() < 0.7:
            raise Broken("nothing to go on with")
        return reply

    def location_of(self, reply, repository):
        location = reply.header("Location")
        if location and "/uploads/" in location:
            self.crew.locations.append(location)
        if not location or self.chance.random() < 0.1:
            others = [f"/v2/{repository}/blobs/uploads/{'0' * 32}", *list(self.crew.locations)[-20:]]
            location = self.chance.choice(others)
        return location

    # --- how requests are sent

    def _connected(self):
        if self._wire is None:
            self._wire = self.connect()
        return self._wire

    def _leave(self):
        if self._wire:
            if self.chance.random() < 0.3:
                reset(self._wire.socket)
            self._wire.close()
            self._wire = None

    def _ask(self, request, raw, body_max=None):
        wire = self._connected()
        self._say(request, raw)
        wire.send(raw)
        reply = wire.read_reply(request.method, body_max)
        self.said.append(f"   {reply}")
        self.crew.statuses[reply.status] += 1
        expect_own_digest(request, reply)
        if ends(reply) or not reply.complete:
            self._leave()
        return reply

    def _say(self, request, raw, how="as it is"):
        self.said.append(f"{self.address} {how}: {raw[:600]!r} ({len(raw)} bytes)")

    def _ask_changed(self, request):
        return self.chance.choice(
            (
                self._parts_changed,
                self._parts_changed,
                self._lying,
                self._bytes_changed,
                self._cut,
                self._pieces,
                self._left,
                self._pipelined,
            )
        )(request)

    def _parts_changed(self, request):
        changed = mutations.change_request(self.chance, request)
        reply = self._ask(changed, changed.raw(self.address))
        # A length beside its own takes of the next request, or leaves some of this one before it.
        if any(name in ("Content-Length", "Transfer-Encoding") for name, _ in changed.headers):
            self._leave()
        return reply

    def _lying(self, request):
        return self._anything(request, mutations.change_framing(self.chance, request, self.address))

    def _bytes_changed(self, request):
        return self._anything(request, mutations.change_bytes(self.chance, request.raw(self.address)))

    def _anything(self, request, raw):
        """Whatever comes begins as HTTP does; then it is over with this connection."""
        wire = self._connected()
        self._say(request, raw, "changed")
        wire.send(raw)
        if self.chance.random() < 0.5:
            wire.socket.shutdown(socket.SHUT_WR)
        reply = wire.read_reply("HEAD")
        self.crew.statuses[reply.status] += 1
        self._leave()
        return Reply(reply.status, reply.headers)

    def _cut(self, request):
        """Sends a part, and goes, or sends no more."""
        raw = request.raw(self.address)
        raw = raw[: self.chance.randint(0, max(0, len(raw) - 1))]
        wire = self._connected()
        self._say(request, raw, "cut")
        wire.send(raw)
        how = self.chance.randrange(4)
        if how == 0:
            reset(wire.socket)
        elif how == 1:
            wire.socket.shutdown(socket.SHUT_WR)
            wire.read_reply(request.method)
        elif how == 2:
            wire.read_reply(request.method)
        raise Broken("cut")

    def _pieces(self, request):
        raw = request.raw(self.address)
        at = sorted(self.chance.randint(0, len(raw)) for _ in range(self.chance.randint(1, 12)))
        wire = self._connected()
        self._say(request, raw, f"in pieces {at}")
        for begin, end in zip([0, *at], at):
            wire.send(raw[begin:end])
            time.sleep(0.005)  # so that each piece arrives alone
        return self._ask(request, raw[at[-1] :])

    def _left(self, request):
        """Goes in the middle of the reply."""
        reply = self._ask(request, request.raw(self.address), self.chance.choice((0, 1, 1000, 100000)))
        self._leave()
        return reply

    def _pipelined(self, request):
        """Several at once; the replies come in order, until one says that it is the last: what the request
        before has taken for its body is none, say."""
        raw, count = request.raw(self.address), self.chance.choice((2, 3, 10))
        wire = self._connected()
        self._say(request, raw, f"{count} times")
        wire.send(raw * count)
        for _ in range(count):
            reply = wire.read_reply(request.method)
            expect_own_digest(request, reply)
            if not reply.complete:
                raise Broken("closed in a body")
            if ends(reply):
                self._leave()
                break
        return reply
