"""With 256 descriptors, and no more to be had, everything that is stored is served, however many clients
come: those who are too many are told so, and health and metrics answer all the while."""

import http.client as plain_http
import socket

from harness import expect, http as web, images, scenario
from harness.breakwater import private_route
from harness.registry import push_blob

LIMIT = 256
BLOBS = 400
CLIENTS = 400


def expect_well(breakwater, when):
    address = breakwater.addresses["metrics"]
    for path in ("/livez", "/readyz", "/metrics"):
        reply = web.get(address, path, timeout_s=10)
        expect(reply.status == 200, f"{path} {when}: {reply}")


def descriptors(breakwater):
    return breakwater.metric("process_open_fds")


def expect_all_served(breakwater, digests, when):
    address = breakwater.addresses["private"]
    for number, digest in enumerate(digests):
        reply = web.get(address, f"/v2/team/app/blobs/{digest}")
        expect(reply.status == 200 and reply.digest == digest, f"blob {number} {when}: {reply}")


def connect(address):
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=30)


def crowd(breakwater, digests):
    """Clients that ask for a blob each and take nothing of it: more than there are descriptors. A client that
    is told that there are too many is told so at once."""
    clients, served, told = [], 0, 0
    for number in range(CLIENTS):
        client = connect(breakwater.addresses["private"])
        digest = digests[number % len(digests)]
        client.sendall(f"GET /v2/team/app/blobs/{digest} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        clients.append(client)
    expect_well(breakwater, f"beside {CLIENTS} clients")
    for client in clients:
        try:
            head = client.recv(1 << 16)
        except ConnectionResetError:
            head = b""
        served += head.startswith(b"HTTP/1.1 200 ")
        told += head.startswith(b"HTTP/1.1 503 ") or not head
    expect(served + told == CLIENTS, f"{served} served and {told} told so, of {CLIENTS}")
    expect(served > 0, "nobody was served")
    return clients


def main(world):
    breakwater = world.breakwater(
        routes=[private_route()],
        prefix=["prlimit", f"--nofile={LIMIT}:{LIMIT}"],
        settings={"per_client": {"uploads": CLIENTS}},
    )
    address = breakwater.addresses["private"]
    blobs = [images.noise(f"few-{number}", 4096) for number in range(BLOBS)]
    digests = [push_blob(address, "team/app", blob) for blob in blobs]
    expect(breakwater.metric("process_max_fds") == LIMIT, "the limit is not what the scenario set")
    for round_ in range(2):
        expect_all_served(breakwater, digests, f"in round {round_}")
    expect(descriptors(breakwater) < LIMIT, "all descriptors are in use")

    clients = crowd(breakwater, digests)
    expect_well(breakwater, "after they came")
    for client in clients:
        client.close()
    expect_all_served(breakwater, digests[:20], "once they are gone")

    # Clients that keep their connections and ask for nothing more give way to those who do.
    idle = []
    for number in range(CLIENTS):
        host, _, port = address.rpartition(":")
        connection = plain_http.HTTPConnection(host, int(port), timeout=30)
        connection.request("GET", f"/v2/team/app/blobs/{digests[number]}")
        reply = connection.getresponse()
        expect(reply.status == 200, f"beside {number} idle connections: {reply.status}")
        expect(len(reply.read()) == 4096, "a blob is not whole")
        idle.append(connection)
    expect_well(breakwater, "beside idle clients")
    for connection in idle:
        connection.close()

    # Uploads that nobody goes on with keep no descriptor from others.
    for number in range(CLIENTS // 2):
        begun = web.ask(address, "POST", "/v2/team/app/blobs/uploads/")
        expect(begun.status == 202, f"upload {number}: {begun}")
        sent = web.ask(address, "PATCH", begun.header("Location"), body=b"a part")
        expect(sent.status == 202, f"a part of upload {number}: {sent}")
    expect_all_served(breakwater, digests[:20], "beside uploads that nobody goes on with")
    expect_well(breakwater, "in the end")
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
