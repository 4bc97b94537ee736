"""What the documents tell people to write for their CI, taken from them and read as what it is for: YAML,
TOML, commands."""

import shlex
import string
import tomllib

import yaml

from . import documents
from .world import expect

PLAIN_HTTP = '[registry."breakwater.internal:5050"]\n  http = true\n'
BREAKWATER, HUB = "breakwater.internal:5050", "docker.io"


class Recipe:
    """One way to build: what the cache comes from and goes to, and the names that the image is pushed to."""

    def __init__(self, what, cache_from, cache_to, names, toml):
        self.what, self.cache_from, self.cache_to, self.names = what, cache_from, cache_to, names
        self.config = tomllib.loads(toml)

    def options(self, breakwater, hub):
        """For `docker buildx build`, with these addresses in the place of those."""

        def there(text):
            return text.replace(BREAKWATER, breakwater).replace(HUB + "/", hub + "/")

        tags = [option for name in self.names for option in ("--tag", there(name))]
        return ["--cache-from", there(self.cache_from), "--cache-to", there(self.cache_to), *tags, "--push"]


def commands(text):
    """Of a shell script without control flow, as lists of words; `name=value` counts for what follows."""
    found, variables = [], {}
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(string.Template(line).safe_substitute(variables))
        if len(words) == 1 and "=" in words[0]:
            name, _, variables[name] = words[0].partition("=")
        elif words:
            found.append(words)
    return found


def _of_build_command(what, words, toml):
    expect(words[:3] == ["docker", "buildx", "build"] and words[-2:] == ["--push", "."], f"{what}: {words}")
    options = list(zip(words[3:-2:2], words[4:-2:2]))
    named = dict(options)
    return Recipe(
        what,
        named["--cache-from"],
        named["--cache-to"],
        [value for option, value in options if option == "--tag"],
        toml,
    )


def _buildkit():
    toml, script = documents.blocks("packaging/docs/ci.md", "BuildKit")
    create, build = commands(script.text)
    return create, _of_build_command("BuildKit", build, toml.text)


def _five_lines():
    (script,) = documents.blocks("README.md", "A cache for CI in five lines")
    expect(len(script.text.splitlines()) == 5, f"the README has other than five lines: {script.text}")
    (build,) = commands(script.text)
    return _of_build_command("the README", build, PLAIN_HTTP)


def _woodpecker():
    (block,) = documents.blocks("packaging/docs/ci.md", "Woodpecker")
    settings = yaml.safe_load(block.text)["steps"]["build"]["settings"]
    names = [f"{repository}:{settings['tags']}" for repository in settings["repo"].split(",")]
    return Recipe(
        "Woodpecker", settings["cache_from"], settings["cache_to"], names, settings["buildkit_config"]
    )


def _gitlab():
    (block,) = documents.blocks("packaging/docs/ci.md", "GitLab CI")
    job = yaml.safe_load(block.text)["build"]
    document = next(line for line in job["before_script"] if "<<END" in line).splitlines()
    create = next(shlex.split(line) for line in job["before_script"] if "buildx create" in line)
    (build,) = commands(f"CACHE={job['variables']['CACHE']}\n{job['script'][0]}")
    toml = "\n".join(document[1 : document.index("END")])
    return create, _of_build_command("GitLab CI", build, toml)


def _github():
    (block,) = documents.blocks("packaging/docs/ci.md", "GitHub Actions")
    steps = {
        step["uses"].partition("@")[0]: step.get("with", {})
        for step in yaml.safe_load(block.text)["jobs"]["build"]["steps"]
    }
    build = steps["docker/build-push-action"]
    expect(build["push"] is True, f"GitHub Actions: {build}")
    return Recipe(
        "GitHub Actions",
        build["cache-from"],
        build["cache-to"],
        build["tags"].split(),
        steps["docker/setup-buildx-action"]["buildkitd-config-inline"],
    )


def recipes():
    """All of them, and the commands that make a builder."""
    create, buildkit = _buildkit()
    create_again, gitlab = _gitlab()
    return [buildkit, _woodpecker(), gitlab, _github(), _five_lines()], [create, create_again]
