"""What an upstream sends: right answers, and the ways of wild upstreams to spoil one."""

import gzip
import hashlib
import time

from . import mutations
from .wire import chunked, raw_head, reset

LAST_WORDS = b"<html>an unhappy gateway</html>"


class Answer:
    """`slow`: its body comes in pieces with pauses, so that clients meet in one download."""

    def __init__(self, status, headers=(), body=b"", slow=False):
        self.status, self.headers, self.body, self.slow = status, list(headers), body, slow
        self.chunked = False

    def raw(self, method):
        headers, body = self.headers, self.body
        if self.chunked:
            headers = [*headers, ("Transfer-Encoding", "chunked")]
            body = chunked(body, [10000] * (len(body) // 10000))
        elif self.status != 304:
            headers = [*headers, ("Content-Length", str(len(body)))]
        return raw_head(f"HTTP/1.1 {self.status} Whatever", headers) + (b"" if method == "HEAD" else body)


def found(content_type, body, digest, slow=False):
    return Answer(200, [("Content-Type", content_type), ("Docker-Content-Digest", digest)], body, slow)


def send(handler, raw, slowly=None):
    if slowly is None:
        handler.wfile.write(raw)
        return
    pieces = slowly.randint(2, 8)
    size = len(raw) // pieces + 1
    for begin in range(0, len(raw), size):
        handler.wfile.write(raw[begin : begin + size])
        time.sleep(0.02)  # the pace of this upstream


# --- how a wild one answers instead of `answer`; each returns whether the connection goes on


def wrong_bytes(chance, handler, method, answer):
    if answer.body:
        body = bytearray(answer.body)
        body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
        answer.body = bytes(body)
    send(handler, answer.raw(method), chance if answer.slow else None)
    return True


def other_body(chance, handler, method, answer):
    answer.body = chance.choice(
        (
            b"",
            LAST_WORDS,
            chance.randbytes(len(answer.body)),
            answer.body * 2,
            answer.body + b"x",
            answer.body[:-1],
        ),
    )
    send(handler, answer.raw(method))
    return True


def strange_json(chance, handler, method, answer):
    answer.body = mutations.change_json(chance, answer.body)
    send(handler, answer.raw(method))
    return True


def cut(chance, handler, method, answer):
    raw = answer.raw(method)
    send(handler, raw[: chance.randint(0, max(0, len(raw) - 1))], chance if answer.slow else None)
    if chance.random() < 0.5:
        reset(handler.connection)
    return False


def no_http(chance, handler, method, answer):
    send(
        handler,
        chance.choice(
            (
                mutations.change_bytes(chance, answer.raw(method)),
                chance.randbytes(300),
                b"HTTP/1.1 200 OK\r\n" * 5000,
            ),
        ),
    )
    return False


def lying_length(chance, handler, method, answer):
    headers = [*answer.headers, ("Content-Length", chance.choice(mutations.LENGTHS))]
    send(handler, raw_head(f"HTTP/1.1 {answer.status} OK", headers) + answer.body)
    return False


def lying_headers(chance, handler, method, answer):
    answer.headers = [
        one
        for header in answer.headers
        for one in ([], [header], [header, header], [(header[0], chance.choice(LIES))])[chance.randrange(4)]
    ]
    answer.headers.append(
        chance.choice(
            (
                ("Content-Range", "bytes 5-9/10"), ("Content-Range", "bytes */0"),
                ("Content-Encoding", "gzip"), ("Content-Encoding", "br, zstd"),
                ("Link", "</v2/x/tags/list?last=1>; rel=\"next\""),
                ("Link", "<http://[::1:::>; rel=next"), ("Age", "-5"), ("X-Long", "x" * 70000),
                ("Retry-After", "99999999999"), ("Set-Cookie", "a=b"),
            ),
        ),
    )
    send(handler, answer.raw(method))
    return True


def packed(chance, handler, method, answer):
    answer.body = gzip.compress(answer.body)
    if chance.random() < 0.3:
        answer.body = mutations.change_bytes(chance, answer.body)
    answer.headers.append(("Content-Encoding", "gzip"))
    send(handler, answer.raw(method))
    return True


def lying_chunks(chance, handler, method, answer):
    answer.chunked = True
    raw = answer.raw(method)
    at = chance.randint(max(0, len(raw) - 200), len(raw))
    send(
        handler,
        raw[:at] + chance.choice(
            (b"-1\r\n", b"ffffffffffffffff\r\n", b"\r\n\r\n", b"0\r\n\r\n", b"zz\r\n")
        ) + raw[at:],
    )
    return False


def elsewhere(chance, handler, method, answer):
    location = chance.choice(
        (
            "", "/", "//", "http://", "http://169.254.169.254/latest", "file:///etc/passwd",
            "http://127.0.0.1:1/", "gopher://127.0.0.1/x", "http://a:b@127.0.0.1/", "http://[::1]/",
            "/storage/x", "x" * 9000, "http://\xff/", "/v2/loop/blobs/sha256:" + "0" * 64,
        ),
    )
    send(handler, Answer(chance.choice((301, 302, 303, 307, 308)), [("Location", location)]).raw(method))
    return True


def refused(chance, handler, method, answer):
    status = chance.choice(
        (
            400, 401, 403, 404, 405, 408, 416, 429, 429, 500, 502, 503, 504, 204, 205, 206, 304, 199, 599,
            999,
        ),
    )
    headers = [("Retry-After", chance.choice(("0", "1", "-1", "soon", "Thu, 26 Nov 2026 13:00:00 GMT")))]
    send(handler, Answer(status, headers, LAST_WORDS).raw(method))
    return True


def challenged(chance, handler, method, answer):
    realm = chance.choice(
        (
            "Bearer", "Bearer realm=", 'Bearer realm="http://127.0.0.1:1/"',
            'Bearer realm="file:///etc/passwd"', 'Bearer realm="' + "x" * 9000 + '"', 'Basic realm="x"',
            'Negotiate, Bearer realm="http://169.254.169.254/",service="\\"',
            ",,,=,\"", "",
        ),
    )
    send(handler, Answer(401, [("WWW-Authenticate", realm)], LAST_WORDS).raw(method))
    return True


def late(chance, handler, method, answer):
    raw = answer.raw(method)
    at = chance.randint(0, len(raw))
    send(handler, raw[:at])
    time.sleep(chance.choice((0.2, 1, 3)))  # the last is more than Breakwater waits
    send(handler, raw[at:])
    return True


def first_informed(chance, handler, method, answer):
    send(handler, b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" * chance.choice((1, 3, 2000)) + answer.raw(method))
    return True


def twice(chance, handler, method, answer):
    send(handler, answer.raw(method) * 2)
    return True


LIES = (
    "",
    "x",
    "sha256:" + "0" * 64,
    "sha512:" + "0" * 128,
    "text/html",
    "sha256:" + hashlib.sha256(b"").hexdigest(),
    "\x01\xff",
    "application/json, application/json",
)
WILD = (
    wrong_bytes, wrong_bytes, other_body, other_body, cut, cut, cut, no_http, lying_length, lying_headers,
    packed, lying_chunks, elsewhere, refused, challenged, late, first_informed, twice,
)
