"""Holds the example configuration, its schema and the parser against each other: schema_test.py
BREAKWATER."""

import copy
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import jsonschema

CONF = pathlib.Path(__file__).resolve().parents[2] / "conf"
SCHEMA = json.loads((CONF / "breakwater.schema.json").read_text())
ROUTE = {
    "name": "one",
    "listen": ["127.0.0.1:0"],
    "mirror": {"registry": "one.example", "upstream": "https://one.example"},
}


def become_registry(config, **settings):
    config["routes"][0].pop("mirror")
    config["routes"][0].update(registry=settings)


def become_any(config, **settings):
    config["routes"][0].pop("mirror")
    config["routes"][0].update(any=settings)


# What is wrong; how to make it so. Both the schema and the parser must refuse it.
MISTAKES = {
    "an unknown key": lambda config: config.update(colour="blue"),
    "an unknown key of a route": lambda config: config["routes"][0].update(colour="blue"),
    "an unknown key of a mirror": lambda config: config["routes"][0]["mirror"].update(colour="blue"),
    "a literal password": lambda config: config["routes"][0]["mirror"].update(
        username="me", password="secret"
    ),
    "a secret without a name": lambda config: config["routes"][0]["mirror"].update(password_env="PATH"),
    "a host that is a URL": lambda config: config.update(hosts=["http://breakwater.internal"]),
    "a webhook without a secret": lambda config: config.update(
        webhooks=[{"url": "http://hook.example", "events": ["push"]}]
    ),
    "an event that there is none of": lambda config: config.update(
        webhooks=[{"url": "http://hook.example", "secret_file": "/dev/null", "events": ["pull"]}]
    ),
    "an audit file that is no whole path": lambda config: config.update(audit={"file": "audit.log"}),
    "an audit without a file": lambda config: config.update(audit={}),
    "users without a file": lambda config: config.update(users={}),
    "a group with a space": lambda config: config.update(
        users={"htpasswd_file": "/dev/null", "groups": {"c i": ["alice"]}}
    ),
    "a group of nobody": lambda config: config.update(
        users={"htpasswd_file": "/dev/null", "groups": {"ci": []}}
    ),
    "tls without a key": lambda config: config["routes"][0].update(tls={"certificate": "/dev/null"}),
    "an unknown key of tls": lambda config: config["routes"][0].update(
        tls={"certificate": "/dev/null", "key": "/dev/null", "ciphers": "ALL"}
    ),
    "a proxy protocol by number": lambda config: config["routes"][0].update(proxy_protocol=2),
    "a rule of the page that is none": lambda config: config.update(
        admin={"listen": ["127.0.0.1:0"], "access": [{"who": "anonymous", "may": "pull"}]}
    ),
    "no routes": lambda config: config.update(routes=[]),
    "neither mirror nor registry nor any": lambda config: config["routes"][0].pop("mirror"),
    "mirror and registry": lambda config: config["routes"][0].update(registry={}),
    "pushes to a mirror": lambda config: config["routes"][0].update(allow_push=["10.0.0.0/8"]),
    "a rule for nobody": lambda config: config["routes"][0].update(access=[{"who": [], "may": ["pull"]}]),
    "a rule without an action": lambda config: config["routes"][0].update(access=[{"who": ["anonymous"]}]),
    "a rule of an action that there is none of": lambda config: config["routes"][0].update(
        access=[{"who": ["anonymous"], "may": ["write"]}]
    ),
    "an unknown key of a rule": lambda config: config["routes"][0].update(
        access=[{"who": ["anonymous"], "may": ["pull"], "colour": "blue"}]
    ),
    "a signature without a key": lambda config: config["routes"][0].update(
        require_signature=[{"repositories": ["prod/*"]}]
    ),
    "a signature of no repository": lambda config: config["routes"][0].update(
        require_signature=[{"repositories": [], "key_file": "/dev/null"}]
    ),
    "no signature at all": lambda config: config["routes"][0].update(require_signature=[]),
    "an unknown key of a signature": lambda config: config["routes"][0].update(
        require_signature=[{"repositories": ["prod/*"], "key_file": "/dev/null", "keyless": True}]
    ),
    "an unknown key of a registry": lambda config: become_registry(config, colour="blue"),
    "a delete that is a text": lambda config: become_registry(config, delete="yes"),
    "a lease without unit": lambda config: become_registry(config, lease="60"),
    "a pattern that no tag matches": lambda config: become_registry(config, cache_tags=["a/b"]),
    "a name of a registry that is a URL": lambda config: become_registry(config, names=["http://a"]),
    "any and mirror": lambda config: config["routes"][0].update(any={"registries": ["gcr.io"]}),
    "any without registries": lambda config: become_any(config),
    "any of none": lambda config: become_any(config, registries=[]),
    "any of a URL": lambda config: become_any(config, registries=["https://gcr.io"]),
    "an upstream of any that has no scheme": lambda config: become_any(
        config, registries=["gcr.io"], upstreams={"gcr.io": "gcr.io"}
    ),
    "an upstream of any for a URL": lambda config: become_any(
        config, registries=["gcr.io"], upstreams={"https://gcr.io": "https://gcr.io"}
    ),
    "rules that are a list": lambda config: config["routes"][0]["mirror"].update(repositories=["library/*"]),
    "an empty list of what is allowed": lambda config: config["routes"][0]["mirror"].update(
        repositories={"allow": []}
    ),
    "a pattern in upper case": lambda config: config["routes"][0]["mirror"].update(
        repositories={"deny": ["Library/*"]}
    ),
    "no name": lambda config: config["routes"][0].pop("name"),
    "a name with a space": lambda config: config["routes"][0].update(name="a b"),
    "the metrics' name": lambda config: config["routes"][0].update(name="metrics"),
    "an address without port": lambda config: config["routes"][0].update(listen=["127.0.0.1"]),
    "nowhere to listen": lambda config: config["routes"][0].update(listen=[]),
    "an upstream without scheme": lambda config: config["routes"][0]["mirror"].update(upstream="one.example"),
    "an upstream with a path": lambda config: config["routes"][0]["mirror"].update(
        upstream="https://one.example/v2"
    ),
    "one of several upstreams without scheme": lambda config: config["routes"][0]["mirror"].update(
        upstream=["https://one.example", "two.example"]
    ),
    "no upstream at all": lambda config: config["routes"][0]["mirror"].update(upstream=[]),
    "one upstream twice": lambda config: config["routes"][0]["mirror"].update(
        upstream=["https://one.example", "https://one.example"]
    ),
    "nine upstreams": lambda config: config["routes"][0]["mirror"].update(
        upstream=[f"https://{i}.example" for i in range(9)]
    ),
    "one of several upstreams without url": lambda config: config["routes"][0]["mirror"].update(
        upstream=["https://one.example", {"token_realms": ["one.example"]}]
    ),
    "an unknown key of an upstream": lambda config: config["routes"][0]["mirror"].update(
        upstream=[{"url": "https://one.example", "fresh": "60s"}]
    ),
    "a secret of one of several upstreams beside them": lambda config: config["routes"][0]["mirror"].update(
        upstream=["https://one.example", "https://two.example"], username="me", password_env="PATH"
    ),
    "two upstreams of any of which one has no scheme": lambda config: become_any(
        config, registries=["gcr.io"], upstreams={"gcr.io": ["https://gcr.io", "gcr.io"]}
    ),
    "a registry that is a URL": lambda config: config["routes"][0]["mirror"].update(
        registry="https://one.example"
    ),
    "a realm that is a URL": lambda config: config["routes"][0]["mirror"].update(
        token_realms=["https://one.example"]
    ),
    "a user's name with a colon": lambda config: config["routes"][0]["mirror"].update(
        username="me:you", password_env="PATH"
    ),
    "an address with a star": lambda config: config["routes"][0].update(listen=["*:5000"]),
    "an address that is a URL": lambda config: config["routes"][0].update(listen=["http://127.0.0.1:0"]),
    "a size without unit": lambda config: config.update(bytes_max="100"),
    "a size as a number": lambda config: config.update(bytes_max=100),
    "a time without unit": lambda config: config["routes"][0]["mirror"].update(fresh="60"),
    "too many workers": lambda config: config.update(workers=65),
    "half a worker": lambda config: config.update(workers=1.5),
    "a scrub by the hour": lambda config: config.update(scrub={"bytes_per_hour": "1GiB"}),
    "a log level that is none": lambda config: config.update(log={"level": "loud"}),
    "an object that is a text": lambda config: config.update(server="fast"),
}


def without_comments(text):
    """JSON strings are kept as they are, // comments go."""
    return re.sub(r'("(?:\\.|[^"\\])*")|//[^\n]*', lambda found: found.group(1) or "", text)


def properties(schema, path=()):
    """(path, schema) of every key that the schema knows."""
    for key, inner in schema.get("properties", {}).items():
        if "$ref" in inner:
            inner = {**SCHEMA["$defs"][inner["$ref"].removeprefix("#/$defs/")], **inner}
        yield (*path, key), inner
        yield from properties(inner.get("items", inner), (*path, key))


class Schema(unittest.TestCase):
    binary = None

    def check(self, config):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "config.json"
            file.write_text(config if isinstance(config, str) else json.dumps(config))
            return subprocess.run(
                [self.binary, "check-config", "--config", file], capture_output=True, text=True, timeout=30
            )

    def valid(self, config):
        return not list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(config))

    def test_the_schema_is_one(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def test_the_example_passes_both(self):
        text = (CONF / "breakwater.json").read_text()
        self.assertTrue(self.valid(json.loads(without_comments(text))))
        done = self.check(text)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(
            done.stderr,
            r"\Awarning: route private: anyone on the networks .* may push or delete without a name; .*\n\Z",
        )
        self.assertIn(
            "route dockerhub on 0.0.0.0:5000: mirror of docker.io at https://registry-1.docker.io",
            done.stdout,
        )
        self.assertIn("route private on 0.0.0.0:5050: registry with delete", done.stdout)
        self.assertIn("route any on 0.0.0.0:5060: mirror of any registry of mcr.microsoft.com", done.stdout)

    def test_the_example_names_every_key(self):
        text = (CONF / "breakwater.json").read_text()
        for path, _ in properties(SCHEMA):
            self.assertIn(f'"{path[-1]}"', text, path)

    def test_both_refuse_each_mistake(self):
        self.assertTrue(self.valid({"routes": [ROUTE]}))
        self.assertEqual(self.check({"routes": [ROUTE]}).returncode, 0)
        for what, spoil in MISTAKES.items():
            with self.subTest(what):
                config = copy.deepcopy({"routes": [ROUTE]})
                spoil(config)
                self.assertFalse(self.valid(config))
                self.assertEqual(self.check(config).returncode, 1)

    def test_the_parser_knows_every_key_of_the_schema(self):
        """The keys of one object are tried together: the parser says all that is wrong, each in a line."""
        objects, lists = {}, set()
        for path, inner in properties(SCHEMA):
            objects.setdefault(path[:-1], []).append(path[-1])
            if inner.get("items", {}).get("properties"):
                lists.add(path)
        self.assertGreater(len(objects), 10)
        for path, keys in objects.items():
            with self.subTest(path):
                config = copy.deepcopy({"routes": [ROUTE]})
                place = config
                for depth, key in enumerate(path, 1):
                    if isinstance(place.get(key), str):
                        place[key] = [{}]  # what may be one string may be a list of objects too
                    place = place.setdefault(key, [{}] if path[:depth] in lists else {})
                    place = place[0] if isinstance(place, list) else place
                place.update(dict.fromkeys(keys))
                said = self.check(config).stderr
                self.assertNotIn("unknown key", said)
                place["no_such_key"] = None
                self.assertIn("no_such_key: unknown key", self.check(config).stderr)

    def test_the_schema_knows_every_key_of_the_parser(self):
        asked = set(
            re.findall(
                r'\.(?:(?:required_|parsed_|named_)?strings?|size|duration|number|boolean|objects?)\("(\w+)"',
                "".join(
                    (CONF / name).read_text()
                    for name in ("config.cc", "repository_patterns.cc", "upstream_list.cc")
                ),
            )
        )
        self.assertGreater(len(asked), 30)
        self.assertEqual(asked - {path[-1] for path, _ in properties(SCHEMA)}, set())


if __name__ == "__main__":
    Schema.binary = sys.argv.pop(1)
    unittest.main()
