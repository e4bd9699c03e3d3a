/* Refreshes the parts of a page marked data-refresh. Everything works without it.
   Keeps the focus, what was typed and what was unfolded; says politely what changed; can be paused. */
"use strict";

(() => {
  const announcer = document.getElementById("announcer");
  const pauseButton = document.getElementById("pause");
  let paused = false;

  function say(text) {
    announcer.textContent = "";
    window.setTimeout(() => { announcer.textContent = text; }, 50);
  }

  function remember(region) {
    const typed = new Map();
    for (const field of region.querySelectorAll("input:not([type=hidden]), textarea, select")) {
      if (field.id) typed.set(field.id, field.matches("[type=radio], [type=checkbox]") ? field.checked : field.value);
    }
    const unfolded = [...region.querySelectorAll("details[open][id]")].map((part) => part.id);
    const active = region.contains(document.activeElement) ? document.activeElement : null;
    return { typed, unfolded, focus: active ? active.id || "?" : null };
  }

  function restore(region, before) {
    for (const [id, value] of before.typed) {
      const field = document.getElementById(id);
      if (!field || !region.contains(field)) continue;
      if (typeof value === "boolean") field.checked = value; else field.value = value;
    }
    for (const id of before.unfolded) document.getElementById(id)?.setAttribute("open", "");
    if (before.focus === null) return;
    const target = document.getElementById(before.focus) || region.querySelector("[tabindex='-1']");
    target?.focus({ preventScroll: true });
  }

  function show(region, text) {
    const parsed = new DOMParser().parseFromString(text, "text/html").body;
    const fresh = parsed.querySelector("[data-version]");
    const current = region.querySelector("[data-version]");
    if (!fresh) return;
    const changed = fresh.dataset.version !== current.dataset.version;
    if (!changed && (region.hasAttribute("data-keep-forms") || fresh.innerHTML === current.innerHTML)) return;
    if (region.querySelector("button:active, a:active, select:focus")) return; // a click is under way
    const before = remember(region);
    current.replaceWith(fresh);
    restore(region, before);
    if (changed && fresh.dataset.announce !== current.dataset.announce) say(fresh.dataset.announce);
  }

  async function refresh(region) {
    if (paused || document.hidden) return;
    try {
      const response = await fetch(region.dataset.refresh, {
        headers: { "X-Tast1-Fragment": "1" }, cache: "no-store", redirect: "manual",
      });
      if (response.status === 401 || response.status === 404) { window.location.reload(); return; }
      if (!response.ok) throw new Error(String(response.status));
      const text = await response.text();
      if (region.dataset.failing) { delete region.dataset.failing; say(region.dataset.back); }
      if (!paused) show(region, text);
    } catch {
      if (!region.dataset.failing) { region.dataset.failing = "1"; say(region.dataset.lost); }
    }
  }

  async function keep(region) {
    const seconds = Number(region.querySelector("[data-every]")?.dataset.every || 5);
    await new Promise((done) => { window.setTimeout(done, seconds * 1000); });
    await refresh(region);
    keep(region);
  }

  const regions = [...document.querySelectorAll("[data-refresh]")];
  regions.forEach(keep);
  document.addEventListener("visibilitychange", () => { regions.forEach(refresh); });
  document.getElementById("errors")?.focus();

  if (pauseButton) {
    const words = [pauseButton.textContent, pauseButton.dataset.resume];
    pauseButton.hidden = false;
    pauseButton.addEventListener("click", () => {
      paused = !paused;
      pauseButton.textContent = words[Number(paused)];
      if (!paused) regions.forEach(refresh);
    });
  }
})();
