// Each page of Breakwater's page, by test/scenario/380_the_page.py, which has filled it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PAGE, SHOTS, conduct, go, isWiderThanWindow, open, settled, tab, violations } from "./browser.mjs";

const PAGES = JSON.parse(process.env.PAGES);
const WIDTHS = [360, 1280, 2560];
let browser;

before(async () => {
  browser = await open();
});
after(async () => {
  await browser.close();
});

function nameOf(path) {
  return path === "/" ? "home" : path.slice(1).replace(/[^a-z0-9.]+/gi, "-");
}

// The first of all: who reads is not yet through.
test("what is being sent is told while it is sent", async () => {
  const { page, context, wrong } = await tab(browser);
  await go(page, "/transfers");
  await page.waitForFunction(() => /To clients\s+[1-9]/.test(document.querySelector("main").innerText));
  assert.deepEqual(wrong(), []);
  await context.close();
});

for (const colorScheme of ["light", "dark"]) {
  test(`every page is accessible and keeps within its window, in ${colorScheme}`, async () => {
    const { page, context, wrong } = await tab(browser, { colorScheme });
    const found = [];
    for (const path of PAGES) {
      await go(page, path);
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 900 });
        if (await isWiderThanWindow(page)) found.push(`${path} is wider than ${width} px`);
        await page.screenshot({ path: `${SHOTS}/${nameOf(path)}-${colorScheme}-${width}.png`, fullPage: true });
      }
      await page.setViewportSize({ width: 1280, height: 900 });
      found.push(...(await violations(page)).map((one) => `${path}: ${one}`));
    }
    assert.deepEqual(found, []);
    assert.deepEqual(wrong(), []);
    await context.close();
  });
}

test("each page says what it is for, and the window's title says where one is", async () => {
  const { page, context, wrong } = await tab(browser);
  const says = {
    "/": [/quay/i, /cannot be reached/i],
    "/saved": [/hit/i],
    "/transfers": [/ghcr/, /library\/large/, /3 clients/, /%/, /team\/half/],
    "/upstreams": [/cannot be reached|unreachable/i, /quay/],
    "/requests": [/library\/none/, /team\/app|library\/app/],
    "/disk": [/private/, /dockerhub/],
    "/next": [/./],
    "/images?q=many": [/team\/many/],
    "/private": [/team\/app/, /hostile\/app/],
    "/private/team/app": [/1\.0/, /1\.5/],
    "/private/team/app:1.0": [/sha256:/, /data\/0|layer/i],
    "/dockerhub/library/app:1": [/linux\/amd64/, /linux\/arm64/],
    "/caches": [/team\/cache/, /main-cache/],
    "/connect": [/hosts\.toml/],
    "/integrity": [/./],
    "/doings": [/./],
    "/private/no/such:1": [/no such|not|none/i],
  };
  const missing = [];
  for (const [path, texts] of Object.entries(says)) {
    await go(page, path);
    for (const text of texts) {
      await page
        .waitForFunction((source) => new RegExp(source.text, source.flags).test(document.querySelector("main").innerText), {
          text: text.source,
          flags: text.flags,
        }, { timeout: 20_000 })
        .catch(() => missing.push(`${path} does not say ${text}`));
    }
    const title = await page.title();
    if (!/Breakwater/.test(title)) missing.push(`the title of ${path} is ${title}`);
  }
  assert.deepEqual(missing, []);
  assert.deepEqual(wrong(), []);
  await context.close();
});

test("back and forward go where one was, and filters are in the link", async () => {
  const { page, context, wrong } = await tab(browser);
  await go(page, "/");
  await page.click("nav a[href='/requests']");
  await settled(page);
  assert.match(page.url(), /\/requests$/);
  await page.click("nav a[href='/images']");
  await settled(page);
  await page.goBack();
  await settled(page);
  assert.match(page.url(), /\/requests$/);
  await page.goForward();
  await settled(page);
  assert.match(page.url(), /\/images$/);
  await page.fill("#search", "team/many");
  await page.press("#search", "Enter");
  await settled(page);
  assert.match(page.url(), /\/images\?q=team%2Fmany/);
  await page.reload();
  await settled(page);
  assert.equal(await page.inputValue("#search"), "team/many");
  await go(page, "/requests?result=error&client=127.0.0.1");
  await page.waitForFunction(() => /org\/app/.test(document.querySelector("main").innerText));
  assert.deepEqual(wrong(), []);
  await context.close();
});

test("nothing that a stranger has written runs or becomes a part of the page", async () => {
  const { page, context, wrong } = await tab(browser);
  for (const path of ["/requests", "/private", "/private/hostile/app", "/private/hostile/app:1", "/images?q=hostile", "/"]) {
    await go(page, path);
    const alien = await page.evaluate(() => document.querySelectorAll("main img, main script, main [onerror]").length);
    assert.equal(alien, 0, path);
  }
  await go(page, "/private/hostile/app:1");
  await page.waitForFunction(() => document.querySelector("main").innerText.includes("<script>alert(2)</script>"));
  await go(page, "/images?q=" + encodeURIComponent('"><img src=x onerror=alert(1)>'));
  assert.deepEqual(wrong(), []);
  await context.close();
});

test("a tag is deleted by the keyboard alone, from the search to the confirmation", async () => {
  const { page, context, wrong } = await tab(browser);
  assert.ok(JSON.parse(await conduct("tags")).includes("1.5"));
  await go(page, "/");
  await page.keyboard.press("/");
  await page.keyboard.type("team/app:1.5");
  await page.keyboard.press("Enter");
  await page.waitForSelector("main tr.opens");
  await page.keyboard.press("Escape");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => location.pathname.endsWith("/team/app:1.5"));
  await settled(page);
  await page.waitForFunction(() => [...document.querySelectorAll("main button")].some((one) => one.innerText === "Delete"));
  for (let step = 0; step < 200; ++step) {
    if (await page.evaluate(() => document.activeElement?.innerText === "Delete")) break;
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Enter");
  await page.waitForSelector("dialog[open]");
  await page.waitForFunction(() => document.querySelector("dialog .dialog-foot .danger") !== null);
  assert.ok(JSON.parse(await conduct("tags")).includes("1.5"), "it was deleted before it was confirmed");
  for (let step = 0; step < 50; ++step) {
    if (await page.evaluate(() => document.activeElement?.matches("dialog .dialog-foot .danger") ?? false)) break;
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Enter");
  await page.waitForSelector("dialog .done");
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog[open]", { state: "detached" });
  assert.ok(!JSON.parse(await conduct("tags")).includes("1.5"));
  assert.deepEqual(wrong(), []);
  await context.close();
});

test("a request's details are closed where they were opened, and back leads to the page before", async () => {
  const { page, context, wrong } = await tab(browser);
  await go(page, "/saved");
  await page.click("nav a[href='/requests']");
  await settled(page);
  const steps = await page.evaluate(() => history.length);
  await page.locator("main tr.opens td").first().click();
  await page.waitForFunction(() => /open=/.test(location.search) && document.querySelector("dialog[open]") !== null);
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => location.search === "" && document.querySelector("dialog[open]") === null);
  assert.equal(await page.evaluate(() => history.length), steps + 1); // forward opens them again
  await page.goBack();
  await page.waitForFunction(() => location.pathname === "/saved");
  assert.deepEqual(wrong(), []);
  await context.close();
});

test("where a row was deleted the next one has the focus", async () => {
  const { page, context, wrong } = await tab(browser);
  await go(page, "/private/team/app");
  await page.click("main tr.opens:has(a[href$=':1.3']) button.danger");
  await page.click("dialog .dialog-foot .danger");
  await page.waitForSelector("dialog .done");
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog[open]", { state: "detached" });
  await page.waitForFunction(() => document.activeElement?.matches("main tr.opens:has(a[href$=':1.4'])"));
  assert.ok(!JSON.parse(await conduct("tags")).includes("1.3"));
  assert.deepEqual(wrong(), []);
  await context.close();
});

test("back undoes a choice, and not what was typed letter by letter", async () => {
  const { page, context, wrong } = await tab(browser);
  await go(page, "/requests");
  await page.selectOption("select[name='result']", "error");
  await page.selectOption("select[name='route']", "quay");
  assert.match(page.url(), /\/requests\?result=error&route=quay$/);
  await page.goBack();
  assert.match(page.url(), /\/requests\?result=error$/);
  assert.equal(await page.inputValue("select[name='route']"), "");
  await page.goBack();
  assert.match(page.url(), /\/requests$/);
  await page.click("nav a[href='/images']");
  await go(page, "/private/team/many");
  await page.locator("main input[type='text'], main input[type='search']").first().pressSequentially("v1.29");
  await page.waitForFunction(() => location.search === "?filter=v1.29");
  await page.goBack();
  await page.waitForFunction(() => location.pathname === "/images");
  assert.deepEqual(wrong(), []);
  await context.close();
});

// Answers of the API with as many requests and tags as a busy registry has; the other answers are real.
const IS_FULL = process.env.BREAKWATER_FULL === "1";
const MANY_TAGS = 10_000;
const MANY_REQUESTS = IS_FULL ? 100_000 : 10_000;
const STEPS = IS_FULL ? 300 : 60;

async function answerMany(page, asked, rows) {
  await page.route((url) => url.pathname.startsWith("/api/v1/") && asked(url), async (route) => {
    await route.fulfill({ json: rows(new URL(route.request().url()).searchParams) });
  });
}

// Goes to the end until the list says that this is all, then to places all over it. In each frame: is there a row
// in the middle of the window? How many are drawn? What it took is told, by what the browser did in that time.
async function scrollAllOver(page, name, end) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  const spent = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    const of = (what) => metrics.find((one) => one.name === `${what}Duration`).value;
    return [of("Script"), of("RecalcStyle") + of("Layout"), of("Task")];
  };
  const before = await spent();
  const seen = await scroll(page, end);
  const [script, layout, all] = (await spent()).map((seconds, index) =>
    ((1000 * (seconds - before[index])) / seen.frames).toFixed(1),
  );
  const { frames, slow, longest } = seen;
  console.log(
    `${name}: ${frames} frames, each ${script} ms script, ${layout} ms style and layout, ${all} ms in all; ` +
      `${slow} over 50 ms, the longest ${longest.toFixed(0)} ms`,
  );
  await session.detach();
  return seen;
}

function scroll(page, end) {
  return page.evaluate(async ({ source, steps }) => {
    const ends = new RegExp(source);
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const seen = { blank: 0, drawn: 0, frames: 0, slow: 0, longest: 0 };
    let before = await frame();
    const look = async (top) => {
      scrollTo(0, top);
      const now = await frame();
      seen.longest = Math.max(seen.longest, now - before);
      seen.slow += now - before > 50 ? 1 : 0;
      before = now;
      ++seen.frames;
      seen.drawn = Math.max(seen.drawn, document.querySelectorAll("main tbody tr").length);
      if (document.elementFromPoint(innerWidth / 2, innerHeight / 2)?.closest("tr.spacer")) ++seen.blank;
    };
    const height = () => document.documentElement.scrollHeight;
    while (!ends.test(document.querySelector("main").innerText)) await look(height());
    for (let step = 0; step < steps; ++step) await look((height() * ((step * 0.618034) % 1)) | 0);
    for (let step = 0; step < steps; ++step) await look(step * 120);
    return seen;
  }, { source: end.source, steps: STEPS });
}

test("ten thousand tags and many more requests are scrolled through without a gap", async () => {
  const { page, context, wrong } = await tab(browser);
  context.setDefaultTimeout(240_000);
  const digest = `sha256:${"7".repeat(64)}`;
  const at = new Date().toISOString();
  await answerMany(page, (url) => url.pathname.endsWith("/images") && url.searchParams.get("of") === "private/team/app", (query) => {
    const first = query.get("after") ? Number(query.get("after").slice(1)) + 1 : 0;
    const count = Math.min(Number(query.get("limit")), MANY_TAGS - first);
    const tags = Array.from({ length: count }, (_, index) => ({
      tag: `v${String(first + index).padStart(5, "0")}`, digest, media_type: "application/vnd.oci.image.manifest.v1+json",
      bytes: 1e6 + index, here_bytes: 1e6 + index, missing: 0, at_least: false, set_at: at, pinned: false,
    }));
    const last = tags.at(-1).tag;
    return { route: "private", repository: "team/app", tags, ...(first + count < MANY_TAGS ? { last } : {}) };
  });
  await go(page, "/private/team/app");
  const tags = await scrollAllOver(page, "tags", /10.000 tags$/m);
  await page.unrouteAll();
  await answerMany(page, (url) => url.pathname.endsWith("/requests"), (query) => {
    const newest = MANY_REQUESTS;
    const last = Math.min(Number(query.get("before") ?? newest + 1) - 1, newest);
    const first = query.has("after") ? newest + 1 : Math.max(1, last - Number(query.get("limit")) + 1);
    const requests = [];
    for (let number = first; number <= last; ++number)
      requests.push({
        number, at, route: "private", client: `10.0.${number % 7}.${number % 250}`, method: "GET", repository: "team/app",
        reference: number % 3 ? `v${number}` : digest, status: number % 50 ? 200 : 404, bytes: number, seconds: 0.002,
        cache: "hit", ...(number % 50 ? {} : { reason: "manifest unknown: there is none" }), user_agent: "containerd/1.7", trace: "ab",
      });
    return { requests, next: newest, newest, missed: 0, ...(first > 1 ? { previous: first } : {}) };
  });
  await go(page, "/requests");
  const requests = await scrollAllOver(page, "requests", /requests; older ones are not remembered/);
  for (const seen of [tags, requests]) {
    assert.equal(seen.blank, 0);
    assert.ok(seen.drawn < 250, `${seen.drawn} rows are drawn`);
  }
  assert.deepEqual(wrong(), []);
  await context.close();
});

test("the keys are shown by ?, and walk a table", async () => {
  const { page, context, wrong } = await tab(browser);
  await go(page, "/private/team/app");
  await page.keyboard.press("?");
  await page.waitForSelector("dialog[open]");
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog[open]", { state: "detached" });
  await page.waitForSelector("main tr.opens");
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  assert.equal(await page.evaluate(() => [...document.querySelectorAll("main tr.opens")].indexOf(document.activeElement)), 1);
  await page.keyboard.press("k");
  assert.equal(await page.evaluate(() => [...document.querySelectorAll("main tr.opens")].indexOf(document.activeElement)), 0);
  assert.deepEqual(wrong(), []);
  await context.close();
});

test("a pull from the client that is being connected turns the test green", async () => {
  const { page, context, wrong } = await tab(browser);
  await go(page, "/connect?client=podman");
  await page.waitForFunction(() => /waiting for a pull/i.test(document.querySelector("main").innerText));
  await conduct("pull");
  await page.waitForFunction(() => /podman\/5\.0/.test(document.querySelector("main").innerText));
  assert.deepEqual(wrong(), []);
  await context.close();
});

test("while Breakwater is away the page says so, and it goes on by itself", async () => {
  const { page, context, wrong } = await tab(browser);
  await go(page, "/");
  await page.waitForFunction(() => document.querySelector(".sentence:not(.bad)") !== null);
  await conduct("stop");
  await page.waitForFunction(() => /does not answer since/.test(document.querySelector(".sentence").innerText));
  assert.match(await page.innerText(".sentence"), /figures are those of/);
  await conduct("start");
  await page.waitForFunction(() => !/does not answer/.test(document.querySelector(".sentence").innerText));
  await settled(page);
  assert.deepEqual(wrong(), []);
  await context.close();
});

test("a page that is open while another process takes over goes on, and tells what the new one does", async () => {
  const { page, context, wrong } = await tab(browser);
  await go(page, "/requests?client=127.0.0.9");
  await page.waitForFunction(() => document.querySelector("main .empty, main table") !== null);
  await conduct("upgrade");
  await conduct("another");
  await page.waitForFunction(() => /127\.0\.0\.9/.test(document.querySelector("main table")?.innerText ?? ""));
  assert.doesNotMatch(await page.innerText(".sentence"), /does not answer/);
  assert.deepEqual(wrong(), []);
  await context.close();
});

test("a page of the version before says so after an upgrade, and is loaded anew", async () => {
  const { page, context, wrong } = await tab(browser);
  await go(page, "/saved");
  await page.route(`${PAGE}/`, async (route) => {
    const answer = await route.fetch();
    const text = await answer.text();
    await route.fulfill({ response: answer, body: text.replace(/page-[0-9a-f]+\.js/, "page-of-a-new-version.js") });
  });
  await conduct("upgrade");
  await page.waitForSelector(".old-page");
  await page.unroute(`${PAGE}/`);
  await page.click(".old-page button");
  await page.waitForFunction(() => document.querySelector(".old-page") === null);
  await settled(page);
  assert.equal(new URL(page.url()).pathname, "/saved");
  assert.deepEqual(wrong(), []);
  await context.close();
});

test("a page that was open before a loss of the network goes on when it is back", async () => {
  const { page, context, wrong } = await tab(browser);
  await go(page, "/requests");
  await context.setOffline(true);
  await page.waitForFunction(() => /does not answer since/.test(document.querySelector(".sentence").innerText));
  await context.setOffline(false);
  await page.waitForFunction(() => !/does not answer/.test(document.querySelector(".sentence").innerText));
  await conduct("pull");
  await page.waitForFunction(() => /podman\/5\.0|library\/app/.test(document.querySelector("main").innerText));
  assert.deepEqual(wrong(), []);
  await context.close();
});

test("the page is small, is kept by its name, and is asked for again by its tag", async () => {
  const files = [...(await (await fetch(`${PAGE}/`)).text()).matchAll(/"(\/-\/[^"]+)"/g)].map((match) => match[1]);
  assert.equal(files.length, 3);
  let bytes = 0;
  for (const path of ["/", ...files]) {
    // fetch() of Node decodes it, and tells the length that it came in.
    const answer = await fetch(PAGE + path, { headers: { "Accept-Encoding": "gzip" } });
    assert.equal(answer.status, 200, path);
    assert.equal(answer.headers.get("content-encoding"), "gzip");
    assert.match(answer.headers.get("content-security-policy"), /default-src 'none'/);
    bytes += Number(answer.headers.get("content-length"));
    await answer.arrayBuffer();
    const again = await fetch(PAGE + path, { headers: { "Accept-Encoding": "gzip", "If-None-Match": answer.headers.get("etag") } });
    assert.equal(again.status, 304, path);
    assert.match(answer.headers.get("cache-control"), path === "/" ? /^no-cache$/ : /immutable/);
  }
  assert.ok(bytes > 0 && bytes <= 120 * 1024, `${bytes} bytes`);
});
