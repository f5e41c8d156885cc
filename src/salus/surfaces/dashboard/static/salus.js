// What a script adds to pages that read without one: parts that change by themselves, times that tell how long ago,
// forms that answer in place, a filter that filters while one types, and keys.
"use strict";
(() => {
  const body = document.body;
  const find = (name) => document.getElementById(name);
  const all = (what, inside = document) => Array.from(inside.querySelectorAll(what));

  // ── Times ──────────────────────────────────────────────────────────────────────────────────────────────────────────
  // The clock of the server is the one that counts: what this browser believes is corrected by the page's own age.
  const apart = Date.now() - Date.parse(body.dataset.now);
  const skew = Math.abs(apart) > 2000 ? apart : 0;
  const now = () => Date.now() - skew;

  function duration(seconds) {
    if (seconds < 60) return `${Math.round(seconds)} s`;
    const parts = [];
    let rest = Math.round(seconds);
    for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]]) {
      const count = Math.floor(rest / size);
      rest %= size;
      if (count) parts.push(`${count}${unit}`);
    }
    return parts.slice(0, 2).join("");
  }

  function tellTimes(inside = document) {
    const at = now();
    for (const time of all("time[data-ago], time[data-clock]", inside)) {
      const seconds = (at - Date.parse(time.dateTime)) / 1000;
      let words;
      if ("clock" in time.dataset) words = duration(Math.max(0, seconds));
      else if (Math.abs(seconds) < 1) words = "now";
      else words = seconds > 0 ? `${duration(seconds)} ago` : `in ${duration(-seconds)}`;
      if (time.textContent !== words) time.textContent = words;
    }
  }

  // ── Parts that change ──────────────────────────────────────────────────────────────────────────────────────────────
  // The new text of a part is laid over the old one: what is equal stays, so that focus, open panels, marked text and
  // half-written fields survive.
  function lay(old, fresh) {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
      old.replaceWith(fresh);
      return;
    }
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
      return;
    }
    if (old.namespaceURI === "http://www.w3.org/2000/svg") {
      old.replaceWith(fresh);
      return;
    }
    for (const { name } of Array.from(old.attributes)) {
      if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
    }
    for (const { name, value } of Array.from(fresh.attributes)) {
      if (old.getAttribute(name) !== value && !(name === "open" && old.nodeName === "DETAILS")) old.setAttribute(name, value);
    }
    const named = new Map(Array.from(old.children, (one) => [one.id, one]).filter(([id]) => id));
    let place = old.firstChild;
    for (const child of Array.from(fresh.childNodes)) {
      const known = child.id ? named.get(child.id) : place;
      if (!known) {
        old.insertBefore(child, place);
      } else {
        if (known !== place) old.insertBefore(known, place);
        const next = known.nextSibling;
        lay(known, child);
        place = next;
      }
    }
    while (place) {
      const next = place.nextSibling;
      place.remove();
      place = next;
    }
  }

  function parse(html) {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    return holder.content.firstElementChild;
  }

  function patch({ set, rows, title }) {
    const waiting = new Map();
    for (const [name, html] of Object.entries(set || {})) {
      const fresh = parse(html);
      tellTimes(holderOf(fresh));
      const old = find(name);
      if (old) lay(old, fresh);
      else waiting.set(name, fresh);
    }
    for (const [name, order] of Object.entries(rows || {})) {
      const list = find(name);
      if (!list) continue;
      const wanted = new Set(order);
      for (const child of Array.from(list.children)) if (!wanted.has(child.id)) child.remove();
      let place = list.firstElementChild;
      for (const id of order) {
        let row = find(id);
        if (!row && (row = waiting.get(id))) row.classList.add("fresh");
        if (!row) continue;
        if (row === place) place = place.nextElementSibling;
        else list.insertBefore(row, place);
      }
    }
    if (title) document.title = title;
  }

  function holderOf(element) {
    const holder = document.createDocumentFragment();
    holder.append(element);
    return holder;
  }

  // ── Live ───────────────────────────────────────────────────────────────────────────────────────────────────────────
  const live = find("live");
  let source = null;
  let lost = 0;
  let wanted = true;
  try { wanted = localStorage.getItem("salus-live") !== "off"; } catch { /* a browser that keeps nothing */ }

  function show(state, words) {
    if (!live) return;
    live.hidden = false;
    live.dataset.state = state;
    const place = live.querySelector(".live-word");
    if (place.textContent !== words) place.textContent = words;
    live.title = words;
    const notice = find("lost");
    notice.hidden = !(state === "lost" && Date.now() - lost > 3000);
  }

  function listen() {
    if (!body.dataset.live || source || !wanted || document.hidden) return;
    const address = new URL(body.dataset.live, location.href);
    address.searchParams.set("view", body.dataset.view);
    address.searchParams.set("mark", body.dataset.mark);
    source = new EventSource(address);
    source.onopen = () => { lost = 0; show("on", "Live"); };
    source.addEventListener("patch", (message) => {
      body.dataset.mark = message.lastEventId;
      patch(JSON.parse(message.data));
    });
    source.addEventListener("reload", () => location.reload());
    source.onerror = () => {
      lost = lost || Date.now();
      show("lost", "No answer");
      // A browser gives up after an answer that is no stream, such as that of a proxy: so do we not.
      if (source && source.readyState === EventSource.CLOSED) {
        source = null;
        setTimeout(again, 2000);
      }
      setTimeout(() => lost && show("lost", "No answer"), 3100);
    };
  }

  // Whoever was signed out meanwhile, by a restart for instance, is asked to sign in rather than left with an old picture.
  async function again() {
    if (source || !wanted || document.hidden) return;
    try {
      const answer = await fetch(location.href, { redirect: "manual", headers: { Accept: "text/html" } });
      if (answer.type === "opaqueredirect") { location.reload(); return; }
    } catch { /* still away */ }
    listen();
    if (!source) setTimeout(again, 2000);
  }

  function quiet() {
    if (source) source.close();
    source = null;
    lost = 0;
  }

  function toggle(on) {
    wanted = on;
    try { localStorage.setItem("salus-live", on ? "on" : "off"); } catch { /* a browser that keeps nothing */ }
    const button = find("toggle-live");
    button.setAttribute("aria-pressed", String(on));
    button.title = on ? "Stop refreshing by itself" : "Refresh by itself";
    if (on) listen();
    else { quiet(); show("off", "Stopped"); }
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? quiet() : listen()));
  addEventListener("pagehide", quiet);
  addEventListener("pageshow", (event) => event.persisted && location.reload());

  // ── Another page in place of this one, without leaving it ──────────────────────────────────────────────────────────
  let turn = 0;
  async function visit(address, keep) {
    const mine = ++turn;
    let answer;
    try {
      answer = await fetch(address, { headers: { Accept: "text/html" } });
    } catch {
      location.assign(address);
      return;
    }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (mine !== turn) return;
    const main = fresh.getElementById("main");
    if (!answer.ok || answer.redirected || !main || !fresh.body.dataset.view) { location.assign(address); return; }
    quiet();
    for (const name of ["view", "mark", "csrf"]) if (fresh.body.dataset[name]) body.dataset[name] = fresh.body.dataset[name];
    lay(find("main"), document.importNode(main, true));
    document.title = fresh.title;
    find("refresh").href = address;
    if (keep) history.replaceState(null, "", address);
    tellTimes();
    toggleState();
  }

  function toggleState() { if (wanted) listen(); else show("off", "Stopped"); }

  // ── Forms ──────────────────────────────────────────────────────────────────────────────────────────────────────────
  function say(good, text, remedy, secret) {
    const note = document.createElement("div");
    note.className = `note ${good ? "note-good" : "note-bad"}`;
    const words = document.createElement("span");
    words.textContent = text + (remedy ? ` (${remedy})` : "");
    note.append(words);
    if (secret) {
      const code = document.createElement("code");
      code.className = "secret";
      code.textContent = secret;
      note.append(code);
    }
    find("said").replaceChildren(note);
    find("said").scrollIntoView({ block: "nearest" });
    if (good && !secret) setTimeout(() => note.remove(), 8000);
  }

  async function send(form, button) {
    const fields = new URLSearchParams(new FormData(form, button));
    fields.set("csrf", body.dataset.csrf || "");
    form.classList.add("busy");
    for (const one of all("button", form)) one.disabled = true;
    try {
      const answer = await fetch(form.action, { method: "POST", body: fields, headers: { Accept: "application/json" } });
      const told = await answer.json();
      const good = answer.ok && told.good !== false;
      say(good, told.text || told.detail || "That did not work", told.remedy, told.secret);
      if (good) {
        form.closest("details.ask")?.removeAttribute("open");
        form.reset();
        if (form.dataset.then) { location.assign(form.dataset.then); return; }
        if (!source) visit(location.href);
      } else if (answer.status === 401 || (answer.status === 403 && !told.text)) {
        say(false, told.detail, told.remedy);
      }
    } catch {
      say(false, "Salus does not answer", "try again in a moment");
    } finally {
      form.classList.remove("busy");
      for (const one of all("button", form)) one.disabled = false;
    }
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.matches("form.act")) {
      event.preventDefault();
      send(form, event.submitter);
    } else if (form.matches("form.filters")) {
      event.preventDefault();
      filter(form);
    }
  });

  function filter(form) {
    const address = new URL(form.action, location.href);
    for (const [name, value] of new FormData(form)) if (value) address.searchParams.append(name, value);
    visit(address.href, true);
  }

  let typing = 0;
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form.filters");
    if (!form) return;
    clearTimeout(typing);
    typing = setTimeout(() => filter(form), event.target.type === "search" ? 250 : 0);
  });

  // ── Keys ───────────────────────────────────────────────────────────────────────────────────────────────────────────
  const KEYS = [["/", "search"], ["j k", "next, previous row"], ["Enter", "open"], ["r", "refresh now"], ["l", "refresh by itself, or not"], ["?", "these keys"], ["Esc", "close"]];

  function help() {
    let dialog = find("help");
    if (!dialog) {
      dialog = document.createElement("dialog");
      dialog.id = "help";
      dialog.setAttribute("aria-label", "Keys");
      const list = document.createElement("dl");
      list.className = "facts";
      for (const [keys, words] of KEYS) {
        const name = document.createElement("dt");
        for (const key of keys.split(" ")) {
          const sign = document.createElement("kbd");
          sign.textContent = key;
          name.append(sign, " ");
        }
        const about = document.createElement("dd");
        about.textContent = words;
        const fact = document.createElement("div");
        fact.className = "fact";
        fact.append(name, about);
        list.append(fact);
      }
      const close = document.createElement("button");
      close.className = "button";
      close.textContent = "Close";
      close.addEventListener("click", () => dialog.close());
      dialog.append(list, document.createElement("p"), close);
      body.append(dialog);
    }
    dialog.showModal();
  }

  function step(by) {
    const links = all("main .row a, main tbody tr a").filter((one) => one.matches(".row-name a, td:first-child a, .row > a"));
    if (!links.length) return;
    const at = links.indexOf(document.activeElement);
    links[Math.min(links.length - 1, Math.max(0, at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by))].focus();
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      for (const one of all("details.ask[open], details.menu[open]")) {
        one.removeAttribute("open");
        one.querySelector("summary").focus();
      }
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea") || document.querySelector("dialog[open]")) return;
    const search = document.querySelector("form.filters input[type=search]");
    if (event.key === "/" && search) { event.preventDefault(); search.focus(); search.select(); }
    else if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "r" && find("refresh")) visit(location.href);
    else if (event.key === "l" && find("toggle-live")) toggle(!wanted);
    else if (event.key === "?") help();
  });

  document.addEventListener("click", (event) => {
    // One panel at a time, and none when one clicks beside it.
    const inside = event.target.closest("details.ask, details.menu");
    for (const one of all("details.ask[open], details.menu[open]")) if (one !== inside) one.removeAttribute("open");
    if (event.target.closest("#refresh")) { event.preventDefault(); visit(location.href); }
  });

  // ── Begin ──────────────────────────────────────────────────────────────────────────────────────────────────────────
  const side = find("side");
  if (side && matchMedia("(max-width: 62rem)").matches) side.removeAttribute("open");
  if (find("keys")) { find("keys").hidden = false; find("keys").addEventListener("click", help); }
  if (body.dataset.live) {
    const button = find("toggle-live");
    button.hidden = false;
    button.addEventListener("click", () => toggle(!wanted));
    toggle(wanted);
  }
  tellTimes();
  setInterval(tellTimes, 1000);
})();
