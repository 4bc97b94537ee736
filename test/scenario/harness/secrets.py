"""What nobody may read: the passwords, tokens and keys that a scenario uses are gathered while it runs, and
at its end what Breakwater has said, in its log, its audit and by its verbs, is searched for each of them."""

import base64
import json
import pathlib
import re

# Keys of the configuration that name a file with a secret in its first line.
_SECRET_FILES = {"password_file", "secret_file"}
# What is a secret wherever it comes from: our own tokens and sessions, the tokens of jobs, private keys.
_SHAPES = re.compile(
    r"bw[tp]_[A-Za-z0-9_-]{16,}|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}|BEGIN [A-Z ]*PRIVATE KEY"
)


def _forms(secret):
    """As it is, as Basic has it behind any name, and as a URL has it."""
    raw = secret.encode()
    yield secret
    for skipped in range(3):
        coded = base64.b64encode(b"-" * skipped + raw).decode()
        # What depends on the bytes before and behind is left out.
        inside = coded[4 if skipped else 0 : len(coded) - 4 if len(raw + b"-" * skipped) % 3 else None]
        if len(inside) >= 8:
            yield inside


def _in_files(config):
    """The first lines of the files that the configuration names as secret."""
    found = list(config.values()) if isinstance(config, dict) else config
    for one in found:
        if isinstance(one, (dict, list)):
            yield from _in_files(one)
    for key in _SECRET_FILES & (config.keys() if isinstance(config, dict) else set()):
        file = pathlib.Path(config[key])
        if file.is_file():
            yield from file.read_text("utf-8", "replace").splitlines()[:1]


class Secrets:
    def __init__(self):
        self._secrets = set()
        self._told = []

    def add(self, secret):
        self._secrets.add(secret)

    def heed(self, arguments, output):
        """Of a command that was run: what it was given or has made that is secret, or, of our own verbs, what
        it said."""
        arguments = [str(one) for one in arguments]
        name = pathlib.Path(arguments[0]).name
        if name == "htpasswd":
            self._secrets.add(arguments[-1])
        if name != "breakwater":
            return
        if arguments[1:3] == ["token", "create"]:
            self._secrets.update(_SHAPES.findall(output))
        else:
            self._told.append((" ".join(arguments[:2]), output))

    def found(self, processes):
        """Where a secret is told, in words; nothing if nowhere is. `processes`: those of Breakwater."""
        told, secrets = list(self._told), set(self._secrets)
        for process in processes:
            config = self._config_of(process)
            secrets.update(_in_files(config))
            told.append((process.log.name, process.log.read_text("utf-8", "replace")))
            audit = config.get("audit", {}).get("file")
            if audit and pathlib.Path(audit).is_file():
                told.append(("the audit", pathlib.Path(audit).read_text("utf-8", "replace")))
        for where, text in told:
            for shape in _SHAPES.finditer(text):
                yield f"{where} has {shape.group()[:12]}…"
            for secret in secrets:
                if any(form in text for form in _forms(secret)):
                    yield f"{where} has the secret {secret!r}"

    @staticmethod
    def _config_of(process):
        arguments = [str(one) for one in process.child.args]
        if "--config" not in arguments:
            return {}
        try:
            return json.loads(pathlib.Path(arguments[arguments.index("--config") + 1]).read_text())
        except (OSError, ValueError):
            return {}
