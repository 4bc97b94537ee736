"""What the README tells people to write for their CI, taken from it and read as what it is for: YAML, TOML,
commands."""

import re
import shlex
import tomllib

import yaml

from .world import ROOT, expect

SECTION = "## A registry of your own"
BREAKWATER, HUB = "breakwater.internal:5050", "docker.io"


class Recipe:
    """One way to build: what the cache comes from and goes to, and the names that the image is pushed to."""

    def __init__(self, what, cache_from, cache_to, names, toml):
        self.what, self.cache_from, self.cache_to, self.names = what, cache_from, cache_to, names
        self.config = tomllib.loads(toml)

    def options(self, breakwater, hub):
        """For `docker buildx build`, with these addresses in the place of the README's."""

        def there(text):
            return text.replace(BREAKWATER, breakwater).replace(HUB + "/", hub + "/")

        tags = [option for name in self.names for option in ("--tag", there(name))]
        return ["--cache-from", there(self.cache_from), "--cache-to", there(self.cache_to), *tags, "--push"]


def _blocks():
    """Of each paragraph that begins with a name in bold: its blocks, by language."""
    text = (ROOT / "README.md").read_text()
    begin = text.index(SECTION)
    section = text[begin : text.index("\n## ", begin + 1)]
    _, *parts = re.split(r"^\*\*([^*]+)\*\*", section, flags=re.M)
    return {
        name: dict(re.findall(r"```(\w+)\n(.*?)```", body, re.S))
        for name, body in zip(parts[::2], parts[1::2])
    }


def commands(text):
    """Of a shell script without control flow, as lists of words."""
    return [shlex.split(line) for line in text.replace("\\\n", " ").splitlines() if line.strip()]


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


def _buildkit(blocks):
    create, build = commands(blocks["sh"])
    return create, _of_build_command("BuildKit", build, blocks["toml"])


def _woodpecker(blocks):
    settings = yaml.safe_load(blocks["yaml"])["steps"]["build"]["settings"]
    names = [f"{repository}:{settings['tags']}" for repository in settings["repo"].split(",")]
    return Recipe(
        "Woodpecker", settings["cache_from"], settings["cache_to"], names, settings["buildkit_config"]
    )


def _gitlab(blocks):
    job = yaml.safe_load(blocks["yaml"])["build"]
    document = next(line for line in job["before_script"] if "<<END" in line).splitlines()
    create = next(shlex.split(line) for line in job["before_script"] if "buildx create" in line)
    return create, _of_build_command(
        "GitLab CI", shlex.split(job["script"][0]), "\n".join(document[1 : document.index("END")])
    )


def _github(blocks):
    steps = {
        step["uses"].partition("@")[0]: step.get("with", {})
        for step in yaml.safe_load(blocks["yaml"])["jobs"]["build"]["steps"]
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
    blocks = _blocks()
    expect(
        set(blocks) == {"BuildKit", "Woodpecker", "GitLab CI", "GitHub Actions"},
        f"the README's section {SECTION!r} tells of {sorted(blocks)}",
    )
    create, buildkit = _buildkit(blocks["BuildKit"])
    create_again, gitlab = _gitlab(blocks["GitLab CI"])
    return [buildkit, _woodpecker(blocks["Woodpecker"]), gitlab, _github(blocks["GitHub Actions"])], [
        create,
        create_again,
    ]
