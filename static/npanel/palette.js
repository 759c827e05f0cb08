// The search palette: "/" or Ctrl-K opens it anywhere, arrows choose, Enter opens. Without scripts the link leads to a page.
(() => {
  "use strict";
  const pause = 120;
  let palette, input, note, found, status;
  let asked = 0;
  let timer;

  const current = () => timer === undefined && palette.dataset.answered === input.value;

  const options = () => [...found.querySelectorAll("[role=option]")];

  const choose = (option) => {
    for (const other of options()) {
      other.setAttribute("aria-selected", String(other === option));
    }
    if (option) {
      input.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  };

  // The page's list of links becomes a listbox: the focus stays in the field.
  const fit = () => {
    found.querySelectorAll("ul, li, h2").forEach((node) => node.setAttribute("role", "presentation"));
    found.querySelectorAll("section").forEach((node) => node.setAttribute("role", "group"));
    found.querySelectorAll("a.found-hit").forEach((link, number) => {
      link.id = `found-${number}`;
      link.setAttribute("role", "option");
      link.tabIndex = -1;
    });
    found.hidden = options().length === 0;
    input.setAttribute("aria-expanded", String(!found.hidden));
    choose(options()[0]);
  };

  // A listbox holds options only: what else the page says stands above it, and is announced.
  const show = (page) => {
    const sorry = page.querySelector(".found-none");
    const many = page.querySelector("[data-found]");
    status.textContent = (sorry?.querySelector(".found-sorry") ?? many)?.textContent ?? "";
    sorry?.removeAttribute("role");
    many?.remove();
    note.replaceChildren(...(sorry ? [sorry] : []));
    found.replaceChildren(...page.body.childNodes);
    fit();
  };

  const ask = async () => {
    timer = undefined;
    const number = ++asked;
    const url = new URL(palette.dataset.url, location.href);
    url.search = new URLSearchParams({ q: input.value, part: "results" });
    try {
      const answer = await fetch(url, { credentials: "same-origin", headers: { "X-Requested-With": "fetch" } });
      if (answer.redirected || answer.status === 403) {
        location.reload();
        return;
      }
      if (!answer.ok) {
        throw new Error(`status ${answer.status}`);
      }
      const html = await answer.text();
      if (number !== asked) {
        return;
      }
      const parsed = new DOMParser().parseFromString(html, "text/html");
      palette.dataset.answered = url.searchParams.get("q");
      delete palette.dataset.lost;
      show(parsed);
    } catch {
      palette.dataset.lost = "";
    }
  };

  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(ask, pause);
  };

  const open = () => {
    const field = document.getElementById("find");
    if (field) {
      field.focus();
      field.select();
      return;
    }
    if (!palette.open) {
      palette.showModal();
      ask();
    }
    input.select();
  };

  const step = (by) => {
    const all = options();
    if (all.length) {
      const now = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
      choose(all[(now + by + all.length) % all.length]);
    }
  };

  const follow = (option, event) => {
    if (option.dataset.fill === undefined) {
      return false;
    }
    event.preventDefault();
    input.value = option.dataset.fill;
    input.focus();
    ask();
    return true;
  };

  const pressed = (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      step(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter" && !event.isComposing) {
      const option = found.querySelector("[aria-selected=true]");
      // Typed faster than it was answered: then the whole page answers.
      if (option && current() && !follow(option, event)) {
        event.preventDefault();
        option.click();
      }
    }
  };

  const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]");

  document.addEventListener("keydown", (event) => {
    const quick = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !typing(event.target);
    if (palette && (quick || (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey))) {
      event.preventDefault();
      open();
    }
  });

  document.addEventListener("DOMContentLoaded", () => {
    palette = document.getElementById("palette");
    if (!palette) {
      return;
    }
    const parts = [".palette-input", "#palette-note", "#palette-found", "#palette-status"];
    [input, note, found, status] = parts.map((part) => palette.querySelector(part));
    input.addEventListener("input", later);
    input.addEventListener("keydown", pressed);
    palette.addEventListener("click", (event) => {
      const option = event.target.closest("[data-fill]");
      if (option) {
        follow(option, event);
      } else if (event.target === palette) {
        palette.close();
      }
    });
    for (const link of document.querySelectorAll("[data-palette]")) {
      link.addEventListener("click", (event) => {
        if (!event.ctrlKey && !event.metaKey && !event.shiftKey) {
          event.preventDefault();
          open();
        }
      });
    }
  });
})();
