"""A push as clients speak it, on one connection that is kept: requests with bodies in parts from memory, and
the statuses that came."""

import http.client
import urllib.parse

from .http import Reply

OCTETS = "application/octet-stream"


class Dialogue:
    """One keep-alive connection. What breaks it is an OSError or an http.client.HTTPException.

    `source` is the address that it comes from; `when_sent(method)` is called when a request is sent and not
    yet answered.
    """

    def __init__(self, address, timeout_s=60, source=None, when_sent=lambda method: None):
        self._when_sent = when_sent
        host, _, port = address.rpartition(":")
        self._connection = http.client.HTTPConnection(
            host, int(port), timeout=timeout_s, source_address=(source, 0) if source else None
        )

    def ask(self, method, path, headers=None, parts=()):
        """`parts` are the body, one after the other; with `Transfer-Encoding: chunked` among the headers each
        is a chunk of its own."""
        headers = (
            {"Content-Length": str(sum(len(part) for part in parts)), **(headers or {})}
            if "Transfer-Encoding" not in (headers or {})
            else headers
        )
        if method in ("GET", "HEAD"):
            headers.pop("Content-Length", None)
        chunked = "Transfer-Encoding" in headers
        self._connection.request(
            method, path, body=iter(parts) if parts else None, headers=headers, encode_chunked=chunked
        )
        self._when_sent(method)
        response = self._connection.getresponse()
        return Reply(response.status, response.getheaders(), response.read(), 0)

    def close(self):
        self._connection.close()

    # --- the steps of a push

    def begin(self, repository):
        return self.ask("POST", f"/v2/{repository}/blobs/uploads/")

    def append(self, location, parts, first=None):
        """`first`: where in the blob these bytes begin; without it there is no Content-Range, and they come
        in chunked encoding."""
        if first is None:
            return self.ask(
                "PATCH", location, {"Content-Type": OCTETS, "Transfer-Encoding": "chunked"}, parts
            )
        last = first + sum(len(part) for part in parts) - 1
        return self.ask(
            "PATCH", location, {"Content-Type": OCTETS, "Content-Range": f"{first}-{last}"}, parts
        )

    def finish(self, location, digest, parts=()):
        return self.ask(
            "PUT",
            f"{location}{'&' if '?' in location else '?'}digest={urllib.parse.quote(digest)}",
            {"Content-Type": OCTETS},
            parts,
        )

    def put_manifest(self, repository, reference, media_type, content):
        return self.ask(
            "PUT", f"/v2/{repository}/manifests/{reference}", {"Content-Type": media_type}, [content]
        )


def received_of(reply):
    """How many bytes of an upload the registry says it has; 0-0 is what it says of none."""
    last = int(reply.header("Range").partition("-")[2])
    return last + 1 if last else 0
