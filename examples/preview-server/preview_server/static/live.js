// Reloads what changed, and shows how the server fares. Without JavaScript, every page still works.
"use strict";

const own = document.currentScript.dataset.component; // of a preview that stands alone

// A browser opens six connections to a server, and a stream of events keeps one of them: only the outermost page has it.
if (window === window.top) {
  const events = new EventSource("/events");
  events.addEventListener("changed", (event) => changed(JSON.parse(event.data).components));
  events.addEventListener("health", (event) => health(JSON.parse(event.data)));
  events.addEventListener("report", (event) => report(JSON.parse(event.data)));
  document.querySelectorAll("button[data-fault]").forEach((button) => button.addEventListener("click", breakIt));
}

function changed(components) {
  const frames = [...document.querySelectorAll("iframe[data-component]")];
  const known = new Set(frames.map((frame) => frame.dataset.component));
  const unknown = components.some((name) => !known.has(name));
  if (own !== undefined || (unknown && location.pathname === "/")) {
    location.reload();
    return;
  }
  // Any of them may use what has changed; those that do not come from the cache.
  frames.forEach((frame) => frame.contentWindow.location.reload());
}

function health({ part, kind, new: status, message, summary, overall }) {
  const row = part && document.querySelector(`tr[data-part="${CSS.escape(part)}"]`);
  if (kind === "status_changed" && row) {
    pill(row.querySelector(".pill"), status, status);
    row.querySelector("[data-message]").textContent = message;
  } else if (part && kind !== "status_changed") {
    toast(`${part}: ${message}`);
  }
  const whole = document.querySelector("[data-summary]");
  if (whole) pill(whole, overall, summary);
}

function report({ parts, summary, overall }) {
  for (const [part, { status, message }] of Object.entries(parts)) {
    const row = document.querySelector(`tr[data-part="${CSS.escape(part)}"]`);
    if (row) {
      pill(row.querySelector(".pill"), status, status);
      row.querySelector("[data-message]").textContent = message;
    }
  }
  const whole = document.querySelector("[data-summary]");
  if (whole) pill(whole, overall, summary);
}

async function breakIt({ currentTarget: button }) {
  button.disabled = true;
  await fetch(`/break/${button.dataset.fault}`, { method: "POST" });
  button.disabled = false;
}

function pill(element, status, text) {
  element.className = `pill pill--${status}`;
  element.textContent = text;
}

function toast(text) {
  const toasts = document.querySelector(".toasts");
  if (toasts) {
    const line = document.createElement("div");
    line.className = "toast";
    line.textContent = text;
    toasts.append(line);
    setTimeout(() => line.remove(), 6000);
  }
}
