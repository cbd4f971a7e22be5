// Approving a site in a browser, from signing in to the live page.
import assert from "node:assert/strict";
import { MOBILE, accessible, askFor, config, fits, person, run, shot, signIn } from "./browser.mjs";

const STYLE = "body { font: 18px/1.6 Georgia, serif; max-width: 34rem; margin: 4rem auto; color: #2b2118; background: #fdf9f1 }\n";
const page = (hours, note) => `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>Harbour Coffee</title>
  <link rel="stylesheet" href="/assets/site.css">
</head>
<body>
  <h1>Harbour Coffee</h1>
  <p>Open ${hours}.</p>
  <p>${note}</p>
</body>
</html>
`;
const first = { "index.html": page("8 to 18", "Find us at pier 4."), "assets/site.css": STYLE, "menu.html": "<!doctype html><title>Menu</title><h1>Menu</h1>\n", "old.txt": "going\n" };
const second = { ...first, "index.html": page("9 to 16 until March", "Find us at pier 4, behind the ice."), "about.html": "<!doctype html><title>About</title><h1>About us</h1>\n", "assets/stove.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>\n" };
delete second["old.txt"];

run(async (browser) => {
  const { page: approver, context, faults } = await person(browser);
  const heading = (name) => approver.getByRole("heading", { name, exact: true });
  const state = (word) => approver.locator(".standing .pill", { hasText: word });

  // Nobody gets in without a key.
  await approver.goto(`${config.url}/requests/req-0123456789abcdef`);
  await heading("Sign in").waitFor();
  assert.equal(new URL(approver.url()).pathname, "/sign-in");
  await accessible(approver, "sign-in");
  await shot(approver, "sign-in");
  assert.deepEqual(faults, []);
  await approver.getByLabel("Approver key").fill("bncr_0000");
  await approver.getByRole("button", { name: "Sign in" }).click();
  await approver.getByText("This key is unknown or revoked.").waitFor();
  await accessible(approver, "sign-in with a wrong key");
  faults.length = 0;

  // The link that the server printed works once, and its secret leaves the address.
  await approver.goto(config.link);
  await approver.getByText("Nothing waits for you.").waitFor();
  assert.equal(approver.url(), `${config.url}/`);
  assert.ok(!(await approver.evaluate(() => document.cookie)), "no script sees the session");
  await accessible(approver, "nothing waits");
  await shot(approver, "nothing-waits");
  const late = await person(browser);
  await late.page.goto(config.link);
  await late.page.getByText("This link was used before").waitFor();
  await late.context.close();

  // A request appears by itself; approved by keyboard alone, it goes live while one watches.
  const opening = await askFor("coffee", first, { reason: "The first page" });
  await approver.getByRole("link", { name: "Publish the site of coffee" }).waitFor();
  await approver.locator("body").press("Tab");
  for (let presses = 0; presses < 12; presses++) {
    if (await approver.evaluate(() => document.activeElement?.textContent === "Publish the site of coffee")) break;
    await approver.keyboard.press("Tab");
  }
  await approver.keyboard.press("Enter");
  await heading("Publish the site of coffee").waitFor();
  for (let presses = 0; presses < 20; presses++) {
    if (await approver.evaluate(() => document.activeElement?.value === "approve")) break;
    await approver.keyboard.press("Tab");
  }
  assert.equal(await approver.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "solid", "focus is seen");
  await approver.keyboard.press("Enter");
  await state("Completed").waitFor();
  await shot(approver, "completed");
  await accessible(approver, "a completed request");
  const [live] = await Promise.all([context.waitForEvent("page"), approver.getByRole("link", { name: "Open the live site" }).click()]);
  await live.getByText("Open 8 to 18.").waitFor();
  await live.close();
  await approver.getByRole("link", { name: "Follow the deploy" }).click();
  await heading("What happened").waitFor();
  await approver.getByText("Approved by local approver").waitFor();
  await accessible(approver, "a deploy");
  await shot(approver, "deploy");

  // The next version is shown file by file and line by line.
  const winter = await askFor("coffee", second);
  await approver.goto(config.url);
  await approver.getByText("2 added, 1 changed, 1 removed, 2 unchanged").waitFor();
  await accessible(approver, "the list");
  await shot(approver, "waiting", { doc: true });
  await approver.getByRole("link", { name: "Publish the site of coffee" }).click();
  await heading("Line by line").waitFor();
  const rows = await approver.locator("table.files tbody tr").allInnerTexts();
  assert.deepEqual(rows.map((row) => row.split(/\s+/).slice(0, 2).join(" ")),
    ["Removed old.txt", "Changed index.html", "Added about.html", "Added assets/stove.svg"]);
  assert.match(rows[3], /max-age=31536000, immutable/);
  assert.match(await approver.locator(".diff .added .text").first().innerText(), /Open 9 to 16 until March/);
  assert.match(await approver.locator(".diff .removed .text").first().innerText(), /Open 8 to 18/);
  await accessible(approver, "a request");
  await shot(approver, "request", { doc: true });
  await shot(approver, "request-whole", { full: true });
  await approver.emulateMedia({ colorScheme: "dark" });
  await shot(approver, "request-dark", { doc: true });
  await approver.emulateMedia({ colorScheme: "light" });
  await approver.setViewportSize(MOBILE);
  await fits(approver, "the request's page on a telephone");
  await accessible(approver, "a request on a telephone");
  await shot(approver, "request-mobile", { doc: true });
  await shot(approver, "request-mobile-whole", { full: true });
  await approver.setViewportSize({ width: 1280, height: 860 });

  // The preview is the staged site under a name of its own.
  const [preview] = await Promise.all([context.waitForEvent("page"), approver.getByRole("link", { name: "Preview the site" }).click()]);
  await preview.getByText("Open 9 to 16 until March.").waitFor();
  assert.equal(new URL(preview.url()).hostname, `${winter}.preview.localhost`);
  assert.equal(new URL(preview.url()).pathname + new URL(preview.url()).search, "/", "no secret stays in the address");
  await preview.waitForLoadState("load");
  assert.equal(await preview.evaluate(() => getComputedStyle(document.body).maxWidth), "544px", "root-absolute files are found");
  await shot(preview, "preview");
  await preview.close();
  assert.deepEqual(faults.filter((fault) => !fault.includes("favicon.ico")), [], "no page complains");

  // The script says how far a time is in the same forms as src/domain/text.
  const forms = [
    [0, "0 s ago"], [-59, "59 s ago"], [-559, "9 min ago"], [-7500, "2 h ago"], [-90_000, "1 d ago"],
    [1, "in 1 s"], [598, "in 9 min 58 s"], [600, "in 10 min"], [3659, "in 1 h"], [7500, "in 2 h 5 min"], [90_000, "in 1 d 1 h"],
  ];
  const told = await approver.evaluate(async (offsets) => {
    const [now, clock] = [Date.now(), Date.now];
    Date.now = () => now;
    const times = offsets.map((offset) => {
      const time = document.createElement("time");
      time.dateTime = new Date(now + offset * 1000).toISOString();
      if (offset > 0) time.dataset.until = "";
      document.body.append(time);
      return time;
    });
    while (!times.every((time) => time.dataset.left)) await new Promise((done) => setTimeout(done, 50));
    Date.now = clock;
    times.forEach((time) => time.remove());
    return times.map((time) => time.dataset.left);
  }, forms.map(([offset]) => offset));
  assert.deepEqual(told, forms.map(([, form]) => form));

  // Two approvers: the first word counts. The second one's page has no script, and works all the same.
  const other = await person(browser, { javaScriptEnabled: false });
  await signIn(other.page, config.url, config.keys.second);
  await other.page.goto(`${config.url}/requests/${winter}`);
  await approver.getByRole("button", { name: "Approve" }).click();
  await state("Completed").waitFor();
  await other.page.getByRole("button", { name: "Deny" }).click();
  await other.page.getByText("already handled by local approver").waitFor();
  await shot(other.page, "already-handled");
  await other.page.getByRole("link", { name: "Back to the request" }).click();
  await other.page.getByText("Completed").waitFor();
  await other.page.getByRole("button", { name: "Sign out" }).click();
  await other.page.getByRole("heading", { name: "Sign in" }).waitFor();
  await other.page.goto(`${config.url}/requests/${winter}`);
  await other.page.getByRole("heading", { name: "Sign in" }).waitFor();

  // A no changes nothing; a request nobody decides is over by itself.
  faults.length = 0;
  const unwanted = await askFor("coffee", first, { reason: "Back to the summer page" });
  await approver.goto(`${config.url}/requests/${unwanted}`);
  await approver.getByRole("button", { name: "Deny" }).click();
  await state("Denied").waitFor();
  await approver.getByText("Denied. Nothing was changed.").waitFor();
  const short = await askFor("coffee", first, { reason: "Too late", approval_window: undefined });
  await approver.goto(`${config.url}/requests/${short}`);
  await state("Expired").waitFor();
  assert.equal(await approver.getByRole("button", { name: "Approve" }).count(), 0);
  await accessible(approver, "an expired request");
  await shot(approver, "expired");

  // What went live, and what visitors get now.
  await approver.goto(`${config.url}/requests/${winter}`);
  await approver.getByRole("link", { name: "coffee’s releases" }).click();
  await approver.getByText("2 releases kept").waitFor();
  assert.equal(await approver.getByText("Live now").count(), 1);
  await accessible(approver, "the releases");
  await shot(approver, "releases");

  // All of it is in the history, which is filtered without a script.
  await approver.getByRole("link", { name: "History" }).click();
  await heading("History").waitFor();
  assert.equal(await approver.locator(".card").count(), 4);
  await accessible(approver, "the history");
  await shot(approver, "history");
  await approver.getByLabel("State").selectOption("Denied");
  await approver.getByRole("button", { name: "Show" }).click();
  await approver.getByText("decided by local approver").waitFor();
  assert.equal(await approver.locator(".card").count(), 1);
  assert.deepEqual(faults, []);
});
