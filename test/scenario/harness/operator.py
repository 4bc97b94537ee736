"""The operator: the verbs of the command line, and the same operations over the control socket."""

import http.client
import json
import pathlib
import socket
import subprocess

import jsonschema

from .breakwater import BINARY
from .world import expect

_SCHEMA = json.loads(
    (pathlib.Path(__file__).resolve().parents[3] / "routes" / "ops" / "api.schema.json").read_text()
)


def expect_shape(verb, answer):
    """That the answer is what the schema says of the verb."""
    of_verb = {**_SCHEMA, "$ref": f"#/$defs/{verb}"}
    wrong = [error.message for error in jsonschema.Draft202012Validator(of_verb).iter_errors(answer)]
    expect(not wrong, f"the answer of {verb} is not as the schema has it: {wrong[:3]}\n{answer}")


# The verbs of paths that are called differently.
_VERBS = {
    "usage": "du",
    "document": "inspect",
    "savings": "saved",
    "requests": "log",
    "caches": "cache",
    "plan": "gc",
    "images": "ls",
    "remove": "rm",
}


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
        answer = json.loads(reply.read())
        connection.close()
        verb = _VERBS.get(path.partition("?")[0], path.partition("?")[0])
        expect_shape(verb if reply.status == 200 else "error", answer)
        return reply.status, answer

    def json(self, *arguments):
        """What the verb prints with --json."""
        said = self.verb(*arguments, "--json")
        answer = said.json
        expect_shape(arguments[0], answer)
        return answer
