// The drawer on phones, menus that close on a click outside or Escape, and forms that are sent only once.
(() => {
  "use strict";
  const closeMenus = (but) => {
    for (const menu of document.querySelectorAll("details.menu[open], details.filter[open]")) {
      if (menu !== but) {
        menu.removeAttribute("open");
      }
    }
  };

  document.addEventListener("click", (event) => {
    closeMenus(event.target.closest("details.menu, details.filter"));
    if (location.hash === "#rail" && !event.target.closest(".rail, .menu-open")) {
      location.hash = "";
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") {
      return;
    }
    const menu = event.target.closest?.("details.menu[open], details.filter[open]");
    closeMenus();
    menu?.querySelector("summary")?.focus();
    if (location.hash === "#rail") {
      location.hash = "";
    }
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") {
      return;
    }
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "true";
    event.submitter?.setAttribute("aria-busy", "true");
  });

  // Back from the cache of the browser: the form may be sent again.
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      form.querySelector("[aria-busy]")?.removeAttribute("aria-busy");
    }
  });
})();
