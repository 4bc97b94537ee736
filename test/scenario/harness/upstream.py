"""An upstream that is made up: it answers what a function says, which may be more than any registry would
hold, and remembers what it was asked and what it sent."""

import http.server
import json
import multiprocessing
import socketserver
import urllib.parse

from . import http as web
from .world import expect

_ASKED = "/asked?part="
_COUNTED = "/counted"


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 1024


def _answerer(answer_to):
    asked, sent = [], []  # lists, because threads may append to them

    class Answer(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # head and body in one piece

        def do_GET(self):
            if self.path.startswith(_ASKED):
                part = urllib.parse.unquote(self.path[len(_ASKED) :])
                return self._send(200, "text/plain", str(sum(part in one for one in asked)).encode())
            if self.path == _COUNTED:
                told = {"requests": len(asked), "body_bytes": sum(sent)}
                return self._send(200, "application/json", json.dumps(told).encode())
            asked.append(self.path)
            return self._send(*(answer_to(self.path) or (404, "text/plain", b"there is none")))

        do_HEAD = do_GET

        def _send(self, status, media_type, body):
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
                if self.path != _COUNTED:
                    sent.append(len(body))

        def log_message(self, *_):
            pass

    return Answer


class MadeUpstream:
    """In a process of its own. `answer_to(target)` is (status, media type, body), or None for a 404."""

    def __init__(self, world, answer_to):
        server = _Server(("127.0.0.1", 0), _answerer(answer_to))
        self.address = f"127.0.0.1:{server.server_address[1]}"
        process = multiprocessing.get_context("fork").Process(target=server.serve_forever, daemon=True)
        process.start()
        server.server_close()
        world.at_end(process.kill)

    @property
    def url(self):
        return "http://" + self.address

    def counted(self):
        """How many requests it had, and how many bytes of bodies it sent."""
        return web.get(self.address, _COUNTED).json()

    def asked(self, part):
        """How many requests had that in their target."""
        reply = web.get(self.address, _ASKED + urllib.parse.quote(part))
        expect(reply.status == 200, f"the upstream that is made up: {reply}")
        return int(reply.body)
