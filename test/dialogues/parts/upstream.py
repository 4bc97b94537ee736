"""Registries that Breakwater's mirrors ask. All have the same images. A tame one answers right in all the
ways that registries do; a wild one answers right half of the time, and else as no registry should."""

import itertools
import json
import random
import re
import socketserver
import threading
import urllib.parse

from harness import images

from . import content
from .answers import LAST_WORDS, WILD, Answer, found, send

PATH = re.compile(r"^/v2/(?P<repository>.+)/(?P<kind>manifests|blobs|tags|referrers)/(?P<reference>[^/?]+)$")


class Upstream:
    """Listens as long as this program runs."""

    def __init__(self, name, seed, wild):
        self.name, self.seed, self.wild = name, seed, wild
        self.recent = []  # how the last requests were answered
        self._count = itertools.count()
        upstream = self

        class Handler(socketserver.StreamRequestHandler):
            timeout = 60

            def handle(self):
                try:
                    while upstream._serve_one(self):
                        pass
                except OSError:
                    pass  # Breakwater has left

        socketserver.ThreadingTCPServer.daemon_threads = True
        socketserver.ThreadingTCPServer.request_queue_size = 256
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.address = "127.0.0.1:%d" % server.server_address[1]
        self.url = "http://" + self.address
        threading.Thread(target=server.serve_forever, daemon=True).start()

    # --- one request

    def _serve_one(self, handler):
        line = handler.rfile.readline(65536).decode("latin-1").split()
        if len(line) != 3:
            return False
        headers = {}
        while (header := handler.rfile.readline(65536).decode("latin-1").strip()):
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        method, target, _ = line
        chance = random.Random(f"{self.seed} {self.name} {next(self._count)}")
        answer = self._answer(chance, method, target, headers)
        if self.wild and chance.random() < 0.5:
            how = chance.choice(WILD)
            self._note(f"{method} {target}: {how.__name__}")
            return how(chance, handler, method, answer)
        self._note(f"{method} {target}: {answer.status}")
        send(handler, answer.raw(method), chance if answer.slow else None)
        return True

    def _note(self, text):
        self.recent = [*self.recent[-19:], text]

    def _answer(self, chance, method, target, headers):
        path, _, query = target.partition("?")
        query = dict(urllib.parse.parse_qsl(query))
        if path == "/token":
            return Answer(
                200, [("Content-Type", "application/json")], b'{"token":"let-me-in","expires_in":60}'
            )
        if path.startswith("/storage/"):
            return self._blob(chance, query.get("repository", ""), path.rpartition("/")[2], headers)
        if path == "/v2/":
            return Answer(200, [], b"{}")
        match = PATH.match(path)
        if not match:
            return Answer(404, [], LAST_WORDS)
        repository, kind, reference = match.group("repository", "kind", "reference")
        if "/private-" in repository and headers.get("authorization") != "Bearer let-me-in":
            realm = f'Bearer realm="{self.url}/token",service="here",scope="repository:{repository}:pull"'
            return Answer(401, [("WWW-Authenticate", realm)], b'{"errors":[{"code":"UNAUTHORIZED"}]}')
        if kind == "tags":
            body = {
                "name": repository,
                "tags": [tag for tag in content.UPSTREAM_TAGS if tag > query.get("last", "")],
            }
            return Answer(200, [("Content-Type", "application/json")], json.dumps(body).encode())
        if kind == "referrers":
            body = {"schemaVersion": 2, "mediaType": images.INDEX, "manifests": []}
            return Answer(200, [("Content-Type", images.INDEX)], json.dumps(body).encode())
        if kind == "manifests":
            return self._manifest(repository, reference)
        if chance.random() < 0.4:
            location = f"/storage/{reference}?" + urllib.parse.urlencode({"repository": repository})
            return Answer(307, [("Location", chance.choice(("", self.url)) + location)])
        return self._blob(chance, repository, reference, headers)

    def _manifest(self, repository, reference):
        for tag in content.UPSTREAM_TAGS:
            for manifest in content.upstream_image(repository, tag).manifests:
                is_top = manifest is content.upstream_image(repository, tag).top
                if reference == manifest.digest or (reference == tag and is_top):
                    return found(manifest.media_type, manifest.bytes, manifest.digest)
        return Answer(404, [], b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')

    def _blob(self, chance, repository, digest, headers):
        for tag in content.UPSTREAM_TAGS:
            body = content.upstream_image(repository, tag).blobs.get(digest)
            if body is not None:
                break
        else:
            return Answer(404, [], b'{"errors":[{"code":"BLOB_UNKNOWN"}]}')
        answer = found("application/octet-stream", body, digest, slow=chance.random() < 0.3)
        wanted = re.match(r"^bytes=(\d+)-(\d*)$", headers.get("range", ""))
        if wanted and int(wanted.group(1)) < len(body) and chance.random() < 0.9:
            first, last = int(wanted.group(1)), min(int(wanted.group(2) or len(body)), len(body) - 1)
            answer.status, answer.body = 206, body[first : last + 1]
            answer.headers.append(("Content-Range", f"bytes {first}-{last}/{len(body)}"))
        answer.chunked = answer.status == 200 and chance.random() < 0.2
        return answer
