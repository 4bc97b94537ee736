"""Real registries: docker-registry, open, with htpasswd, with tokens, or as a proxy; and nginx in front of
one."""

import base64
import http.server
import json
import subprocess
import threading
import time
import urllib.parse

from . import http as web
from .certificates import Certificate
from .images import INDEX, MANIFEST  # noqa: F401
from .world import Failure, expect


class Registry:
    """A docker-registry. `storage` shares another one's folder, so that one can be pushed to openly and read
    with credentials.

    auth: None, ("htpasswd", user, password) or a TokenServer. proxy: the URL of an upstream; then it is a
    pull-through cache. prefix: a
    command that runs it, such as one that puts it in a cgroup."""

    def __init__(
        self, world, storage=None, auth=None, proxy=None, name="docker-registry", prefix=(), port=None
    ):
        self.world = world
        self._prefix = prefix
        self.storage = storage or world.fresh_folder(name)
        self._name = name
        self.address = f"127.0.0.1:{port or world.free_port()}"
        config = {
            "version": 0.1,
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(self.storage)}, "delete": {"enabled": True}},
            "http": {"addr": self.address, "secret": "scenario"},
        }
        if auth:
            config["auth"] = self._auth(auth)
        if proxy:
            config["proxy"] = {"remoteurl": proxy}
        self._config = world.fresh_folder(name + "-config") / "config.yml"
        self._config.write_text(json.dumps(config))  # YAML holds JSON
        self.start()

    def _auth(self, auth):
        if isinstance(auth, TokenServer):
            return {
                "token": {
                    "realm": auth.url,
                    "service": auth.service,
                    "issuer": auth.issuer,
                    "rootcertbundle": str(auth.certificate),
                }
            }
        _, user, password = auth
        file = self.world.fresh_folder(self._name + "-htpasswd") / "htpasswd"
        file.write_text(self.world.run("htpasswd", "-Bbn", user, password))
        return {"htpasswd": {"realm": "scenario", "path": str(file)}}

    def start(self):
        self.process = self.world.start(
            self._name,
            [*self._prefix, "docker-registry", "serve", self._config],
            env={"OTEL_TRACES_EXPORTER": "none"},
        )
        self.world.wait_until(self._answers, f"{self._name} answers")

    def _answers(self):
        expect(self.process.running(), f"{self._name} ended: {self.process.tail()}")
        try:
            return web.get(self.address, "/v2/", timeout_s=5).status in (200, 401)
        except OSError:
            return False

    @property
    def url(self):
        return "http://" + self.address

    def stop(self):
        self.process.kill()

    # --- pushing

    def push_blob(self, repository, content, digest=None):
        return push_blob(self.address, repository, content, digest)

    def push(self, repository, tag, image):
        push(self.address, repository, tag, image)


def push_blob(address, repository, content, digest=None):
    from .images import digest_of

    digest = digest or digest_of(content)
    started = web.ask(address, "POST", f"/v2/{repository}/blobs/uploads/")
    expect(started.status == 202, f"POST of an upload: {started}")
    location = urllib.parse.urlsplit(started.header("Location"))
    query = location.query + "&" if location.query else ""
    done = web.ask(
        address,
        "PUT",
        f"{location.path}?{query}digest={urllib.parse.quote(digest)}",
        {"Content-Type": "application/octet-stream"},
        content,
    )
    expect(done.status == 201, f"PUT of a blob: {done}")
    return digest


def push_manifest(address, repository, manifest, reference):
    done = web.ask(
        address,
        "PUT",
        f"/v2/{repository}/manifests/{reference}",
        {"Content-Type": manifest.media_type},
        manifest.bytes,
    )
    expect(done.status == 201, f"PUT of a manifest: {done}")


def push(address, repository, tag, image):
    """All of it, with plain requests."""
    for digest, content in image.blobs.items():
        push_blob(address, repository, content, digest)
    for manifest in image.manifests:
        push_manifest(address, repository, manifest, manifest.digest)
    push_manifest(address, repository, image.top, tag)


class TokenServer:
    """Gives bearer tokens (RS256, its own certificate) to whom it may; counts what it was asked."""

    issuer, service = "scenario-issuer", "scenario-registry"

    def __init__(self, world, expires_in_s=300, credentials=None):
        self.expires_in_s = expires_in_s
        self.credentials = credentials  # (user, password), or None: anybody
        self.asked = []  # the query and the Authorization of each request
        certificate = Certificate(world)
        self._key, self.certificate = certificate.key, certificate.certificate
        der = subprocess.run(
            ["openssl", "x509", "-in", self.certificate, "-outform", "DER"],
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
        self._x5c = base64.b64encode(der).decode()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._answerer())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/token"

    def token(self, scopes, expires_in_s):
        access = []
        for scope in scopes:
            kind, name, actions = scope.split(":")
            access.append({"type": kind, "name": name, "actions": actions.split(",")})
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": "",
            "aud": self.service,
            "exp": now + expires_in_s,
            "nbf": now - 10,
            "iat": now,
            "jti": f"{time.time_ns()}",
            "access": access,
        }
        signed = b".".join(
            _base64url(json.dumps(part).encode())
            for part in ({"typ": "JWT", "alg": "RS256", "x5c": [self._x5c]}, claims)
        )
        signature = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", self._key],
            input=signed,
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
        return (signed + b"." + _base64url(signature)).decode()

    def _allows(self, authorization):
        if self.credentials is None:
            return True
        expected = "Basic " + base64.b64encode(":".join(self.credentials).encode()).decode()
        return authorization == expected

    def _answerer(server):
        class Answer(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                server.asked.append((query, self.headers.get("Authorization")))
                allowed = server._allows(self.headers.get("Authorization"))
                scopes = [one for scope in query.get("scope", []) for one in scope.split(" ")]
                answer = (
                    {"token": server.token(scopes, server.expires_in_s), "expires_in": server.expires_in_s}
                    if allowed
                    else {"details": "incorrect username or password"}
                )
                body = json.dumps(answer).encode()
                self.send_response(200 if allowed else 401)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Answer


def _base64url(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=")


class Nginx:
    """nginx with the given `http` block; {folder} in it is a folder of its own. As root, so that it may read
    any file of the test."""

    def __init__(self, world, http_block, workers=2):
        self.folder = world.fresh_folder("nginx")
        self.address = f"127.0.0.1:{world.free_port()}"
        config = self.folder / "nginx.conf"
        block = http_block.replace("{folder}", str(self.folder)).replace("{address}", self.address)
        config.write_text(
            f"""user root;
worker_processes {workers};
daemon off;
pid {self.folder}/pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  sendfile on;
  keepalive_requests 100000000;
  log_format access '$remote_addr $request $status $body_bytes_sent $request_time $upstream_cache_status';
  access_log {self.folder}/access.log access;
  client_body_temp_path {self.folder}/body;
  proxy_temp_path {self.folder}/proxy;
  fastcgi_temp_path {self.folder}/fastcgi;
  uwsgi_temp_path {self.folder}/uwsgi;
  scgi_temp_path {self.folder}/scgi;
{block}
}}
"""
        )
        self.process = world.start("nginx", ["nginx", "-e", "stderr", "-p", self.folder, "-c", config])
        world.wait_until(self._listens, "nginx listens")

    def _listens(self):
        if not self.process.running():
            raise Failure("nginx ended: " + self.process.tail())
        try:
            web.get(self.address, "/nothing-here", timeout_s=5)
            return True
        except OSError:
            return False


def cache_lock_block(upstream):
    """What the replaced stack had: a cache with a lock, in front of `upstream` (host:port)."""
    return f"""
  proxy_cache_path {{folder}}/cache levels=1:2 keys_zone=cache:10m max_size=10g inactive=1h use_temp_path=off;
  server {{
    listen {{address}} backlog=4096;
    location / {{
      proxy_pass http://{upstream};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_cache cache;
      proxy_cache_key $uri;
      proxy_cache_valid 200 206 1h;
      proxy_cache_lock on;
      proxy_cache_lock_timeout 900s;
      proxy_cache_lock_age 900s;
      proxy_max_temp_file_size 0;
    }}
  }}"""
