"""What goes wrong with a request or a reply on purpose. All is drawn from the `chance` that is given."""

import copy

from .wire import chunked, raw_head

LENGTHS = (
    "-1", "0", "1", "00012", "+5", " 7 ", "5, 5", "0x10", "1e3", "9999", "4294967296",
    "18446744073709551615", "18446744073709551616", "9" * 40, "",
)
RANGES = (
    "bytes=0-0", "bytes=5-", "bytes=-7", "bytes=-0", "bytes=9-3", "bytes=0-0,5-9", "bytes=999999999-",
    "bytes=0-18446744073709551615", "bytes=18446744073709551616-", "items=0-1", "bytes=" + "0-0," * 300,
    "bytes=a-b", "",
)
CHUNK_RANGES = (
    "0-0", "0-9", "5-9", "9-5", "-1-5", "0-18446744073709551615", "bytes 0-9/10", "bytes 0-9/*", "a-b", ""
)
HEADERS = (
    ("Transfer-Encoding", "chunked"),
    ("Transfer-Encoding", "gzip, chunked"),
    ("Transfer-Encoding", "identity"),
    ("Transfer-Encoding", "xchunked"),
    ("Expect", "100-continue"),
    ("Expect", "200-ok"),
    ("Connection", "close"),
    ("Connection", "upgrade, keep-alive, close"),
    ("Upgrade", "h2c"),
    ("Origin", "http://elsewhere.example"),
    ("Sec-Fetch-Site", "cross-site"),
    ("Host", "elsewhere.example"),
    ("Host", ""),
    ("Content-Encoding", "gzip"),
    ("Accept-Encoding", "gzip;q=1.0, zstd"),
    ("Accept", "text/html"),
    ("Accept", "*/*;q=0"),
    ("Accept", "application/vnd.oci.image.manifest.v1+json, " * 200),
    ("Content-Type", "text/plain"),
    ("Content-Type", "application/vnd.oci.image.index.v1+json; charset=\xff"),
    ("Content-Type", ""),
    ("If-None-Match", "*"),
    ("If-None-Match", '"sha256:x", W/"y"'),
    ("If-Range", "yesterday"),
    ("Docker-Content-Digest", "sha256:" + "0" * 64),
    ("Traceparent", "00-" + "z" * 200),
    ("User-Agent", "\x01\x7f\xff\x1b[31m"),
    ("X-Long", "x" * 9000),
    ("X-Longer", "x" * 40000),
    ("Trailer", "Digest"),
    ("Authorization", "Basic " + "A" * 500),
)
METHODS = (
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "PRI",
    "G\x00T", "X" * 300,
)
QUERIES = (
    "n=0", "n=1", "n=-1", "n=99999999999999999999", "last=", "last=%00", "last=zzz", "ns=docker.io",
    "ns=wild.example", "ns=..", "digest=sha256:" + "0" * 64, "digest=sha256:zz", "digest=md5:00", "digest=",
    "mount=sha256:" + "1" * 64, "from=../../etc", "from=hostile/one", "artifactType=z",
    "artifactType=" + "%41" * 500, "digest-algorithm=sha512", "a=b" * 1500, "&&&", "=%zz",
)
PATHS = (
    "/", "//", "/..", "/%2e%2e/%2e%2e", "/%00", "/%ff", "/?", "#", "/blobs", "/uploads/" + "0" * 32,
    "/" + "a/" * 200, "%", "*",
)
JSON = (
    b"[" * 3000, b"null", b"1e999", b"-1", b'"\xff\xfe"', b"{}", b"[]", b"18446744073709551616",
    b'"sha256:' + b"0" * 64 + b'"', b'{"a":' * 500, b"\x00",
)


def _change_header(chance, request):
    if not request.headers:
        return _add_header(chance, request)
    index = chance.randrange(len(request.headers))
    name, value = request.headers[index]
    what = chance.randrange(5)
    if what == 0:
        del request.headers[index]
    elif what == 1:
        request.headers.insert(index, (name, value))
    elif what == 2:
        request.headers[index] = (name, chance.choice(LENGTHS + RANGES + CHUNK_RANGES))
    elif what == 3:
        request.headers[index] = (name.swapcase(), value)
    else:
        request.headers[index] = (name + chance.choice((" ", "\t", "\r\n ", "\x00")), value)


def _add_header(chance, request):
    header = chance.choice(
        (
            chance.choice(HEADERS),
            ("Content-Length", chance.choice(LENGTHS)),
            ("Range", chance.choice(RANGES)),
            ("Content-Range", chance.choice(CHUNK_RANGES)),
        )
    )
    request.headers.insert(chance.randint(0, len(request.headers)), header)


def _change_method(chance, request):
    request.method = chance.choice(METHODS)


def _change_target(chance, request):
    what = chance.randrange(4)
    at = chance.randint(0, len(request.target))
    if what == 0:
        request.target += ("&" if "?" in request.target else "?") + chance.choice(QUERIES)
    elif what == 1:
        request.target = request.target[:at] + chance.choice(PATHS) + request.target[at:]
    elif what == 2:
        request.target = request.target[:at]
    else:
        request.target = "http://elsewhere.example" + request.target


def _change_body(chance, request):
    what = chance.randrange(6)
    body = request.body
    at = chance.randint(0, len(body))
    if what == 0:
        body = body[:at]
    elif what == 1:
        body += chance.randbytes(chance.choice((1, 100, 70000)))
    elif what == 2:
        body = change_bytes(chance, body)
    elif what == 3:
        body = body[:at] + chance.choice(JSON) + body[at:]
    elif what == 4:
        body = change_json(chance, body)
    else:
        body = chance.randbytes(chance.choice((0, 1, 5000, 100000)))
    request.body = body


def change_json(chance, body):
    """Something else between a colon and what comes after its value."""
    colons = [at for at, byte in enumerate(body[:20000]) if byte == ord(":")]
    if not colons:
        return body
    begin = chance.choice(colons) + 1
    ends = [at for end in b",}]" if (at := body.find(bytes([end]), begin)) >= 0]
    return body[:begin] + chance.choice(JSON) + body[min(ends, default=len(body)) :]


def _change_chunks(chance, request):
    request.chunks = [chance.randint(1, 70000) for _ in range(chance.randint(0, 8))]


CHANGES = (
    _change_header, _add_header, _add_header, _change_method, _change_target, _change_body, _change_chunks
)


def change_request(chance, request):
    """Another request of this kind, whose parts are changed."""
    changed = copy.copy(request)
    changed.headers = list(request.headers)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        chance.choice(CHANGES)(chance, changed)
    return changed


def change_framing(chance, request, host):
    """The raw request, whose length or chunks lie."""
    if request.chunks is not None or chance.random() < 0.3:
        body = bytearray(chunked(request.body, request.chunks or [chance.randint(1, 5000)]))
        at = chance.choice((0, max(0, len(body) - 5), chance.randint(0, len(body))))
        lie = chance.choice(
            (
                b"-1\r\n", b"fffffffffffffffff\r\n", b"0\r\n", b"5;a=\"\r\n\"\r\n", b"0\r\nX: y\r\n\r\n",
                b"\n", b"g\r\n", b"7fffffff\r\n", b"0" * 5000,
            ),
        )
        body[at : at + chance.choice((0, 1, 4))] = lie
        headers, body = [("Host", host), *request.headers, ("Transfer-Encoding", "chunked")], bytes(body)
    else:
        lie = chance.choice(
            (str(max(0, len(request.body) + chance.choice((-1, 1, 100, -100)))), chance.choice(LENGTHS))
        )
        headers, body = [("Host", host), *request.headers, ("Content-Length", lie)], request.body
    return raw_head(f"{request.method} {request.target} HTTP/1.1", headers) + body


def change_bytes(chance, raw):
    """A few bytes that are others, more or fewer; most in the first part, where the heads are."""
    raw = bytearray(raw)
    for _ in range(chance.choice((1, 1, 2, 8))):
        at = chance.randint(0, min(len(raw), chance.choice((200, 1000, 1 << 30))))
        what = chance.randrange(6)
        if what == 0 and at < len(raw):
            raw[at] ^= 1 << chance.randrange(8)
        elif what == 1:
            raw[at:at] = chance.choice(
                (b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\x00", b" ", b":", b"\xff", b"%00", b"\t")
            )
        elif what == 2:
            del raw[at : at + chance.choice((1, 1, 2, 30))]
        elif what == 3:
            raw[at:at] = raw[at : at + chance.choice((1, 20, 300))]
        elif what == 4:
            raw[at : at + 1] = chance.randbytes(chance.choice((1, 4)))
        else:
            raw = bytearray(bytes(raw).replace(b"\r\n", b"\n", chance.choice((1, 3, -1))))
    return bytes(raw)
