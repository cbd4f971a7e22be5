// A deploy's page keeps itself fresh, by a stream or by asking, and shows a failure as deep as the stacks nest.
import assert from "node:assert/strict";
import { MOBILE, accessible, config, fits, person, run, shot, signIn } from "./browser.mjs";

const cue = async (name) => assert.ok((await fetch(`${config.cues}/${name}`, { method: "POST" })).ok, name);

run(async (browser) => {
  const [streamed, asking] = [await person(browser), await person(browser)];
  await asking.page.addInitScript(() => { delete globalThis.EventSource; });
  const pages = [streamed.page, asking.page];
  for (const page of pages) {
    await signIn(page, config.url, config.keys.approver);
    await page.goto(`${config.url}/deploys/${config.deploy}`);
    await page.locator("#live").getByText("Updating stack: 0 of 5 resources").waitFor();
    await page.evaluate(() => { globalThis.neverLoadedAgain = true; });
  }
  await cue("work");
  for (const page of pages) {
    await page.locator("#live").getByText("Updating stack: 1 of 5 resources").waitFor();
    await page.locator("#live").getByText("Archive").first().waitFor();
  }
  await accessible(streamed.page, "a deploy at work");
  await shot(streamed.page, "deploy-running", { full: true });

  await cue("fail");
  for (const page of pages) {
    await page.getByRole("heading", { name: "Why it failed" }).waitFor();
    assert.ok(await page.evaluate(() => globalThis.neverLoadedAgain), "the page was loaded anew");
    const at = (depth) => page.locator(`.findings > .tree${" > li > .tree".repeat(depth)} > li > .what`).allInnerTexts();
    const words = async (depth) => (await at(depth)).map((text) => text.replace(/\s+/g, " ").trim());
    assert.deepEqual(await words(0), ["shop-prod Followed"]);
    assert.deepEqual(await words(1), ["Orders Followed"]);
    assert.deepEqual(await words(2), ["Shelf Followed", "Take Followed"]);
    assert.deepEqual(await words(3), ["Archive Root cause"]);
  }
  await accessible(streamed.page, "a failed deploy");
  await shot(streamed.page, "deploy-failed", { full: true });
  await streamed.page.setViewportSize(MOBILE);
  await fits(streamed.page, "a failed deploy on a telephone");
  await shot(streamed.page, "deploy-failed-mobile", { full: true });
  // What has ended is asked for no more.
  const calls = [];
  for (const page of pages) page.on("request", (request) => calls.push(request.url()));
  await streamed.page.reload();
  await streamed.page.getByRole("heading", { name: "Why it failed" }).waitFor();
  assert.ok(!calls.some((url) => /\/(live|events)$/.test(url)), `${calls}`);
  for (const { faults } of [streamed, asking]) assert.deepEqual(faults, []);
});
