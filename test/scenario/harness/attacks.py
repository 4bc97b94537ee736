"""Clients that mean harm: thousands of raw sockets in a process of their own, from one address or from many.
An attack goes on until it is stopped, and tells what it was answered."""

import asyncio
import collections
import itertools
import multiprocessing
import os
import resource
import socket
import time

from .world import expect

BACK_AFTER_S = 0.5  # whoever was cut off or refused comes back
_RECEIVED_MAX = 1 << 18
_STATUS = b"HTTP/1.1 "
_STATUS_BYTES = len(_STATUS) + 3


def one_client():
    return ["127.0.1.1"]


def many_clients(count=40):
    return [f"127.0.1.{number + 1}" for number in range(count)]


def request(target, method="GET", headers=(), body=b"", host="127.0.0.1"):
    """A request in raw bytes; `headers` are whole lines."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class Tally(collections.Counter):
    """What came of an attack: how often each status, and `cut` for each connection that was cut or refused.
    It is going on when each of those who take part has_begun()."""

    def __init__(self):
        super().__init__()
        self.going_on = asyncio.Event()
        self._waiting = None

    def expect_begun(self, count):
        self._waiting = count

    def has_begun(self):
        """One more of those who take part has done what the attack is."""
        self._waiting -= 1
        if self._waiting == 0:
            self.going_on.set()


class Peer:
    """One connection. Whatever ends it is an OSError."""

    def __init__(self, tally, address, source, receive_buffer=None):
        self._tally = tally
        self._loop = asyncio.get_running_loop()
        host, _, port = address.rpartition(":")
        self._to = (host, int(port))
        self._socket = socket.socket()
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.bind((source, 0))
        self._carry = b""
        self.replies = 0

    async def connect(self):
        await self._loop.sock_connect(self._socket, self._to)

    async def send(self, content):
        await self._loop.sock_sendall(self._socket, content)

    async def receive(self):
        content = await self._loop.sock_recv(self._socket, _RECEIVED_MAX)
        if not content:
            raise ConnectionResetError("closed")
        self._count(content)
        return content

    def _count(self, content):
        content = self._carry + content
        at = done = 0
        while (at := content.find(_STATUS, at)) >= 0 and at + _STATUS_BYTES <= len(content):
            status = content[at + len(_STATUS) : at + _STATUS_BYTES].decode("latin-1")
            at = done = at + _STATUS_BYTES
            if status != "100":
                self._tally[status] += 1
                self.replies += 1
        self._carry = content[max(done, len(content) - _STATUS_BYTES + 1) :]

    def look(self):
        """Counts what has come and was not received."""
        try:
            self._count(self._socket.recv(_RECEIVED_MAX))
        except OSError:
            self._tally["cut or silent"] += 1

    async def answered(self, count):
        """Until so many replies have begun to come, since the connection is there."""
        while self.replies < count:
            await self.receive()

    async def one_reply(self):
        """The head of a reply without a body."""
        head = b""
        while b"\r\n\r\n" not in head:
            head += await self.receive()
        return head.decode("latin-1")

    async def closed(self):
        while True:
            await self.receive()

    def close(self):
        self._socket.close()


async def _again_and_again(tally, address, source, act, receive_buffer=None):
    """`act(peer, begun)` on one connection after the other; it calls `begun` when it has done what it came
    for."""
    has_begun = False

    def begun():
        nonlocal has_begun
        if not has_begun:
            has_begun = True
            tally.has_begun()

    while True:
        peer = Peer(tally, address, source, receive_buffer)
        try:
            await peer.connect()
            await act(peer, begun)
        except OSError:
            tally["cut"] += 1
            begun()  # who is not let in takes part too
            await asyncio.sleep(BACK_AFTER_S)
        finally:
            peer.close()


async def crowd(tally, address, sources, connections, act, receive_buffer=None):
    """So many connections from these addresses in turn, each of which does `act`."""
    tally.expect_begun(connections)
    async with asyncio.TaskGroup() as group:
        for number in range(connections):
            source = sources[number % len(sources)]
            group.create_task(_again_and_again(tally, address, source, act, receive_buffer))


# --- what they do


def pipelines(requests):
    """Sends all of these at once, reads what comes, and does so again. `requests` are raw bytes each, or a
    function that makes those of the next round."""

    async def act(peer, begun):
        while True:
            batch = requests() if callable(requests) else requests
            before = peer.replies
            sending = asyncio.ensure_future(peer.send(b"".join(batch)))
            begun()
            try:
                await peer.answered(before + len(batch))
                await sending
            finally:
                sending.cancel()

    return act


def paced(request_of, every_s):
    """Sends what `request_of()` gives and waits for the answer, at most once in `every_s`."""

    async def act(peer, begun):
        at = time.monotonic()
        while True:
            before = peer.replies
            await peer.send(request_of())
            begun()
            await peer.answered(before + 1)
            at = max(at + every_s, time.monotonic())
            await asyncio.sleep(at - time.monotonic())

    return act


def pipelines_once(requests):
    """Sends what the iterator `requests` gives, a few at a time, and goes on with the rest where it is cut
    off; then rests. The attack is going on when all were answered."""

    async def act(peer, begun):
        while batch := list(itertools.islice(requests, 50)):
            before = peer.replies
            await peer.send(b"".join(batch))
            await peer.answered(before + len(batch))
        begun()
        await peer.closed()

    return act


def reads_nothing(requests):
    """Sends these, or what the function `requests` makes for each, and takes nothing of the answers; in the
    end it looks how they begin."""

    async def act(peer, begun):
        batch = requests() if callable(requests) else requests
        sending = asyncio.ensure_future(peer.send(b"".join(batch)))
        begun()
        try:
            await sending
            await asyncio.Event().wait()
        finally:
            sending.cancel()
            peer.look()

    return act


def holds(first=b"", then=b"", every_s=None):
    """Sends `first`, and `then` every so often; waits until it is cut off."""

    async def drip(peer):
        while True:
            await asyncio.sleep(every_s)
            await peer.send(then)

    async def act(peer, begun):
        if first:
            await peer.send(first)
        begun()
        dripping = asyncio.ensure_future(drip(peer)) if then else None
        try:
            await peer.closed()
        finally:
            if dripping:
                dripping.cancel()

    return act


def begins_uploads(repository, head_lines, first):
    """POST, and a PATCH with these lines in its head and these first bytes of its body; waits until it is cut
    off."""

    async def act(peer, begun):
        location = await _begin(peer, repository)
        await peer.send(request(location, "PATCH", head_lines, first))
        begun()
        await peer.closed()

    return act


def leaves_uploads(repository):
    """POST and a PATCH of one byte, over and over."""

    async def act(peer, begun):
        while True:
            location = await _begin(peer, repository)
            lines = ["Content-Length: 1", "Content-Range: 0-0"]
            await peer.send(request(location, "PATCH", lines, b"x"))
            await peer.one_reply()
            begun()

    return act


async def _begin(peer, repository):
    await peer.send(request(f"/v2/{repository}/blobs/uploads/", "POST", ["Content-Length: 0"]))
    reply = await peer.one_reply()
    for line in reply.split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "location":
            return value.strip()
    raise ConnectionRefusedError(f"no upload: {reply}")


# --- the process


async def _attack(pipe, arguments):
    tally = Tally()
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(crowd(tally, *arguments))
    stopped = asyncio.ensure_future(loop.run_in_executor(None, pipe.recv))
    begun = asyncio.ensure_future(tally.going_on.wait())
    await asyncio.wait([task, stopped, begun], return_when=asyncio.FIRST_COMPLETED)
    pipe.send("going on" if begun.done() else f"ended: {task}")
    await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
    task.cancel()
    await asyncio.wait([task])  # who has read nothing takes a last look
    pipe.send(dict(tally))


def _run(pipe, arguments):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(_attack(pipe, arguments))
    os._exit(0)


class Attack:
    """`connections` clients at `address`, from `sources`, each of whom does `act`: from now on, until
    stop()."""

    def __init__(self, world, address, sources, connections, act, receive_buffer=None):
        context = multiprocessing.get_context("fork")
        self._pipe, theirs = context.Pipe()
        arguments = (address, sources, connections, act, receive_buffer)
        self._process = context.Process(target=_run, args=(theirs, arguments), daemon=True)
        self._process.start()
        theirs.close()
        world.at_end(self._process.kill)

    @property
    def pid(self):
        return self._process.pid

    def wait_going_on(self, timeout_s=60):
        expect(self._pipe.poll(timeout_s), f"the attack did not begin within {timeout_s} s")
        said = self._pipe.recv()
        expect(said == "going on", f"the attack {said}")

    def stop(self):
        """What came of it: {status or `cut`: how often}."""
        self._pipe.send("stop")
        tally = self._pipe.recv()
        self._process.join()
        return tally
