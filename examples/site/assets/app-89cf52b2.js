// Says whether the counter is open right now, by the clock of the harbour.
const OPEN = { from: 7, to: 18 };

function hourIn(zone) {
  return Number(new Intl.DateTimeFormat("en-GB", { hour: "2-digit", hourCycle: "h23", timeZone: zone }).format());
}

for (const sign of document.querySelectorAll(".open")) {
  const hour = hourIn(sign.dataset.zone);
  const isOpen = hour >= OPEN.from && hour < OPEN.to;
  sign.textContent = isOpen ? "Open now, until 18:00" : "Closed, opens at 07:00";
}
