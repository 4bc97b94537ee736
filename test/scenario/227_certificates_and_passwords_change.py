"""A certificate is renewed again and again under load: no connection is dropped for it, and new ones see the
new one. A password that is changed, or a user who is removed, counts within two seconds."""

import base64
import http.client
import pathlib
import ssl
import threading
import time

from harness import expect, expect_at_most, http as web, images, scenario
from harness.breakwater import Breakwater
from harness.certificates import Certificate
from harness.world import FULL

RENEWALS = 50 if FULL else 5
CLIENTS = 4
EFFECT_S = 2
BLOB_BYTES = 256 * 1024
PASSWORDS = ["first-2718", "second-3141"]


class Loads(threading.Thread):
    """A connection that is kept: it takes the blob again and again."""

    def __init__(self, address, path, context):
        super().__init__(daemon=True)
        self._address, self._path, self._context = address, path, context
        self.stopping = threading.Event()
        self.taken = 0
        self.fault = None

    def run(self):
        try:
            connection = connected(self._address, self._context)
            while not self.stopping.is_set():
                connection.request("GET", self._path)
                body = connection.getresponse().read()
                expect(len(body) == BLOB_BYTES, f"{len(body)} bytes")
                self.taken += 1
            connection.close()
        except Exception as fault:  # told to the scenario
            self.fault = fault

    def expect_went_on(self):
        expect(self.fault is None, f"a connection was dropped after {self.taken} replies: {self.fault!r}")


def connected(address, context):
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPSConnection(host, int(port), timeout=60, context=context)
    connection.connect()
    connection.auto_open = False  # one that was dropped is not made anew
    return connection


def seen_at(address, context):
    """The certificate that a new connection sees."""
    connection = connected(address, context)
    certificate = connection.sock.getpeercert(binary_form=True)
    connection.close()
    return certificate


def push(address, context, content):
    """A blob; its path."""
    connection = connected(address, context)
    digest = images.digest_of(content)
    connection.request("POST", f"/v2/team/app/blobs/uploads/?digest={digest}", body=content)
    reply = connection.getresponse()
    expect(reply.status == 201, f"the push was answered {reply.status}")
    connection.close()
    return f"/v2/team/app/blobs/{digest}"


def renew(breakwater, to):
    """In place of the one that is served, as certbot does: the key first, and then the certificate."""
    for source, target in ((to.key, breakwater.tls.key), (to.certificate, breakwater.tls.certificate)):
        beside = pathlib.Path(f"{target}.new")
        beside.write_bytes(source.read_bytes())
        beside.chmod(0o600)
        beside.rename(target)


def certificates(world, breakwater, context):
    address = breakwater.addresses["private"]
    path = push(address, context, images.noise("load", BLOB_BYTES))
    loads = [Loads(address, path, context) for _ in range(CLIENTS)]
    for load in loads:
        load.start()
    seen = {seen_at(address, context)}
    for _ in range(RENEWALS):
        renew(breakwater, Certificate(world))
        now = world.wait_until(
            lambda: (found := seen_at(address, context)) not in seen and found,
            "a new connection sees the new certificate",
            30,
            0.2,
        )
        seen.add(now)
        for load in loads:
            load.expect_went_on()
    for load in loads:
        load.stopping.set()
    for load in loads:
        load.join()
        load.expect_went_on()
        expect(load.taken > RENEWALS, f"a client took the blob {load.taken} times only")


def write_users(world, users, password):
    beside = users.with_suffix(".new")
    beside.write_text(world.run("htpasswd", "-BbnC", "5", "alice", password) if password else "# nobody\n")
    beside.chmod(0o600)
    beside.rename(users)


def passwords(world, breakwater, users):
    address = breakwater.addresses["named"]

    def status(password):
        secret = base64.b64encode(f"alice:{password}".encode()).decode()
        return web.get(address, "/v2/", {"Authorization": f"Basic {secret}"}).status

    def expect_effect(what, is_so):
        begin = time.monotonic()
        world.wait_until(is_so, what, 15, 0.05)
        expect_at_most(time.monotonic() - begin, EFFECT_S, what + ", in seconds")

    expect(status(PASSWORDS[0]) == 200 and status(PASSWORDS[1]) == 401, "the first password is not taken")
    write_users(world, users, PASSWORDS[1])
    expect_effect("the new password is taken", lambda: status(PASSWORDS[1]) == 200)
    expect(status(PASSWORDS[0]) == 401, "the old password is still taken")
    write_users(world, users, None)
    expect_effect("a user who is removed is refused", lambda: status(PASSWORDS[1]) == 401)


def main(world):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # each is signed by itself
    served = Certificate(world)
    served.key.chmod(0o600)
    users = world.fresh_folder("users") / "htpasswd"
    write_users(world, users, PASSWORDS[0])
    tls = {"certificate": str(served.certificate), "key": str(served.key)}
    everything = [{"who": ["alice"], "may": ["pull", "push", "delete"]}]
    routes = [
        {"name": "private", "listen": ["127.0.0.1:0"], "registry": {}, "tls": tls},
        {"name": "named", "listen": ["127.0.0.1:0"], "registry": {}, "access": everything},
    ]
    breakwater = Breakwater(world, routes=routes, settings={"users": {"htpasswd_file": str(users)}})
    breakwater.tls = served
    certificates(world, breakwater, context)
    passwords(world, breakwater, users)
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
