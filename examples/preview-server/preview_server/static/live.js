// Reloads what changed, and shows how the server fares. Without JavaScript, every page still works.
"use strict";

const own = document.currentScript?.dataset.component;
const events = new EventSource("/events");

events.addEventListener("changed", (event) => {
  const { components } = JSON.parse(event.data);
  if (own !== undefined) {
    location.reload();
    return;
  }
  const known = [...document.querySelectorAll("iframe[data-component]")];
  const names = new Set(known.map((frame) => frame.dataset.component));
  if (components.some((name) => !names.has(name)) && location.pathname === "/") {
    location.reload(); // there is a new one
    return;
  }
  // Any of them may use what has changed; those that do not come from the cache.
  known.forEach((frame) => frame.contentWindow.location.reload());
});

if (own === undefined) {
  events.addEventListener("health", (event) => {
    const { part, kind, new: status, message } = JSON.parse(event.data);
    const row = part && document.querySelector(`tr[data-part="${CSS.escape(part)}"]`);
    if (kind === "status_changed" && row) {
      const pill = row.querySelector(".pill");
      pill.className = `pill pill--${status}`;
      pill.textContent = status;
      row.querySelector("[data-message]").textContent = message;
    }
    if (part && kind !== "status_changed") toast(`${part}: ${message}`);
    summarise();
  });
  document.querySelectorAll("button[data-fault]").forEach((button) =>
    button.addEventListener("click", async () => {
      button.disabled = true;
      await fetch(`/break/${button.dataset.fault}`, { method: "POST" });
      button.disabled = false;
    }),
  );
}

function toast(text) {
  const line = document.createElement("div");
  line.className = "toast";
  line.textContent = text;
  document.querySelector(".toasts").append(line);
  setTimeout(() => line.remove(), 6000);
}

async function summarise() {
  const answer = await fetch("/health", { headers: { Accept: "application/json" } });
  const { status } = await answer.json();
  const pill = document.querySelector("[data-summary]");
  pill.className = `pill pill--${status}`;
  pill.textContent = status;
}
