"""The alert rules and the dashboard name only metrics that a Breakwater exports; promtool takes the rules."""

import json
import pathlib
import re
import subprocess

import yaml

from harness import documents, expect, http, images, scenario
from harness.breakwater import mirror_route, private_route

PACKAGING = pathlib.Path(__file__).resolve().parents[2] / "packaging"
RULES = PACKAGING / "prometheus" / "breakwater.rules.yaml"
DASHBOARD = PACKAGING / "grafana" / "breakwater.json"
NAME = re.compile(r"\b(?:breakwater|process)_[a-z0-9_]+\b")
# Only when something of the kind has happened; the code that exports them is tested by itself.
ON_OCCASION = {
    "breakwater_evicted_bytes_total",
    "breakwater_evicted_unused_seconds",
    "breakwater_upstream_ratelimit_remaining",
}

# Who is not told, and does not know: somebody else has to say so.
TOLD = ("breakwater_webhook_", "breakwater_audit_")


def exported(breakwater):
    """By family: what stands in # TYPE, and for histograms its series."""
    text = http.get(breakwater.addresses["metrics"], "/metrics").body.decode()
    names = set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            names |= {name} | (
                {f"{name}_bucket", f"{name}_sum", f"{name}_count"} if kind == "histogram" else set()
            )
    return names


def main(world):
    hub = world.registry()
    image = images.single("alerts", [20_000])
    hub.push("library/app", "1", image)
    secret = world.fresh_folder("secret") / "hook"
    secret.write_text("of-the-hook-4711\n")
    hook = {"url": hub.url + "/hook", "secret_file": str(secret), "events": ["push"]}
    breakwater = world.breakwater(
        routes=[mirror_route("dockerhub", "docker.io", hub.url), private_route(bytes_max="1GiB")],
        settings={"webhooks": [hook]},
    )
    for path in image.paths("library/app", "1"):
        http.get(breakwater.addresses["dockerhub"], path, {"Accept": images.ACCEPT})
    names = exported(breakwater) | ON_OCCASION
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    for rule in rules:
        unknown = set(NAME.findall(rule["expr"])) - names
        expect(not unknown, f"the alert {rule['alert']} names {unknown}, which nobody exports")
        expect(
            rule["annotations"].get("summary") and rule["annotations"].get("action"),
            f"{rule['alert']} says not what to do",
        )
    panels = json.loads(DASHBOARD.read_text())["panels"]
    asked = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    expect(len(asked) > 20, f"the dashboard asks only {len(asked)} things")
    for expr in asked:
        unknown = set(NAME.findall(expr)) - names
        expect(not unknown, f"the dashboard asks for {unknown} in {expr}")
    told = {name for name in names if name.startswith(TOLD)}
    expect(len(told) == 5, f"of webhooks and the audit log it has {told}")
    watched = [rule["expr"] for rule in rules]
    for what, text in (("the alerts watch", watched), ("the dashboard shows", asked)):
        missing = told - set(NAME.findall(" ".join(text))) - {"breakwater_webhook_queue_events"}
        expect(not missing, f"{what} nothing of {missing}")
    (scrape,) = documents.blocks("packaging/docs/metrics.md", "Metrics and alerts")
    file = world.fresh_folder("prometheus") / "prometheus.yml"
    file.write_text(scrape.text)
    world.run("promtool", "check", "config", file)
    (job,) = yaml.safe_load(scrape.text)["scrape_configs"]
    expect(job["job_name"] == "breakwater", "the alerts want another job than the document has")
    checked = subprocess.run(["promtool", "check", "rules", str(RULES)], capture_output=True, text=True)
    expect(checked.returncode == 0, f"promtool: {checked.stdout}{checked.stderr}")


scenario(main)
