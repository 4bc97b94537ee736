"""Behind real proxies, as packaging/docs/proxies.md has them, access lists, the log and the audit name the
client; what a client says of itself, to a proxy or directly, gets it nothing."""

import http.client
import json
import re
import socket
import struct

from harness import documents, expect, images, scenario
from harness.breakwater import check_config, private_route
from harness.registry import Nginx

PROXY = "127.0.0.1"
FRIEND, STRANGER = "127.0.0.7", "127.0.0.8"
LIES = [
    {},
    {"X-Forwarded-For": FRIEND},
    {"X-Forwarded-For": f"{FRIEND}, {FRIEND}"},
    {"X-Forwarded-For": "unknown"},
    {"X-Real-IP": FRIEND},
    {"Forwarded": f"for={FRIEND}"},
    {"Forwarded": 'for="'},
    {"Forwarded": f"for={PROXY}", "X-Forwarded-For": PROXY},
]


# The configuration for each proxy, and for Breakwater behind a proxy of HTTP and behind one of TCP.
(NGINX,) = documents.blocks("packaging/docs/proxies.md", "nginx")
(CADDY,) = documents.blocks("packaging/docs/proxies.md", "Caddy")
(TRUSTED,) = documents.blocks("packaging/docs/proxies.md", "Behind a proxy")
ROUTE, STREAM = documents.blocks("packaging/docs/proxies.md", "A proxy of TCP")


def ask(address, source, headers=None, method="GET", path="/", body=None):
    """Status and body of the answer to a client of that address."""
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30, source_address=(source, 0))
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


def raw(address, sent, source=PROXY):
    """All that comes back until the connection is closed."""
    host, _, port = address.rpartition(":")
    received = b""
    with socket.create_connection((host, int(port)), timeout=30, source_address=(source, 0)) as connection:
        try:
            connection.sendall(sent)
            while piece := connection.recv(65536):
                received += piece
        except ConnectionResetError:
            pass
    return received


def nginx(world, upstream):
    block = NGINX.text
    block = re.sub(r"ssl_.*\n", "", block).replace("listen 443 ssl", "listen {address}")
    return Nginx(world, block.replace("127.0.0.1:5050", upstream)).address


def nginx_stream(world, upstream):
    """nginx that passes bytes on, and says whose by version 1 of the PROXY protocol."""
    address = f"127.0.0.1:{world.free_port()}"
    folder = world.fresh_folder("nginx-stream")
    block = STREAM.text
    block = block.replace("listen 5050", f"listen {address}").replace("127.0.0.1:15050", upstream)
    (folder / "nginx.conf").write_text(
        "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\nuser root;\ndaemon off;\n"
        f"pid {folder}/pid;\nerror_log stderr warn;\nevents {{}}\n{block}"
    )
    process = world.start(
        "nginx-stream", ["nginx", "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf"]
    )
    return listening(world, process, address)


def caddy(world, upstream):
    address = f"127.0.0.1:{world.free_port()}"
    folder = world.fresh_folder("caddy")
    block = CADDY.text
    block = block.replace("registry.example.lan", f"http://{address}").replace("127.0.0.1:5050", upstream)
    (folder / "Caddyfile").write_text("{\n  admin off\n  auto_https off\n}\n" + block)
    process = world.start(
        "caddy",
        ["caddy", "run", "--adapter", "caddyfile", "--config", folder / "Caddyfile"],
        env={"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
    )
    return listening(world, process, address)


def listening(world, process, address):
    host, _, port = address.rpartition(":")

    def is_open():
        expect(process.running(), f"{process.name} ended: {process.tail()}")
        with socket.socket() as probe:
            return probe.connect_ex((host, int(port))) == 0

    world.wait_until(is_open, f"{process.name} listens")
    return address


def expect_named(front, at):
    """Through `front` the friend is let in, the stranger is not, and nothing that either says changes it."""
    for lie in LIES:
        status, body = ask(at, STRANGER, lie)
        contradicts = status == 400 and "do not name the same client" in body
        expect(
            contradicts or (status == 403 and f"address {STRANGER} " in body),
            f"{front}: a stranger who says {lie} got {status} {body}",
        )
    status, body = ask(at, FRIEND)
    expect(status == 200, f"{front}: the friend got {status} {body}")
    status, body = ask(at, FRIEND, {"X-Forwarded-For": STRANGER})
    expect(status == 200, f"{front}: the friend who says that he is the stranger got {status} {body}")


def push(front, at, breakwater):
    """A long layer, and a manifest, which the audit tells of."""
    layer = images.noise(front, 3_000_000)
    digest = images.digest_of(layer)
    repository = f"/v2/team/{front}"
    status, body = ask(
        at,
        FRIEND,
        {"Content-Type": "application/octet-stream"},
        "POST",
        f"{repository}/blobs/uploads/?digest={digest}",
        layer,
    )
    expect(status == 201, f"{front}: the push of a layer got {status} {body}")
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": images.MANIFEST,
            "config": {"mediaType": images.LAYER, "digest": digest, "size": len(layer)},
            "layers": [],
        }
    )
    status, body = ask(
        at, FRIEND, {"Content-Type": images.MANIFEST}, "PUT", f"{repository}/manifests/1", manifest
    )
    expect(status == 201, f"{front}: the push of a manifest got {status} {body}")
    breakwater.wait_event(
        lambda event: event.get("event") == "audit"
        and event.get("repository") == f"team/{front}"
        and event.get("from") == FRIEND,
        f"the audit names the client of {front}",
    )
    breakwater.wait_event(
        lambda event: event.get("event") == "request"
        and f"team/{front}/manifests/1" in str(event.get("path"))
        and event.get("client") == FRIEND,
        f"the log names the client of {front}",
    )


def version_2(client, rest=b""):
    addresses = socket.inet_aton(client) + socket.inet_aton(PROXY) + struct.pack(">HH", 4711, 443) + rest
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(">H", len(addresses)) + addresses


GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def proxy_protocol(breakwater, address):
    answer = raw(address, version_2(FRIEND, b"\x04\0\x01x") + GET)
    expect(answer.startswith(b"HTTP/1.1 200"), f"version 2 of the friend was answered {answer[:200]}")
    answer = raw(address, version_2(STRANGER) + GET)
    expect(answer.startswith(b"HTTP/1.1 403"), f"version 2 of the stranger was answered {answer[:200]}")
    answer = raw(address, version_2(STRANGER) + GET.replace(b"Host", b"X-Forwarded-For: 127.0.0.7\r\nHost"))
    expect(answer.startswith(b"HTTP/1.1 403"), f"a lie behind version 2 was answered {answer[:200]}")
    for sent, source in ((GET, PROXY), (version_2(FRIEND) + GET, STRANGER), (b"PROXY TCP4 x\r\n", PROXY)):
        expect(raw(address, sent, source) == b"", f"{sent[:40]} from {source} was answered")
    for reason in ("does not begin with", "none of trusted_proxies", "malformed"):
        breakwater.wait_event(
            lambda event: event.get("event") == "proxy_header_refused" and reason in event["reason"],
            f"the log says that a connection {reason}",
        )
    whole = version_2(FRIEND, bytes(300))
    for at in range(0, 60):
        # Whatever is changed, the connection is answered or closed.
        raw(address, whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :] + GET)


def keeps_the_peer(breakwater, address):
    """Over a reload, on a connection that stays."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30, source_address=(PROXY, 0)) as connection:
        ask_again = GET.replace(b"Connection: close\r\n", b"")
        for sent in (version_2(STRANGER) + ask_again, ask_again):
            connection.sendall(sent)
            answer = connection.recv(65536)
            expect(
                answer.startswith(b"HTTP/1.1 403") and STRANGER.encode() in answer,
                f"the stranger was answered {answer[:300]}",
            )
            if sent is not ask_again:
                expect(breakwater.reload(), "it does not reload")


def main(world):
    behind_tcp = documents.members(ROUTE)
    expect(behind_tcp["proxy_protocol"] is True, f"the document has {behind_tcp}")
    routes = [
        private_route("http", allow=[FRIEND], allow_push=[FRIEND]),
        private_route("tcp", allow=[FRIEND], allow_push=[FRIEND], proxy_protocol=True),
    ]
    breakwater = world.breakwater(
        routes=routes,
        settings={
            **documents.members(TRUSTED),
            "admin": {"listen": ["127.0.0.1:0"], "allow": ["127.0.0.0/8"], "allow_admin": [FRIEND]},
        },
    )
    direct, proxied = breakwater.addresses["http"], breakwater.addresses["tcp"]

    for lie in LIES:
        status, body = ask(direct, STRANGER, lie)
        expect(status == 403 and STRANGER in body, f"a stranger who says {lie} got {status} {body}")
    for name, front in (("nginx", nginx(world, direct)), ("caddy", caddy(world, direct))):
        expect_named(name, front)
        status, body = ask(front, FRIEND, {"Forwarded": f"for={STRANGER}"})
        expect(status == 200, f"{name} passes on what a client says of itself: {status} {body}")
        push(name, front, breakwater)
    stream = nginx_stream(world, proxied)
    expect_named("stream", stream)
    push("stream", stream, breakwater)
    proxy_protocol(breakwater, proxied)
    keeps_the_peer(breakwater, proxied)

    page = nginx(world, breakwater.addresses["admin"])
    for client, may in ((FRIEND, True), (STRANGER, False)):
        status, body = ask(page, client, path="/api/v1/caller")
        expect(status == 200, f"the page through nginx: {status} {body}")
        said = json.loads(body)
        expect(said["client"] == client and said["may_act"] is may, f"the page says of {client}: {said}")

    config = {**breakwater.config}
    del config["trusted_proxies"]
    file = world.fresh_folder("mistake") / "breakwater.json"
    file.write_text(json.dumps(config))
    status, said = check_config(file)
    expect(
        status == 1 and "routes[1].proxy_protocol: " in said and "trusted_proxies" in said,
        f"check-config of the PROXY protocol without trusted_proxies: {status} {said}",
    )
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
