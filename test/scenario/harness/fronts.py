"""nginx in front of a registry, as people put it there: on a port and with a Host of its own, plain or TLS;
it counts what passes."""

import collections
import pathlib

from .registry import Nginx

Passed = collections.namedtuple("Passed", "method target status received_bytes")


class Front:
    """Passes every request on to `upstream` (host:port) as it comes in."""

    def __init__(self, world, upstream, tls=None, host="$http_host"):
        """`tls`: a Certificate. `host`: what upstream is told as the Host; by default what the client
        said."""
        self.world = world
        ssl = f"ssl; ssl_certificate {tls.certificate}; ssl_certificate_key {tls.key}" if tls else ""
        self._nginx = Nginx(
            world,
            f"""
  log_format passed '$request_method $request_uri $status $request_length';
  server {{
    listen {{address}} {ssl};
    client_max_body_size 0;
    location / {{
      access_log {{folder}}/passed.log passed;
      proxy_pass http://{upstream};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host {host};
      proxy_request_buffering off;
      proxy_buffering off;
      proxy_read_timeout 60s;
    }}
  }}
  server {{
    listen unix:{{folder}}/mark;
    location / {{ access_log {{folder}}/passed.log passed; return 204; }}
  }}""",
            workers=1,
        )
        self.address = self._nginx.address
        self._log = pathlib.Path(self._nginx.folder) / "passed.log"
        self._begin = 0
        self._marks = 0

    def requests(self):
        """All that has passed since forget(); one worker writes them in order, so after a mark of ours there
        is nothing to come."""
        self._marks += 1
        mark = f"/mark-{self._marks}"
        self.world.run("curl", "-sS", "--unix-socket", self._nginx.folder / "mark", "http://mark" + mark)
        lines = self.world.wait_until(
            lambda: (text := self._log.read_text()) and f" {mark} " in text and text.splitlines(),
            "nginx writes its log",
        )
        passed = [line.split() for line in lines[self._begin :] if "/mark-" not in line]
        return [
            Passed(method, target, int(status), int(received)) for method, target, status, received in passed
        ]

    def forget(self):
        self.requests()
        self._begin = len(self._log.read_text().splitlines())

    def uploads(self):
        """The requests that bring bytes of blobs."""
        return [
            one
            for one in self.requests()
            if one.method in ("PATCH", "PUT") and "/blobs/uploads/" in one.target
        ]

    def uploaded_bytes(self):
        return sum(one.received_bytes for one in self.uploads())

    def mounts(self):
        """The blobs that were taken over from another repository."""
        return [
            one
            for one in self.requests()
            if one.method == "POST" and "mount=" in one.target and one.status == 201
        ]

    def downloads(self):
        return [one for one in self.requests() if one.method == "GET" and "/blobs/" in one.target]
