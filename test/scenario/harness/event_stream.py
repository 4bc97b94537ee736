"""The stream of events of the API, over the control socket."""

import http.client
import json
import socket

from .operator import expect_shape
from .world import expect


class Stream:
    """As a browser reads it."""

    def __init__(self, operator, query="", last_id=None):
        self.connection = http.client.HTTPConnection("localhost")
        self.connection.sock = socket.socket(socket.AF_UNIX)
        self.connection.sock.settimeout(60)
        self.connection.sock.connect(str(operator.breakwater.data / "control"))
        headers = {} if last_id is None else {"Last-Event-ID": last_id}
        self.connection.request("GET", f"/api/v1/events{query}", headers=headers)
        self.reply = self.connection.getresponse()
        self.last_id = ""

    def next(self):
        """The next event: its name and its data."""
        fields = {}
        while True:
            line = self.reply.readline().decode().rstrip("\n")
            expect(self.reply.status == 200, f"{self.reply.status} {line}")
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "data" in fields:
                self.last_id = fields["id"]
                data = json.loads(fields["data"])
                expect_shape(f"event_of_{fields['event']}", data)
                return fields["event"], data
            else:
                fields = {}

    def until(self, wanted):
        while True:
            event, data = self.next()
            if wanted(event, data):
                return data

    def close(self):
        self.reply.close()
        self.connection.close()
