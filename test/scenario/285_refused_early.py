"""Who is refused while sending 128 MiB (2 GiB with BREAKWATER_FULL=1) reads why, whatever kind of client it
is; and nothing of it is taken, nor does anybody wait for it.

Refused are: a client outside allow_push, a manifest that is too large, and a push for which there is no
room."""

import contextlib
import json
import socket
import tempfile
import threading
import time

from harness import expect, http, images, scenario
from harness.breakwater import private_route
from harness.dialogue import Dialogue
from harness.world import FULL

# It is dropped at 64 MiB a second.
SIZE = (2048 if FULL else 128) * images.MEBI
BOUND = 64 * images.MEBI
ALLOWED, STRANGER = "127.0.0.1", "127.0.0.2"
DIGEST = "sha256:" + 64 * "a"
REPOSITORY = "/v2/team/app"


class Refusal:
    """One request, and the answer that is due to it."""

    def __init__(
        self, name, method, path, status, code, source=ALLOWED, media_type="application/octet-stream"
    ):
        self.name, self.method, self.path, self.status, self.code, self.source, self.media_type = (
            name,
            method,
            path,
            status,
            code,
            source,
            media_type,
        )

    def head(self, address, framing):
        return (
            f"{self.method} {self.path} HTTP/1.1\r\nHost: {address}\r\nContent-Type:"
            f" {self.media_type}\r\n{framing}\r\n\r\n"
        ).encode()

    def expect_answer(self, status, body, who):
        expect(
            status == self.status, f"{self.name}, {who}: {status} instead of {self.status}: {body[:500]!r}"
        )
        error = json.loads(body)["errors"][0]
        expect(error["code"] == self.code and error["message"], f"{self.name}, {who}: {error}")


def refusals(address, streams):
    """The sessions are begun by somebody who may, and ended. What one has received whose client
    `streams`, and tells no length before, has made room for the next one, and it is gone; of the others
    nothing was received."""
    sessions = []

    # A connection that is idle while gigabytes are refused beside it is closed.
    def session():
        with contextlib.closing(Dialogue(address)) as dialogue:
            sessions.append(dialogue.begin("team/app").header("Location"))
        return sessions[-1]

    yield Refusal(
        "a stranger's POST", "POST", f"{REPOSITORY}/blobs/uploads/?digest={DIGEST}", 403, "DENIED", STRANGER
    )
    yield Refusal("a stranger's PATCH", "PATCH", session(), 403, "DENIED", STRANGER)
    yield Refusal(
        "a stranger's manifest", "PUT", f"{REPOSITORY}/manifests/1", 403, "DENIED", STRANGER, images.MANIFEST
    )
    yield Refusal(
        f"a manifest of {SIZE // images.MEBI} MiB",
        "PUT",
        f"{REPOSITORY}/manifests/1",
        413,
        "MANIFEST_INVALID",
        media_type=images.MANIFEST,
    )
    yield Refusal("a PATCH into a full store", "PATCH", session(), 403, "DENIED")
    yield Refusal("a PUT into a full store", "PUT", f"{session()}?digest={DIGEST}", 403, "DENIED")
    for one, status in zip(sessions, (204, 404 if streams else 204, 204), strict=True):
        with contextlib.closing(Dialogue(address)) as dialogue:
            ended = dialogue.ask("DELETE", one)
        expect(ended.status == status, f"the session of what was refused, instead of {status}: {ended}")


# --- the clients; each returns status and body


def curl(world, address, refusal, file, *options):
    """Reads while it sends, and asks first whether it may unless it is told not to."""
    answer = world.fresh_folder("curl") / "answer"
    said = world.run(
        "curl",
        "-sS",
        "--interface",
        refusal.source,
        "-X",
        refusal.method,
        "-T",
        file,
        "-o",
        answer,
        "-w",
        "%{http_code} %{size_upload}",
        "-H",
        f"Content-Type: {refusal.media_type}",
        *options,
        f"http://{address}{refusal.path}",
    )
    return int(said.split()[0]), answer.read_bytes()


def connect(address, refusal):
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=60, source_address=(refusal.source, 0))


def answer_of(connection):
    """Status and body of what comes until the end."""
    received = b""
    while True:
        piece = connection.recv(65536)
        if not piece:
            break
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    expect(head.startswith(b"HTTP/1.1 "), f"no answer, but {received[:200]!r}")
    expect(b"connection: close" in head.lower(), f"the connection is closed, and nobody was told: {head!r}")
    expect(f"content-length: {len(body)}".encode() in head.lower(), f"a cut answer: {received!r}")
    return int(head.split()[1]), body


def deaf(world, address, refusal, file):
    """Sends everything before it reads; a registry that closes is the only thing that stops it."""
    with connect(address, refusal) as connection:
        connection.sendall(refusal.head(address, f"Content-Length: {SIZE}"))
        try:
            connection.sendfile(file)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return answer_of(connection)


def slow(world, address, refusal, file):
    """Goes on sending, in chunks and slowly, for longer than anybody waits for it."""
    chunk = b"10000\r\n" + bytes(65536) + b"\r\n"
    with connect(address, refusal) as connection:
        connection.sendall(refusal.head(address, "Transfer-Encoding: chunked"))
        end, sent = time.monotonic() + 4, 0
        try:
            while time.monotonic() < end or sent < 2 * BOUND:
                connection.sendall(32 * chunk)
                sent += 32 * 65536
                time.sleep(0.02)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return answer_of(connection)


def attentive(world, address, refusal, file):
    """Reads in one thread and writes in another, as Go's clients do, and stops sending when it has the
    answer."""
    with connect(address, refusal) as connection:
        connection.sendall(refusal.head(address, f"Content-Length: {SIZE}"))

        def send():
            try:
                connection.sendfile(file)
            except OSError:
                pass

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        answer = answer_of(connection)
        connection.shutdown(socket.SHUT_RDWR)
        sender.join(60)
        return answer


def main(world):
    route = private_route()
    route["allow_push"] = [ALLOWED + "/32"]
    registry = world.breakwater(routes=[route], settings={"bytes_max": f"{BOUND // images.MEBI}MiB"})
    address = registry.address
    with tempfile.NamedTemporaryFile(dir=world.fresh_folder("body")) as file:
        file.truncate(SIZE)
        clients = {
            "curl": lambda refusal: curl(world, address, refusal, file.name),
            "curl without Expect": lambda refusal: curl(world, address, refusal, file.name, "-H", "Expect:"),
            "curl in chunks": lambda refusal: curl(
                world, address, refusal, file.name, "-H", "Transfer-Encoding: chunked", "-H", "Expect:"
            ),
            "a client that sends all before it reads": lambda refusal: deaf(world, address, refusal, file),
            "a slow one in chunks": lambda refusal: slow(world, address, refusal, file),
            "one that reads while it sends": lambda refusal: attentive(world, address, refusal, file),
        }
        for who, ask in clients.items():
            begin = time.monotonic()
            for refusal in refusals(address, streams="in chunks" in who):
                file.seek(0)
                status, body = ask(refusal)
                refusal.expect_answer(status, body, who)
                again = http.get(address, "/v2/")
                expect(again.status == 200 and again.body == b"{}", f"after {refusal.name} by {who}: {again}")
            world.say(f"{who}: all refusals read, {time.monotonic() - begin:.1f} s")

    stays_in_step(address)
    expect(
        registry.process.rss_peak_bytes() < 128 * images.MEBI,
        f"{registry.process.rss_peak_bytes() / images.MEBI:.0f} MiB for what was refused",
    )
    push_what_fits(address)
    registry.stop()


def stays_in_step(address):
    """What is small enough to be skipped leaves the connection as it was: the next request on it has its own
    answer."""
    stranger = Dialogue(address, source=STRANGER)
    for _ in range(3):
        denied = stranger.ask(
            "PUT", f"{REPOSITORY}/manifests/1", {"Content-Type": images.MANIFEST}, [b"{}" * 1000]
        )
        expect(denied.status == 403, f"a stranger's small manifest: {denied}")
        ping = stranger.ask("GET", "/v2/")
        expect(ping.status == 200 and ping.body == b"{}", f"on the same connection: {ping}")
    stranger.close()


def push_what_fits(address):
    """Nothing of what was refused takes room."""
    content = images.noise("fits", BOUND // 4)
    dialogue = Dialogue(address)
    done = dialogue.finish(
        dialogue.begin("team/app").header("Location"), images.digest_of(content), [content]
    )
    expect(done.status == 201, f"a push that fits, after all those that did not: {done}")


if __name__ == "__main__":
    scenario(main)
