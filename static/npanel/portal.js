// What htmx leaves to us: folds stay open over a swap, copy buttons appear, progress is announced, a lost session reloads.
(() => {
  "use strict";
  let open = [];
  let focused = "";

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, target } = event.detail;
    const asked = new URL(event.detail.requestConfig.path, location.href).pathname;
    if (xhr.status === 403 || (xhr.responseURL && new URL(xhr.responseURL).pathname !== asked)) {
      event.detail.shouldSwap = false;
      location.reload();
      return;
    }
    open = [...target.querySelectorAll("details[open][id]")].map((node) => node.id);
    focused = document.activeElement?.id ?? "";
  });

  document.addEventListener("htmx:afterSwap", () => {
    for (const id of open) {
      document.getElementById(id)?.setAttribute("open", "");
    }
    if (focused && document.activeElement === document.body) {
      document.getElementById(focused)?.focus();
    }
    for (const button of document.querySelectorAll("button[data-copy][hidden]")) {
      button.hidden = false;
    }
    const live = document.getElementById("live");
    const announcer = document.getElementById("announce");
    if (live && announcer && announcer.textContent !== live.dataset.announce) {
      announcer.textContent = live.dataset.announce;
    }
  });
})();
