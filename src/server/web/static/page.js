// Keeps a page fresh: streams, or asks where streams cannot be; counts down; confirms risks; signs in by a link.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);

  // Times are written for readers of any zone; this adds how far they are.
  // The forms are those of src/domain/text: the two largest units for what is left, the largest one for what is past.
  const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const span = (seconds, most) => {
    const first = UNITS.findIndex(([length]) => seconds >= length);
    const parts = [];
    for (const [length, unit] of UNITS.slice(first < 0 ? -1 : first).slice(0, most)) {
      const number = Math.floor(seconds / length);
      seconds %= length;
      if (number > 0 || parts.length === 0) parts.push(`${number} ${unit}`);
    }
    return parts.join(" ");
  };
  const tellTimes = () => {
    for (const time of document.querySelectorAll("time[datetime]")) {
      const seconds = Math.ceil((Date.parse(time.dateTime) - Date.now()) / 1000);
      if ("until" in time.dataset) {
        time.dataset.left = seconds > 0 ? `in ${span(seconds, 2)}` : "over";
        time.classList.toggle("soon", seconds < 60);
      } else {
        time.dataset.left = `${span(Math.max(0, -seconds), 1)} ago`;
      }
    }
  };

  // A button that needs a box stays off until the box is ticked. The server asks for it, too.
  const guardRisks = () => {
    for (const button of document.querySelectorAll("button[data-needs]")) {
      const box = byId(button.dataset.needs);
      if (!box) continue;
      const follow = () => { button.disabled = !box.checked; };
      box.addEventListener("change", follow);
      follow();
    }
  };

  const follow = (live) => {
    const said = document.createElement("p");
    said.className = "sr";
    said.setAttribute("role", "status");
    document.body.append(said);
    let shown = live.innerHTML;
    const show = (html) => {
      if (html === shown) return;
      shown = html;
      const held = live.contains(document.activeElement) ? document.activeElement : null;
      const ticked = byId("seen")?.checked;
      const name = held && (held.id || held.value);
      live.innerHTML = html;
      if (ticked && byId("seen")) byId("seen").checked = true;
      if (held) {
        const same = [...live.querySelectorAll("a, button, input")].find((it) => (it.id || it.value) === name);
        (same || byId("main")).focus({ preventScroll: true });
      }
      guardRisks();
      tellTimes();
      const sentence = live.querySelector("[data-say]")?.textContent ?? "";
      if (said.textContent !== sentence) said.textContent = sentence;
    };

    let source = null, timer = null, over = false;
    const hasEnded = () => live.querySelector("[data-stage=ended]") !== null;
    const ask = async () => {
      timer = null;
      if (over || document.hidden) return;
      try {
        const answer = await fetch(live.dataset.live, { headers: { accept: "text/html" } });
        if (answer.status === 401) { over = true; location.reload(); return; }
        if (answer.ok) show(await answer.text());
      } catch { /* The server is away for now; the next time it may be there. */ }
      over ||= hasEnded();
      if (!over) timer = setTimeout(ask, Number(live.dataset.pause || 3) * 1000);
    };
    const listen = () => {
      if (over || source || timer) return;
      if (!live.dataset.events || !window.EventSource) return void ask();
      source = new EventSource(live.dataset.events);
      source.addEventListener("part", (event) => show(event.data));
      source.addEventListener("last", (event) => { show(event.data); over = true; rest(); });
      source.addEventListener("error", () => {
        // One that is only interrupted comes back by itself; one that was refused does not.
        if (source?.readyState === EventSource.CLOSED) { source = null; timer = setTimeout(ask, 1000); }
      });
    };
    const rest = () => {
      source?.close();
      source = null;
      clearTimeout(timer);
      timer = null;
    };
    // Browsers allow a server few connections: a page that nobody sees needs none.
    document.addEventListener("visibilitychange", () => (document.hidden ? rest() : listen()));
    addEventListener("pagehide", rest);
    addEventListener("pageshow", listen);
    listen();
  };

  // The secret of a link stands behind the '#', which browsers send to nobody; it leaves the address at once.
  const followLink = () => {
    const form = byId("link-form");
    if (!form || !location.hash.startsWith("#bpass_")) return;
    form.elements.link.value = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
    form.submit();
  };
  addEventListener("hashchange", followLink);
  followLink();

  const live = byId("live");
  if (live?.dataset.live) follow(live);
  guardRisks();
  tellTimes();
  setInterval(tellTimes, 1000);
})();
