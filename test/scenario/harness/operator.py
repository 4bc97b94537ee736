"""The operator: the verbs of the command line, and the same operations over the control socket."""

import http.client
import json
import socket
import subprocess

from .breakwater import BINARY


class Said:
    """How a verb ended, and what it printed."""

    def __init__(self, done):
        self.status = done.returncode
        self.out, self.err = done.stdout.decode(), done.stderr.decode()

    @property
    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"status {self.status}\n{self.out}{self.err}"


def run(*arguments, stdin=b"", timeout_s=120):
    done = subprocess.run(
        [str(one) for one in (BINARY, *arguments)], input=stdin, capture_output=True, timeout=timeout_s
    )
    return Said(done)


class Operator:
    def __init__(self, breakwater):
        self.breakwater = breakwater

    def verb(self, *arguments, stdin=b""):
        return run(
            *arguments, "--config", self.breakwater.config_file, "--data", self.breakwater.data, stdin=stdin
        )

    def ask(self, method, path, body=None):
        """The API's status and JSON, over the control socket."""
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(60)
        connection.sock.connect(str(self.breakwater.data / "control"))
        headers = {"Content-Type": "application/json"} if body is not None else {}
        sent = None if body is None else json.dumps(body)
        connection.request(method, f"/api/v1/{path}", body=sent, headers=headers)
        reply = connection.getresponse()
        answer = reply.status, json.loads(reply.read())
        connection.close()
        return answer
