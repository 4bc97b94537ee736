"""HTTP/1.1 in raw bytes over a socket: requests that can be taken apart, and replies that are read exactly as
they are framed."""

import socket
import struct


class Broken(Exception):
    """The connection ended, or nothing came in time, before the reply was whole."""


class NotHttp(Exception):
    """The server sent what is no reply: always a fault."""


class Request:
    """`headers` are pairs, to which Host and the length are added. `chunks`: the body goes in chunks of these
    sizes, the rest in one more."""

    def __init__(self, method, target, headers=(), body=b"", chunks=None):
        self.method, self.target, self.headers = method, target, list(headers)
        self.body, self.chunks = body, chunks

    def framed(self, host):
        """All header lines and the body as they are sent."""
        headers = [("Host", host), *self.headers]
        if self.chunks is not None:
            return headers + [("Transfer-Encoding", "chunked")], chunked(self.body, self.chunks)
        if self.body or self.method in ("POST", "PUT", "PATCH"):
            headers.append(("Content-Length", str(len(self.body))))
        return headers, self.body

    def raw(self, host):
        headers, body = self.framed(host)
        return raw_head(f"{self.method} {self.target} HTTP/1.1", headers) + body


def raw_head(first_line, headers):
    lines = [first_line, *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def chunked(body, sizes):
    parts, begin = [], 0
    for size in [*sizes, len(body)]:
        part = body[begin : begin + size]
        begin += size
        if part:
            parts.append(b"%x\r\n%b\r\n" % (len(part), part))
    return b"".join(parts) + b"0\r\n\r\n"


class Reply:
    """`complete`: the body came to the end that its framing says."""

    def __init__(self, status, headers):
        self.status, self.headers = status, headers
        self.body, self.complete = b"", False

    def header(self, name):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return None

    def __repr__(self):
        whole = "whole" if self.complete else "cut"
        return f"{self.status} {self.headers} {len(self.body)} bytes, {whole}: {self.body[:300]!r}"


def reset(connection):
    """Closes with RST."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    connection.close()


class Wire:
    """One connection."""

    def __init__(self, address, source, timeout_s):
        host, _, port = address.rpartition(":")
        self.host = address
        self._received = b""
        try:
            self.socket = socket.create_connection((host, int(port)), timeout_s, (source, 0))
        except OSError as error:
            raise Broken(f"not connected: {error}") from None
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self):
        self.socket.close()

    def send(self, raw):
        try:
            self.socket.sendall(raw)
        except OSError as error:
            raise Broken(f"not sent: {error}") from None

    def _more(self):
        """False at the end of what the server sends."""
        try:
            piece = self.socket.recv(1 << 18)
        except OSError as error:
            raise Broken(f"nothing came: {error}") from None
        self._received += piece
        return bool(piece)

    def _until(self, end):
        while end not in self._received:
            if not self._more():
                raise Broken("closed")
        part, _, self._received = self._received.partition(end)
        return part

    def read_reply(self, method="GET", body_max=None):
        """Of a request of that method. A reply whose head came is returned even if its body did not, with at
        least `body_max` bytes of it if that is not None."""
        while True:
            reply = self._read_head()
            if reply.status >= 200:
                break
        try:
            self._read_body(reply, method, body_max)
        except Broken:
            reply.body, self._received = reply.body + self._received, b""
        return reply

    def _read_head(self):
        while len(self._received) < 5:
            if not self._more():
                raise Broken(f"closed after {self._received!r}")
        if not self._received.startswith(b"HTTP/"):
            raise NotHttp(f"no reply begins with {self._received[:200]!r}")
        lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        words = lines[0].split(" ", 2)
        if len(words) < 2 or not words[1].isdigit() or len(words[1]) != 3:
            raise NotHttp(f"no status line: {lines[0]!r}")
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or not name or "\r" in line or "\n" in line:
                raise NotHttp(f"no header line: {line!r}")
            headers.append((name, value.strip()))
        return Reply(int(words[1]), headers)

    def _read_body(self, reply, method, body_max):
        if method == "HEAD" or reply.status in (204, 304):
            reply.complete = True
        elif reply.header("Transfer-Encoding") == "chunked":
            while not reply.complete and (body_max is None or len(reply.body) <= body_max):
                size = int(self._until(b"\r\n").partition(b";")[0], 16)
                self._take(reply, size)
                if self._until(b"\r\n"):
                    raise NotHttp("a chunk does not end where it says")
                reply.complete = size == 0
        elif (length := reply.header("Content-Length")) is not None:
            wanted = int(length) if body_max is None else min(int(length), body_max)
            self._take(reply, wanted)
            reply.complete = wanted == int(length)
        else:
            while self._more():
                pass
            reply.body, self._received, reply.complete = self._received, b"", True

    def _take(self, reply, size):
        while len(self._received) < size:
            if not self._more():
                raise Broken("closed in a body")
        reply.body += self._received[:size]
        self._received = self._received[size:]
