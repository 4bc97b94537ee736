// A Chromium over Breakwater's page, and what every test of it wants to know: that nothing is loaded from
// elsewhere, nothing is refused by the page's policy, and nothing goes wrong in the script.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

export const PAGE = process.env.PAGE;
export const SHOTS = process.env.SHOTS;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export async function open() {
  return chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
}

// What the scenario does or knows.
export async function conduct(name, said = "") {
  const answer = await fetch(`${process.env.CONDUCTOR}/${name}`, { method: "POST", body: said });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return text;
}

// A tab that notes what is wrong; `wrong()` must be empty at the end.
export async function tab(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(`script: ${error.message}`));
  page.on("console", (message) => {
    const text = message.text();
    // A server that is away, and what it refuses, are told by the browser too; tests look at those themselves.
    if (message.type() === "error" && !/Failed to load resource|net::ERR_/.test(text)) faults.push(`console: ${text}`);
  });
  page.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${PAGE}/`) && !url.startsWith("data:")) faults.push(`asked elsewhere: ${url}`);
  });
  return { page, context, wrong: () => faults };
}

// Goes to that place and waits until all that it asked for is there.
export async function go(page, path) {
  await page.goto(PAGE + path);
  await settled(page);
}

export async function settled(page) {
  await page.waitForSelector("main h1");
  await page.waitForFunction(() => document.querySelector("main .waiting") === null);
}

// What axe-core finds; it runs in a world of its own, which the page's policy does not bind.
export async function violations(page) {
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send("Page.getFrameTree");
  const { executionContextId } = await session.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id });
  await session.send("Runtime.evaluate", { expression: AXE, contextId: executionContextId });
  const ran = await session.send("Runtime.evaluate", {
    expression: `axe.run(document, { resultTypes: ["violations"] }).then((all) =>
      JSON.stringify(all.violations.map((one) =>
        one.id + ": " + one.help + " " + one.nodes.slice(0, 3).map((node) => node.html.slice(0, 200)).join(" | "))))`,
    contextId: executionContextId,
    awaitPromise: true,
    returnByValue: true,
  });
  await session.detach();
  assert.equal(ran.exceptionDetails, undefined, ran.exceptionDetails?.exception?.description);
  return JSON.parse(ran.result.value);
}

// Whether the page itself is wider than its window: only what is in it may be scrolled sideways.
export async function isWiderThanWindow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth + 1);
}
