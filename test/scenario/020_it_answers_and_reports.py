"""A started Breakwater answers the plain questions, refuses what is malformed or a write, and reports what it
did."""

import pathlib
import re

from harness import expect, http, images, scenario
from harness.breakwater import mirror_route

NO_DIGEST = "sha256:" + "0" * 64


def expect_error(reply, status, code):
    expect(reply.status == status, f"expected {status}: {reply}")
    expect(
        code.encode() in reply.body and b'"errors"' in reply.body, f"expected an OCI error {code}: {reply}"
    )


def malformed_requests(address):
    for sent, status in [
        (b"GET /v2/ HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n", b"400"),
        (b"BREAK\r\n\r\n", b"400"),
        (b"GET /v2/ HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", b"414"),
        (b"GET /v2/ HTTP/1.1\r\nHost: a\r\nX-Long: " + b"a" * 17000 + b"\r\n\r\n", b"431"),
    ]:
        answer = http.dialogue(address, sent, 3)
        expect(
            answer.startswith(b"HTTP/1.1 " + status),
            f"{sent[:40]!r} was answered {answer[:100]!r}, not {status!r}",
        )


def plain_answers(address):
    for path in ("/", "/healthz"):
        expect(http.get(address, path).status == 200, f"{path} is not 200")
    ping = http.get(address, "/v2/")
    expect(ping.status == 200 and ping.body == b"{}", f"/v2/: {ping}")
    expect(ping.header("X-Content-Type-Options") == "nosniff", f"/v2/ without nosniff: {ping}")
    expect_error(http.get(address, "/v2/No..Name/manifests/1"), 400, "NAME_INVALID")
    expect_error(http.get(address, "/v2/library/app/blobs/sha256:12"), 400, "DIGEST_INVALID")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        reply = http.ask(address, method, "/v2/library/app/manifests/1", body=b"x")
        expect_error(reply, 405, "UNSUPPORTED")
        expect(reply.header("Allow"), f"405 without Allow: {reply}")


def tls_on_a_plain_port(address):
    hello = bytes([0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3]) + bytes(500)
    answer = http.dialogue(address, hello, 2)
    expect(answer.startswith(b"HTTP/1.1 400"), f"a TLS ClientHello was answered {answer[:60]!r}")


def main(world):
    hub = world.registry()
    image = images.multi_platform("reports", 300_000)
    hub.push("library/app", "1", image)
    breakwater = world.breakwater(
        routes=[
            mirror_route("dockerhub", "docker.io", hub.url, bytes_max="10GiB"),
            mirror_route("quay", "quay.io", hub.url),
            mirror_route("closed", "closed.example", hub.url, allow=["10.99.0.0/16"]),
        ]
    )
    address = breakwater.addresses["dockerhub"]
    plain_answers(address)
    malformed_requests(address)
    tls_on_a_plain_port(address)
    expect_error(http.get(breakwater.addresses["closed"], "/v2/library/app/manifests/1"), 403, "DENIED")
    for path in ("/livez", "/readyz"):
        expect(http.get(breakwater.addresses["metrics"], path).status == 200, f"{path} is not 200")

    manifest = f"/v2/library/app/manifests/{image.top.digest}"
    expect(
        http.get(address, "/v2/library/app/manifests/1", {"Accept": images.ACCEPT}).digest
        == image.top.digest,
        "the tag's manifest is another one",
    )
    expect(
        http.get(address, manifest, {"Accept": images.ACCEPT}).digest == image.top.digest,
        "the manifest by digest is another one",
    )
    for child in image.manifests[:-1]:
        expect(
            http.get(address, f"/v2/library/app/manifests/{child.digest}").digest == child.digest,
            "a child manifest is another one",
        )
    digest, content = max(image.blobs.items(), key=lambda one: len(one[1]))
    first = http.get(address, f"/v2/library/app/blobs/{digest}")
    expect(first.body == content, f"the blob is not right: {first}")
    breakwater.wait_idle()  # a client has all of it before the disk has
    second = http.get(address, f"/v2/library/app/blobs/{digest}")
    expect(second.body == content, "the held blob is not right")
    for name, wanted in [
        ("Docker-Content-Digest", digest),
        ("Accept-Ranges", "bytes"),
        ("ETag", f'"{digest}"'),
        ("Content-Length", str(len(content))),
    ]:
        expect(second.header(name) == wanted, f"{name} is {second.header(name)}, not {wanted}")
    expect(
        http.get(address, f"/v2/library/app/blobs/{digest}", {"If-None-Match": f'"{digest}"'}).status == 304,
        "If-None-Match is not 304",
    )
    named = http.get(address, f"/v2/library/app/manifests/{image.top.digest}?ns=quay.io")
    expect(named.status == 200 and named.header("OCI-Namespace") == "quay.io", f"?ns=quay.io: {named}")
    expect_error(http.get(address, f"/v2/library/app/blobs/{NO_DIGEST}"), 404, "BLOB_UNKNOWN")

    line = breakwater.wait_access_lines(2, digest, "GET")
    for name in ("route", "client", "method", "path", "status", "bytes", "seconds", "cache", "trace"):
        expect(name in line[0], f"the access line has no {name}: {line[0]}")
    expect(
        line[0]["cache"] == "miss" and line[1]["cache"] == "hit",
        f"cache results: {line[0]['cache']}, {line[1]['cache']}",
    )
    expect(
        int(line[1]["bytes"]) == len(content)
        and line[1]["route"] == "dockerhub"
        and int(line[1]["status"]) == 200,
        f"access line: {line[1]}",
    )

    # While clients come the kernel's table of descriptors must not grow: the loop would wait for that.
    status = pathlib.Path(f"/proc/{breakwater.process.pid}/status").read_text()
    places = int(re.search(r"FDSize:\s+(\d+)", status).group(1))
    wanted = breakwater.metric("process_max_fds")
    expect(places >= min(wanted, 65536), f"the table has places for {places} descriptors of {wanted}")

    samples = {name.partition("{")[0] for name in breakwater.metrics()}
    for name in (
        "breakwater_requests_total",
        "breakwater_served_bytes_total",
        "breakwater_fetched_bytes_total",
        "breakwater_fills_running",
        "breakwater_fill_followers",
        "breakwater_fill_resumes_total",
        "breakwater_fills_discarded_total",
        "breakwater_store_bytes",
        "breakwater_store_bytes_max",
        "breakwater_stale_answers_total",
        "breakwater_upstream_throttled_until_timestamp_seconds",
        "breakwater_buffer_bytes",
        "breakwater_worker_queue",
        "breakwater_workers_busy",
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
    ):
        expect(name in samples, f"the metric {name} is missing")
    expect(
        any(name.startswith("breakwater_loop_lag_seconds") for name in samples),
        "breakwater_loop_lag_seconds is missing",
    )
    hits = breakwater.metric(
        "breakwater_requests_total", route="dockerhub", method="GET", code="200", cache="hit"
    )
    expect(hits and hits >= 1, f"no hit is counted: {hits}")
    expect(
        breakwater.metric("breakwater_served_bytes_total", route="dockerhub") >= 2 * len(content),
        "served bytes are not counted",
    )
    fetched = breakwater.metric("breakwater_fetched_bytes_total", route="dockerhub")
    expect(len(content) <= fetched < 2 * len(content), f"fetched bytes: {fetched}")
    breakwater.expect_nothing_left()
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
