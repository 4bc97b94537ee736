"""Jobs of a CI system log in with their own token: signed by the keys of its issuer, found by discovery, for
as long as they are known, whatever becomes of the issuer. A token of another audience, issuer, key or
project, or one that has expired, is refused and told why."""

import base64
import hashlib
import http.server
import json
import threading
import time

from harness import expect, http as web, images, scenario
from harness.breakwater import Breakwater, private_route
from harness.clients import Skopeo
from harness.mistaken import said_by

AUDIENCE = "breakwater"
PROJECT = "project_path:me/app:ref_type:branch:ref:main"


def base64url(content):
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


class Key:
    """An RSA key, by openssl."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        self._file = world.fresh_folder("key") / "key.pem"
        size = ["-pkeyopt", "rsa_keygen_bits:2048"]
        world.run("openssl", "genpkey", "-algorithm", "RSA", *size, "-out", self._file)

    def jwk(self):
        said = self.world.run("openssl", "rsa", "-in", self._file, "-noout", "-modulus")
        modulus = bytes.fromhex(said.split("=")[1].strip())
        public = {"n": base64url(modulus), "e": "AQAB"}
        return {"kty": "RSA", "kid": self.name, "alg": "RS256", "use": "sig", **public}

    def sign(self, claims):
        head = {"alg": "RS256", "kid": self.name, "typ": "JWT"}
        text = base64url(json.dumps(head).encode()) + "." + base64url(json.dumps(claims).encode())
        message = self._file.with_name(hashlib.sha256(text.encode()).hexdigest())
        message.write_text(text)
        signature = message.with_suffix(".sig")
        self.world.run("openssl", "dgst", "-sha256", "-sign", self._file, "-out", signature, message)
        return text + "." + base64url(signature.read_bytes())


class Issuer:
    """A CI system's side of it, on loopback."""

    def __init__(self, world):
        self.keys, self.is_down, self.asked = [], False, 0
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.asked += 1
                issuer.answer(self)

            def log_message(self, *arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        world.at_end(self._server.shutdown)

    def answer(self, request):
        if request.path == "/.well-known/openid-configuration":
            content = {"issuer": self.url, "jwks_uri": self.url + "/keys"}
        else:
            content = {"keys": [key.jwk() for key in self.keys]}
        body = json.dumps(content).encode()
        request.send_response(503 if self.is_down else 200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def claims(self, **other):
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": PROJECT,
            "project_path": "me/app",
            "iat": now,
            "nbf": now - 1,
            "exp": now + 3600,
        }
        return {**claims, **other}


def status_of(address, token, path="/v2/ci/app/tags/list"):
    reply = web.get(address, path, {"Authorization": f"Bearer {token}"})
    return reply.status, reply.body.decode()


def main(world):
    issuer, key, stranger = Issuer(world), Key(world, "one"), Key(world, "one")
    issuer.keys = [key]
    job = {
        "issuer": issuer.url,
        "audience": AUDIENCE,
        "claims": {"project_path": "me/*"},
        "may": ["pull", "push"],
        "repositories": ["ci/*"],
    }
    nobody = [{"who": "127.0.0.9", "may": []}]
    route = private_route(access=nobody)
    breakwater = Breakwater(world, routes=[route], settings={"oidc": [job]})
    address = breakwater.address

    hub = world.registry()
    hub.push("library/app", "1", images.single("job", [300_000]))
    token = key.sign(issuer.claims())
    skopeo = Skopeo(world, {}, [address, hub.address])
    target = f"docker://{address}/ci/app:1"
    copied = ["skopeo", "--insecure-policy", "--registries-conf", skopeo.registries, "copy"]
    copied.append("--dest-creds")
    source = f"docker://{hub.address}/library/app:1"
    said = said_by([*copied, f"gitlab-ci-token:{token}", source, target])
    expect(said.status == 0, f"a job does not push: {said.printed}")
    expect(status_of(address, token)[0] == 200, "a job does not pull")
    named = f"127.0.0.1:{issuer.url.rpartition(':')[2]}:{PROJECT}"
    breakwater.wait_event(lambda event: event.get("user") == named, f"the log names {named}")

    status, body = status_of(address, token, "/v2/team/app/tags/list")
    expect(status == 403 and "was not made to pull from team/app" in body, f"beyond its repositories: {body}")
    wrong = {
        "made for the audience": key.sign(issuer.claims(aud="another")),
        "of an issuer that oidc does not name": key.sign(issuer.claims(iss="http://127.0.0.1:1")),
        "has the claim project_path 'you/app'": key.sign(issuer.claims(project_path="you/app")),
        "expired": key.sign(issuer.claims(exp=int(time.time()) - 300)),
        "sign": stranger.sign(issuer.claims()),
    }
    for why, other in wrong.items():
        status, body = status_of(address, other)
        expect(status == 401 and why in body, f"{why}: answered {status} {body}")

    issuer.is_down = True  # the keys that are known last
    expect(status_of(address, key.sign(issuer.claims(jti="2")))[0] == 200, "while the issuer is down")
    said = breakwater.process.text()
    for secret in [token, *wrong.values()]:
        expect(secret not in said and secret.rpartition(".")[2] not in said, "the log has a token")
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
