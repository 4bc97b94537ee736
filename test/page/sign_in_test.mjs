// Signing in, what is shown to whom, and tokens, by test/scenario/390_the_page_signs_in.py: alice may all, bob
// may look, and pull from team/*.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PAGE, SHOTS, go, isWiderThanWindow, open, settled, tab, violations } from "./browser.mjs";

const PORT = process.env.REGISTRY.split(":")[1];
let browser;

before(async () => {
  browser = await open();
});
after(async () => {
  await browser.close();
});

async function says(page, pattern, where = "main") {
  await page.waitForFunction(
    ({ where, source, flags }) => new RegExp(source, flags).test(document.querySelector(where)?.innerText ?? ""),
    { where, source: pattern.source, flags: pattern.flags },
  );
}

// By the keyboard alone.
async function signIn(page, user, password) {
  await page.waitForSelector("input[name=user]");
  await page.focus("input[name=user]");
  await page.keyboard.type(user);
  await page.keyboard.press("Tab");
  await page.keyboard.type(password);
  await page.keyboard.press("Enter");
}

async function signedIn(browser, user, password, path, options = {}) {
  const opened = await tab(browser, options);
  await opened.page.goto(PAGE + path);
  await signIn(opened.page, user, password);
  await opened.page.waitForSelector(`.who-name:has-text("${user}")`, { state: "attached" });
  await settled(opened.page);
  return opened;
}

for (const colorScheme of ["light", "dark"]) {
  test(`who has no name is asked for one, and shown nothing, in ${colorScheme}`, async () => {
    const { page, context, wrong } = await tab(browser, { colorScheme });
    await page.goto(`${PAGE}/private/hidden/app`);
    await page.waitForSelector("input[name=password]");
    assert.equal(await page.innerText("main h1"), "Sign in");
    assert.equal(await page.locator("nav").count(), 0);
    assert.deepEqual(await violations(page), []);
    for (const width of [320, 1280]) {
      await page.setViewportSize({ width, height: 700 });
      assert.equal(await isWiderThanWindow(page), false);
      await page.screenshot({ path: `${SHOTS}/sign-in-${colorScheme}-${width}.png` });
    }
    assert.deepEqual(wrong(), []);
    await context.close();
  });
}

test("a wrong password is told in words, and the right one goes on to where one was going", async () => {
  const { page, context, wrong } = await tab(browser);
  await page.goto(`${PAGE}/private/team/app`);
  await signIn(page, "bob", "a guess");
  await says(page, /no user here has this name and this password/);
  assert.deepEqual(await violations(page), []);
  await page.fill("input[name=user]", "");
  await page.fill("input[name=password]", "");
  await signIn(page, "bob", "let me in");
  await page.waitForSelector(".who-name");
  await settled(page);
  assert.match(page.url(), /\/private\/team\/app$/);
  await says(page, /\b1\b/);
  const cookies = await context.cookies();
  assert.deepEqual(
    cookies.map(({ name, httpOnly, sameSite }) => ({ name, httpOnly, sameSite })),
    [{ name: "breakwater_session", httpOnly: true, sameSite: "Strict" }],
  );
  assert.equal(await page.evaluate(() => document.cookie), "");
  assert.deepEqual(wrong(), []);
  await context.close();
});

test("who may pull from some repositories sees these, and is offered nothing that he may not do", async () => {
  const { page, context, wrong } = await signedIn(browser, "bob", "let me in", "/private");
  await says(page, /team\/app/);
  const places = ["/", "/saved", "/transfers", "/requests", "/disk?by=repository", "/private", "/images?q=app", "/caches", "/integrity", "/doings"];
  for (const path of places) {
    await go(page, path);
    assert.doesNotMatch(await page.innerText("body"), /hidden/, path);
    assert.equal(await page.locator("main .failure").count(), 0, path);
    await page.setViewportSize({ width: 320, height: 700 });
    assert.equal(await isWiderThanWindow(page), false, path);
    await page.setViewportSize({ width: 1280, height: 900 });
  }
  const ways = await page.locator("nav a").allInnerTexts();
  assert.ok(!ways.includes("Tokens") && !ways.includes("What goes next"), ways.join());
  await says(page, /You are bob, and may look only/);
  assert.equal(await page.locator("main button.danger").count(), 0);
  await go(page, "/private/hidden/app:1");
  await says(page, /there is no image private\/hidden\/app:1/);
  await go(page, "/tokens");
  await says(page, /for who may administer/);
  await page.click(".who button");
  await page.waitForSelector("input[name=password]");
  assert.deepEqual(await context.cookies(), []);
  assert.deepEqual(wrong(), []);
  await context.close();
});

test("a token is made, shown once with what to do with it, and revoked", async () => {
  const { page, context, wrong } = await signedIn(browser, "alice", "open sesame", "/");
  await page.click("nav a[href='/tokens']");
  await settled(page);
  assert.deepEqual(await violations(page), []);
  await page.fill("input[name=name]", "ci-cache");
  await page.check("input[name=push]");
  await page.fill("input[name=repositories]", "cache/*, team/app");
  await page.selectOption("select[name=expires]", "7d");
  await page.click("button:text('Make a token')");
  await says(page, /a token ci-cache would be made/i, "dialog");
  await page.click("dialog button.main");
  await says(page, /shown this once/, "dialog");
  assert.deepEqual(await violations(page), []);
  const token = (await page.innerText("dialog pre[aria-label='the token']")).trim();
  assert.match(token, /^bwt_[0-9A-Za-z]{49}$/);
  assert.match(await page.innerText("dialog"), new RegExp(`docker login --username ci-cache 127\\.0\\.0\\.1:${PORT}`));
  for (const width of [320, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    assert.equal(await isWiderThanWindow(page), false);
    await page.screenshot({ path: `${SHOTS}/token-made-${width}.png` });
  }
  await page.click("dialog button:text('Close')");
  await says(page, /ci-cache/, "main table");
  assert.match(await page.innerText("main table"), /valid/);
  assert.match(await page.innerText("main table"), /alice/);
  assert.ok(!(await page.content()).includes(token));
  const as = { headers: { Authorization: `Bearer ${token}` } };
  assert.equal((await fetch(`http://${process.env.REGISTRY}/v2/team/app/tags/list`, as)).status, 200);

  await page.click("main table button:text('Revoke')");
  await says(page, /would be revoked/i, "dialog");
  await page.click("dialog button.danger");
  await says(page, /Done\./, "dialog");
  await page.click("dialog button:text('Close')");
  await says(page, /revoked/, "main table");
  assert.equal(await page.locator("main table button:text('Revoke')").count(), 0);
  assert.equal((await fetch(`http://${process.env.REGISTRY}/v2/team/app/tags/list`, as)).status, 401);
  for (const width of [320, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    assert.equal(await isWiderThanWindow(page), false);
    await page.screenshot({ path: `${SHOTS}/tokens-${width}.png`, fullPage: true });
  }
  assert.deepEqual(wrong(), []);
  await context.close();
});

test("a session that ends while one looks leads back to signing in", async () => {
  const { page, context, wrong } = await signedIn(browser, "alice", "open sesame", "/");
  const [{ name, value }] = await context.cookies();
  const ended = await fetch(`${PAGE}/api/v1/session`, { method: "DELETE", headers: { Cookie: `${name}=${value}` } });
  assert.equal(ended.status, 200);
  await page.waitForSelector("input[name=password]");
  assert.equal(await page.locator("nav").count(), 0);
  assert.deepEqual(wrong(), []);
  await context.close();
});
