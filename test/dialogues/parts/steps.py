"""The dialogues that clients hold, in the ways that clients differ in.

`client.ask(request, wanted)` sends one request and returns the Reply; `wanted` are the statuses that are
right for it. What a client does with other ones is its own affair, so that an honest client and one that
means harm hold the same dialogues."""

import json
import urllib.parse

from harness import images

from .wire import Request

OCTETS = ("Content-Type", "application/octet-stream")
ACCEPT = ("Accept", images.ACCEPT)


def _get(target, *headers):
    return Request("GET", target, headers)


def _with_digest(location, digest):
    return f"{location}{'&' if '?' in location else '?'}digest={urllib.parse.quote(digest)}"


def _sizes(chance, total):
    return [chance.randint(1, max(1, total)) for _ in range(chance.randint(0, 3))]


# --- pushes


def begin_upload(client, repository):
    """The location; one of nobody's if the registry gave none."""
    reply = client.ask(Request("POST", f"/v2/{repository}/blobs/uploads/"), (202,))
    return client.location_of(reply, repository)


def push_monolithic(client, chance, repository, body, digest):
    client.ask(
        Request("POST", _with_digest(f"/v2/{repository}/blobs/uploads/", digest), [OCTETS], body), (201,)
    )


def push_whole(client, chance, repository, body, digest):
    location = begin_upload(client, repository)
    chunks = _sizes(chance, len(body)) if chance.random() < 0.4 else None
    client.ask(Request("PUT", _with_digest(location, digest), [OCTETS], body, chunks), (201,))


def push_stream(client, chance, repository, body, digest):
    location = begin_upload(client, repository)
    reply = client.ask(Request("PATCH", location, [OCTETS], body, _sizes(chance, len(body))), (202,))
    location = client.location_of(reply, repository)
    client.ask(Request("PUT", _with_digest(location, digest)), (201,))


def push_chunks(client, chance, repository, body, digest):
    """The last part may come with the PUT."""
    location, begin = begin_upload(client, repository), 0
    for size in _sizes(chance, len(body)):
        part = body[begin : begin + size]
        if part:
            span = ("Content-Range", f"{begin}-{begin + len(part) - 1}")
            reply = client.ask(Request("PATCH", location, [OCTETS, span], part), (202,))
            location, begin = client.location_of(reply, repository), begin + len(part)
        if chance.random() < 0.3:
            client.ask(_get(location), (204,))
    client.ask(Request("PUT", _with_digest(location, digest), [OCTETS], body[begin:]), (201,))


def cancel_upload(client, chance, repository, body, digest):
    location = begin_upload(client, repository)
    if chance.random() < 0.5:
        reply = client.ask(Request("PATCH", location, [OCTETS], body), (202,))
        location = client.location_of(reply, repository)
    client.ask(Request("DELETE", location), (204,))
    client.ask(_get(location), (404,))


PUSHES = (push_monolithic, push_whole, push_stream, push_chunks)


def push_blob(client, chance, repository, body, digest):
    """As clients do: not what is there already."""
    if chance.random() < 0.5:
        reply = client.ask(Request("HEAD", f"/v2/{repository}/blobs/{digest}"), (200, 404))
        if reply.status == 200:
            return
    chance.choice(PUSHES)(client, chance, repository, body, digest)


def mount_blob(client, chance, repository, source, digest):
    query = urllib.parse.urlencode({"mount": digest, "from": source})
    client.ask(Request("POST", f"/v2/{repository}/blobs/uploads/?{query}"), (201,))


def put_manifest(client, repository, reference, manifest):
    kind = ("Content-Type", manifest.media_type)
    client.ask(Request("PUT", f"/v2/{repository}/manifests/{reference}", [kind], manifest.bytes), (201,))


def push_image(client, chance, repository, tag, image):
    for digest, body in image.blobs.items():
        push_blob(client, chance, repository, body, digest)
    for manifest in image.manifests:
        is_named = manifest is image.top and tag
        put_manifest(client, repository, tag if is_named else manifest.digest, manifest)


def delete(client, repository, reference, wanted):
    client.ask(Request("DELETE", f"/v2/{repository}/manifests/{reference}"), wanted)


# --- pulls


def get_manifest(client, chance, repository, reference, query=""):
    target = f"/v2/{repository}/manifests/{reference}{query}"
    if chance.random() < 0.3:
        client.ask(Request("HEAD", target, [ACCEPT]), (200,))
    reply = client.ask(_get(target, ACCEPT), (200,))
    if chance.random() < 0.2:
        client.ask(
            _get(target, ACCEPT, ("If-None-Match", f'"{reply.header("Docker-Content-Digest")}"')),
            (200, 304),
        )
    return reply


def get_blob(client, chance, repository, digest, query=""):
    target = f"/v2/{repository}/blobs/{digest}{query}"
    if chance.random() < 0.2:
        client.ask(Request("HEAD", target), (200,))
    return client.ask(_get(target), (200,))


def get_range(client, chance, repository, digest, size, query="", wanted=(206,)):
    """(the reply, the first byte that was asked for, the end)"""
    first = chance.randint(0, size - 1)
    last = chance.randint(first, size - 1)
    text = chance.choice((f"bytes={first}-{last}", f"bytes={first}-", f"bytes=-{size - first}"))
    end = last + 1 if text == f"bytes={first}-{last}" else size
    reply = client.ask(_get(f"/v2/{repository}/blobs/{digest}{query}", ("Range", text)), wanted)
    return reply, first, end


def pull_image(client, chance, repository, tag, query=""):
    """(manifests, blobs) by digest as they came, from what `tag` names down."""
    manifests, blobs, waiting = {}, {}, [tag]
    while waiting:
        reply = get_manifest(client, chance, repository, waiting.pop(), query)
        manifests[reply.header("Docker-Content-Digest")] = reply.body
        named = json.loads(reply.body)
        waiting += [one["digest"] for one in named.get("manifests", [])]
        for one in [named.get("config"), *named.get("layers", [])]:
            if one:
                blobs[one["digest"]] = get_blob(client, chance, repository, one["digest"], query).body
    return manifests, blobs


def list_tags(client, repository, page=None):
    """All tags, in pages of that size."""
    tags, last = [], ""
    while True:
        query = urllib.parse.urlencode({"n": page, "last": last}) if page else ""
        reply = client.ask(_get(f"/v2/{repository}/tags/list{'?' if query else ''}{query}"), (200,))
        found = json.loads(reply.body)["tags"] or []
        tags += found
        if not page or not reply.header("Link"):
            return tags
        last = found[-1]


def list_referrers(client, repository, digest, artifact_type=None):
    query = "?" + urllib.parse.urlencode({"artifactType": artifact_type}) if artifact_type else ""
    reply = client.ask(_get(f"/v2/{repository}/referrers/{digest}{query}"), (200,))
    return [one["digest"] for one in json.loads(reply.body)["manifests"]]
