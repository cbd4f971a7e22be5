// A real browser for the page: Debian's Chromium, driven by Playwright and judged by axe.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

/** What the Rust side of a test says: addresses, keys, folders. */
export const config = JSON.parse(process.env.WEB);
const tools = createRequire(join(config.tools, "package.json"));
const { chromium } = tools("playwright-core");
const axe = readFileSync(tools.resolve("axe-core/axe.min.js"), "utf8");

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--hide-scrollbars",
];
export const DESKTOP = { width: 1280, height: 860 };
export const MOBILE = { width: 390, height: 844 };

/** Runs `scenario` with a browser that ends with it, and fails the process when it fails. */
export async function run(scenario) {
  const browser = await chromium.launch({ executablePath: config.chromium, args: FLAGS });
  try {
    await scenario(browser);
  } catch (error) {
    for (const context of browser.contexts()) {
      for (const page of context.pages()) {
        const name = `failed-${context.pages().indexOf(page)}`;
        await page.screenshot({ path: join(config.shots, `${name}.png`) }).catch(() => {});
        console.error(`open: ${page.url()}\n${await page.innerText("body").catch(() => "")}`);
      }
    }
    console.error(error);
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}

/** A person's own browser window: own cookies; what goes wrong in its pages is collected in `faults`. */
export async function person(browser, options = {}) {
  const context = await browser.newContext({ viewport: DESKTOP, reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(15_000);
  const faults = [];
  context.on("weberror", (error) => faults.push(String(error.error())));
  context.on("console", (message) => { if (message.type() === "error") faults.push(`${message.text()} (${message.location().url})`); });
  const page = await context.newPage();
  return { context, page, faults };
}

/** Signs in with a key, by hand. */
export async function signIn(page, url, key) {
  await page.goto(`${url}/sign-in`);
  await page.getByLabel("Approver key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Waiting for a decision" }).waitFor();
}

/** Keeps a picture of a page, named for people. With `doc` it is one for the documents. */
export async function shot(page, name, { doc = false, full = false } = {}) {
  await page.screenshot({ path: join(config.shots, `${name}.png`), fullPage: full, animations: "disabled" });
  if (doc && config.docs) await page.screenshot({ path: join(config.docs, `${name}.png`), animations: "disabled" });
}

/** No serious or critical fault of accessibility, in light and in dark. */
export async function accessible(page, what) {
  for (const colorScheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    const told = grave.map(({ id, help, nodes }) => `${id}: ${help}\n  ${nodes.map((it) => `${it.html}\n  ${it.failureSummary}`).join("\n  ")}`);
    assert.deepEqual(told, [], `${what}, ${colorScheme}`);
  }
}

/** No page is wider than the window. */
export async function fits(page, what) {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= window, `${what} is ${content} wide in a window of ${window}`);
}

/** Calls a tool with a key. */
export async function tool(key, name, body) {
  const answer = await fetch(`${config.api}/v1/tools/${name}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const json = await answer.json();
  assert.equal(answer.status, 200, `${name}: ${JSON.stringify(json)}`);
  return json;
}

/** Asks for a deploy of a site, given as texts by file name, and returns the request's id. */
export async function askFor(project, files, more = {}) {
  const list = Object.entries(files).map(([filename, text]) => ({ filename, content: Buffer.from(text).toString("base64") }));
  const asked = await tool(config.keys.agent, "bouncer_deploy_frontend", {
    project, files: list, reason: "Opening hours for the winter", source: "Harbour bot (site update)", trust_scope: "harbour",
    approval_window: 900, ...more,
  });
  return asked.request_id;
}
