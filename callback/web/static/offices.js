/* The table of offices: found by typing, and kept true by one stream. Without it the page says when it was made.
   A page that nobody sees has no stream. */
"use strict";

(() => {
  const table = document.querySelector("[data-live]");
  const search = document.getElementById("search");
  const found = document.getElementById("found");
  const announcer = document.getElementById("announcer");
  const foot = document.getElementById("live");
  const lost = document.getElementById("lost");
  const all = found.textContent;
  let version = table.dataset.version;
  let stream = null;
  let later = 0;

  function say(text) {
    announcer.textContent = "";
    window.setTimeout(() => { announcer.textContent = text; }, 50);
  }

  function filter() {
    const words = search.value.toLocaleLowerCase("nb").split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of table.tBodies[0].rows) {
      row.hidden = !words.every((word) => row.dataset.search.includes(word));
      if (!row.hidden) count += 1;
    }
    const text = words.length === 0 ? all
      : found.dataset.found.replace("{n}", count).replace("{of}", table.tBodies[0].rows.length);
    if (found.textContent !== text) found.textContent = text;
  }

  function alive(at) {
    document.getElementById("looked-at").textContent = at;
    if (!lost.hidden) { lost.hidden = true; say(foot.dataset.back); }
  }

  function put(html) {
    const fresh = new DOMParser().parseFromString(`<table>${html}</table>`, "text/html").querySelector("tr");
    const current = document.getElementById(fresh.id);
    const focus = current.contains(document.activeElement) ? document.activeElement.id : "";
    if (fresh.dataset.message && fresh.dataset.message !== current.dataset.message) {
      say(`${fresh.querySelector("a").textContent}. ${table.dataset.message}: ${fresh.dataset.message}`);
    }
    current.replaceWith(fresh);
    if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
  }

  function close() {
    window.clearTimeout(later);
    if (stream) stream.close();
    stream = null;
  }

  function open() {
    if (stream || document.hidden) return;
    stream = new EventSource(`${table.dataset.live}?seen=${version}`);
    stream.addEventListener("rows", (event) => {
      const told = JSON.parse(event.data);
      const strange = Object.keys(told.rows).some((number) => !document.getElementById(`office-${number}`));
      if (strange || told.of !== table.tBodies[0].rows.length) { close(); window.location.reload(); return; }
      Object.values(told.rows).forEach(put);
      version = event.lastEventId;
      filter();
      alive(told.at);
    });
    stream.addEventListener("beat", (event) => alive(event.data));
    stream.addEventListener("gone", () => { close(); window.location.reload(); });
    stream.addEventListener("error", failed);
  }

  async function failed() {
    if (lost.hidden) { lost.textContent = foot.dataset.lost; lost.hidden = false; say(foot.dataset.lost); }
    if (stream && stream.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    close();
    later = window.setTimeout(open, 3000 + Math.random() * 4000);
    try {
      const answer = await fetch(window.location.pathname, {
        method: "HEAD", headers: { "X-Tast1-Fragment": "1" }, cache: "no-store", redirect: "manual",
      });
      if (answer.status === 401) { close(); window.location.reload(); }
    } catch { /* the service is away: the next try */ }
  }

  search.closest("[hidden]").hidden = false;
  search.addEventListener("input", filter);
  document.addEventListener("visibilitychange", () => { if (document.hidden) close(); else open(); });
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", open);
  filter();
  open();
})();
