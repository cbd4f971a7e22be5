// A staged site is a stranger's program: what it tries against Bouncer and the approver's session fails.
import assert from "node:assert/strict";
import { askFor, config, person, run, shot, signIn } from "./browser.mjs";

/** Tries everything, then writes down what came of it. */
const probe = (page, request) => `
const tried = {};
const attempt = async (name, act) => {
  try { tried[name] = String(await act()); } catch (error) { tried[name] = "refused: " + error.name; }
};
const read = (url, more) => fetch(url, { credentials: "include", ...more }).then((answer) => answer.status + " " + answer.type);
(async () => {
  await attempt("own origin", () => self.origin);
  await attempt("cookies", () => document.cookie === "" ? "none" : document.cookie);
  await attempt("opener", () => window.opener ? "there" : "none");
  await attempt("parent", () => window.parent === window ? "none" : "there");
  await attempt("tools here", () => read("/v1/tools"));
  await attempt("page here", () => read("/requests/${request}"));
  await attempt("decision here", () => read("/requests/${request}/decision", { method: "POST", body: "decision=approve" }));
  await attempt("tools there", () => read("${page}/v1/tools"));
  await attempt("page there", () => read("${page}/requests/${request}"));
  await attempt("page there unread", () => read("${page}/requests/${request}", { mode: "no-cors" }));
  await attempt("decision there", () => read("${page}/requests/${request}/decision", { method: "POST", mode: "no-cors", headers: { "content-type": "application/x-www-form-urlencoded" }, body: "decision=approve" }));
  await attempt("frame", () => new Promise((done) => {
    const frame = document.createElement("iframe");
    frame.src = "${page}/requests/${request}";
    frame.onload = () => { try { done(frame.contentDocument ? "read: " + frame.contentDocument.body.innerText.slice(0, 40) : "not read"); } catch { done("not read"); } };
    document.body.append(frame);
  }));
  document.getElementById("probe").textContent = JSON.stringify(tried);
  document.title = "tried";
})();
`;

run(async (browser) => {
  for (const [kind, page] of [["host", config.url], ["path", config.named]]) {
    const { page: approver, context } = await person(browser);
    await signIn(approver, page, config.keys.approver);
    const before = new Set((await (await fetch(`${config.api}/healthz`)).json()).status);
    assert.ok(before.size > 0);
    const html = '<!doctype html><title>probe</title><link rel="icon" href="data:,"><p id="probe">not yet</p><script type="module" src="./probe.js"></script>';
    // The script names the request that stages it, so it is asked for twice: the second names the first.
    const target = await askFor("coffee", { "index.html": "<!doctype html><title>target</title>" });
    const hostile = await askFor("coffee", { "index.html": html, "probe.js": probe(page, target) });
    await approver.goto(`${page}/requests/${hostile}`);
    const [preview] = await Promise.all([context.waitForEvent("page"), approver.getByRole("link", { name: "Preview the site" }).click()]);
    await preview.waitForFunction(() => document.title === "tried");
    const tried = JSON.parse(await preview.locator("#probe").innerText());
    await shot(preview, `probe-${kind}`);

    const own = kind === "host" ? `http://${hostile}.preview.localhost:${new URL(page).port}` : "null";
    assert.equal(tried["own origin"], own);
    const refused = (name) => assert.match(tried[name], /^refused: (TypeError|SecurityError)/, `${kind}, ${name}: ${tried[name]}`);
    if (kind === "host") {
      assert.equal(tried.cookies, "none");
      // Its own name leads to the staged site and to nothing else.
      assert.match(tried["tools here"], /^404 /);
      assert.match(tried["page here"], /^404 /);
      assert.match(tried["decision here"], /^405 /);
    } else {
      refused("cookies");
      for (const name of ["tools here", "page here", "decision here"]) refused(name);
    }
    assert.equal(tried.opener, "none");
    assert.equal(tried.parent, "none");
    refused("tools there");
    refused("page there");
    assert.match(tried["page there unread"], /^(0 opaque|refused)/);
    assert.equal(tried.frame, "not read");

    // Nothing was decided.
    for (const id of [target, hostile]) {
      await approver.goto(`${page}/requests/${id}`);
      await approver.getByRole("button", { name: "Approve" }).waitFor();
    }
    // The preview ends with the session.
    const address = preview.url();
    await approver.getByRole("button", { name: "Sign out" }).click();
    await approver.getByRole("heading", { name: "Sign in" }).waitFor();
    const answer = await preview.goto(address);
    assert.equal(answer.status(), 403, `${kind}: the preview outlives its session`);
    await context.close();
  }
});
