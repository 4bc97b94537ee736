"""Each mistake in a configuration is one line with the path of its key, and nothing starts half."""

import json
import subprocess

from harness import expect, scenario
from harness.breakwater import BINARY, check_config


def route(name="one", listen="127.0.0.1:0", **mirror):
    return {
        "name": name,
        "listen": [listen],
        "mirror": {"registry": f"{name}.example", "upstream": "https://registry.example", **mirror},
    }


# What is wrong, the config, the path that its line must begin with or name.
MISTAKES = [
    ("an unknown key", {"routes": [route()], "colour": "blue"}, "colour"),
    ("an unknown key of a mirror", {"routes": [route(frsh="1s")]}, "routes[0].mirror.frsh"),
    ("a size that is none", {"routes": [route()], "bytes_max": "55 bananas"}, "bytes_max"),
    ("a time that is none", {"routes": [route(fresh="soon")]}, "routes[0].mirror.fresh"),
    (
        "two routes on one port",
        {"routes": [route("one", "127.0.0.1:5999"), route("two", "127.0.0.1:5999")]},
        "routes[1].listen",
    ),
    ("two routes of one name", {"routes": [route("one"), {**route("two"), "name": "one"}]}, "routes[1].name"),
    (
        "an unreadable secret",
        {"routes": [route(username="me", password_file="/nowhere/secret")]},
        "routes[0].mirror.password_file",
    ),
    (
        "a variable that is not set",
        {"routes": [route(username="me", password_env="NO_SUCH_VARIABLE")]},
        "routes[0].mirror.password_env",
    ),
    (
        "an upstream without scheme",
        {"routes": [route(upstream="registry.example")]},
        "routes[0].mirror.upstream",
    ),
    (
        "an allow entry that is no network",
        {"routes": [{**route(), "allow": ["10.0.0.0/99"]}]},
        "routes[0].allow",
    ),
    ("a log level that is none", {"routes": [route()], "log": {"level": "shouting"}}, "log.level"),
    ("a number for a text", {"routes": [{**route(), "name": 7}]}, "routes[0].name"),
    ("a listen address without port", {"routes": [route(listen="127.0.0.1")]}, "routes[0].listen"),
    ("a listen address that is none", {"routes": [route(listen="[zz]:5000")]}, "routes[0].listen"),
    ("a listen name that nobody knows", {"routes": [route(listen="nowhere.invalid:0")]}, "routes[0].listen"),
    (
        "a name and an address that are one",
        {"routes": [{**route(), "listen": ["localhost:5999", "127.0.0.1:5999"]}]},
        "routes[0].listen",
    ),
    (
        "a port beyond 65535",
        {"routes": [route(upstream="https://ghcr.io:99999")]},
        "routes[0].mirror.upstream",
    ),
    ("a bracket that is open", {"routes": [route(upstream="https://[::1")]}, "routes[0].mirror.upstream"),
    ("port 0 of an upstream", {"routes": [route(upstream="http://host:0")]}, "routes[0].mirror.upstream"),
    (
        "a realm that is a URL",
        {"routes": [route(token_realms=["https://x"])]},
        "routes[0].mirror.token_realms",
    ),
    (
        "a file without certificates",
        {"routes": [route()], "upstream": {"ca_file": "/etc/passwd"}},
        "upstream.ca_file",
    ),
    (
        "a time that libcurl does not take",
        {"routes": [route()], "upstream": {"connect_timeout": "30d"}},
        "upstream.connect_timeout",
    ),
]


def main(world):
    folder = world.fresh_folder("configs")
    data = folder / "data"
    for number, (what, config, path) in enumerate(MISTAKES):
        file = folder / f"{number}.json"
        file.write_text(json.dumps(config))
        status, output = check_config(file)
        expect(status == 1, f"{what}: check-config ended with {status}: {output}")
        lines = [line for line in output.splitlines() if path in line]
        expect(
            len(lines) == 1 and len(output.splitlines()) == 1, f"{what}: not one line with {path}:\n{output}"
        )
        served = subprocess.run(
            [BINARY, "serve", "--config", file, "--data", data],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=20,
        )
        expect(served.returncode != 0, f"{what}: serve started")
        expect(
            path in served.stdout.decode(), f"{what}: serve does not name {path}:\n{served.stdout.decode()}"
        )
        expect(b"listening" not in served.stdout, f"{what}: serve listened before it gave up")
        expect(not data.exists(), f"{what}: serve made its data folder before it gave up")

    several = folder / "several.json"
    several.write_text(
        json.dumps(
            {"routes": [route(fresh="soon"), route("two", upstream="registry.example")], "bytes_max": "lots"}
        )
    )
    status, output = check_config(several)
    expect(status == 1 and len(output.splitlines()) == 3, f"three mistakes are not three lines:\n{output}")

    malformed = folder / "malformed.json"
    malformed.write_text('{ "routes": [ // a comment is fine\n')
    status, output = check_config(malformed)
    expect(status == 1 and len(output.splitlines()) == 1, f"malformed JSON is not one line:\n{output}")
    status, output = check_config(folder / "absent.json")
    expect(status == 1 and len(output.splitlines()) == 1, f"an absent file is not one line:\n{output}")

    good = folder / "good.json"
    named = route(fresh="60s", listen="localhost:0")
    good.write_text('// what runs\n' + json.dumps({"routes": [named], "bytes_max": "1GiB"}))
    status, output = check_config(good)
    expect(
        status == 0 and "one" in output,
        f"a good config is refused, or nothing says what would run:\n{output}",
    )


if __name__ == "__main__":
    scenario(main)
