"""Asking over HTTP, plainly, and in raw bytes where it matters."""

import hashlib
import http.client
import json
import socket
import time


class Reply:
    def __init__(self, status, headers, body, seconds, cut=False):
        self.status = status
        self.headers = headers
        self.body = body
        self.seconds = seconds
        self.cut = cut

    def header(self, name):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return None

    @property
    def digest(self):
        return "sha256:" + hashlib.sha256(self.body).hexdigest()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:300]!r}"


def ask(address, method, path, headers=None, body=None, timeout_s=60):
    """One request on a connection of its own. A body shorter than Content-Length is no error here: `cut` says
    so."""
    host, _, port = address.rpartition(":")
    begin = time.monotonic()
    connection = http.client.HTTPConnection(host, int(port), timeout=timeout_s)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        cut = False
        try:
            content = response.read()
        except http.client.IncompleteRead as partial:
            content, cut = partial.partial, True
        except ConnectionResetError:
            content, cut = b"", True
        return Reply(response.status, response.getheaders(), content, time.monotonic() - begin, cut)
    finally:
        connection.close()


def get(address, path, headers=None, **settings):
    return ask(address, "GET", path, headers, **settings)


def head(address, path, headers=None, **settings):
    return ask(address, "HEAD", path, headers, **settings)


def dialogue(address, sent, timeout_s=5):
    """Sends raw bytes on a fresh connection and gives back all that comes until it is closed or silent for
    `timeout_s`."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=timeout_s) as connection:
        connection.sendall(sent)
        connection.settimeout(timeout_s)
        received = b""
        try:
            while True:
                piece = connection.recv(65536)
                if not piece:
                    return received
                received += piece
        except (TimeoutError, ConnectionResetError):
            return received
