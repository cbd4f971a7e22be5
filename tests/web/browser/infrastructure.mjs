// Deciding a backend in a browser: the commit first, then a change set that replaces and removes tables.
import assert from "node:assert/strict";
import { MOBILE, accessible, config, fits, person, run, shot, signIn } from "./browser.mjs";

run(async (browser) => {
  const { page, faults } = await person(browser);
  await signIn(page, config.url, config.keys.approver);
  await page.getByRole("link", { name: "Deploy the backend of shop" }).click();
  await page.getByRole("heading", { name: "Findings in the template" }).waitFor();
  await page.getByText("Move the orders, drop the carts").waitFor();
  await accessible(page, "a commit");
  await shot(page, "commit", { full: true });
  // The template itself has something to look at, so a yes takes two steps.
  const approve = page.getByRole("button", { name: "Approve" });
  const seen = page.getByLabel("I have seen these risks");
  if (await seen.count()) await seen.check();
  await approve.click();

  await page.getByRole("link", { name: "Follow the deploy" }).click();
  await page.getByRole("heading", { name: "What happened" }).waitFor();
  // The page follows the deploy by itself.
  const decide = page.getByRole("link", { name: "Decide the question" });
  await decide.waitFor({ timeout: 60_000 });
  await accessible(page, "a running deploy");
  await shot(page, "deploy-waiting", { full: true });
  await decide.click();

  await page.getByRole("heading", { name: "Changes (" }).waitFor();
  const changes = await page.locator("table.files tbody tr").allInnerTexts();
  assert.ok(/Replace|Remove/.test(changes[0]) && /Replace|Remove/.test(changes[1]), `what is lost stands first: ${changes}`);
  assert.match(await page.locator("table.files tbody tr").first().getAttribute("class"), /grave/);
  assert.ok(await approve.isDisabled(), "a yes is possible before the risks were confirmed");
  await accessible(page, "a change set");
  await shot(page, "change-set", { doc: true });
  await page.setViewportSize(MOBILE);
  await fits(page, "the change set on a telephone");
  await shot(page, "change-set-mobile", { full: true });
  await page.setViewportSize({ width: 1280, height: 860 });

  await seen.check();
  assert.ok(await approve.isEnabled());
  await page.getByRole("button", { name: "Deny" }).click();
  await page.getByText("Denied. Nothing was changed.").waitFor();
  assert.deepEqual(faults, []);
});
