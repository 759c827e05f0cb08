// Keeps a [data-live] region as fresh as the server's: asks each second (or data-pause), swaps what changed, keeps folds.
(() => {
  "use strict";
  const pause = 1000;
  const longest = 15000;

  const unfolded = (region) => new Set([...region.querySelectorAll("details[open][id]")].map((node) => node.id));

  const swap = (region, html) => {
    const open = unfolded(region);
    const focus = document.activeElement?.id;
    const parsed = new DOMParser().parseFromString(html, "text/html");
    const fresh = parsed.querySelector("[data-live]");
    for (const id of open) {
      fresh.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
    }
    region.replaceChildren(...fresh.childNodes);
    region.dataset.version = fresh.dataset.version;
    region.dataset.final = fresh.dataset.final;
    for (const button of region.querySelectorAll("button[data-copy][hidden]")) {
      button.hidden = false;
    }
    for (const inner of region.querySelectorAll("[data-live]")) {
      follow(inner);
    }
    if (focus && !document.activeElement?.id) {
      document.getElementById(focus)?.focus();
    }
    const announcer = document.getElementById("announce");
    if (announcer && fresh.dataset.announce !== undefined && announcer.textContent !== fresh.dataset.announce) {
      announcer.textContent = fresh.dataset.announce;
    }
  };

  const ask = async (region) => {
    const url = new URL(region.dataset.live, location.href);
    url.searchParams.set("version", region.dataset.version);
    const answer = await fetch(url, { credentials: "same-origin", headers: { "X-Requested-With": "fetch" } });
    if (answer.redirected || answer.status === 403) {
      location.reload();
      return;
    }
    if (!answer.ok) {
      throw new Error(`status ${answer.status}`);
    }
    if (answer.status !== 204) {
      swap(region, await answer.text());
    }
  };

  const follow = async (region) => {
    const usual = Number(region.dataset.pause) || pause;
    let wait = usual;
    while (region.dataset.final !== "true" && region.isConnected) {
      await new Promise((done) => setTimeout(done, wait));
      if (document.hidden) {
        continue;
      }
      try {
        await ask(region);
        wait = usual;
        region.removeAttribute("data-lost");
      } catch {
        // The panel may be restarting; say so and ask less often.
        wait = Math.min(wait * 2, longest);
        region.dataset.lost = "";
      }
    }
  };

  document.addEventListener("DOMContentLoaded", () => {
    for (const region of document.querySelectorAll("[data-live]")) {
      follow(region);
    }
  });
})();
