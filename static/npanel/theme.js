// Keeps the chosen theme (auto, light, dark) in this browser and sets it before the page is painted.
(() => {
  "use strict";
  const key = "npanel-theme";
  const order = ["auto", "light", "dark"];
  const read = () => {
    try {
      const kept = localStorage.getItem(key);
      return order.includes(kept) ? kept : "auto";
    } catch {
      return "auto";
    }
  };
  const keep = (theme) => {
    try {
      localStorage.setItem(key, theme);
    } catch {
      // Storage can be forbidden; the choice then lasts as long as the page.
    }
  };
  const show = (theme) => {
    if (theme === "auto") {
      delete document.documentElement.dataset.theme;
    } else {
      document.documentElement.dataset.theme = theme;
    }
    for (const button of document.querySelectorAll("[data-theme-switch]")) {
      for (const icon of button.querySelectorAll("[data-theme-icon]")) {
        icon.toggleAttribute("hidden", icon.dataset.themeIcon !== theme);
      }
      const label = button.dataset[`label${theme[0].toUpperCase()}${theme.slice(1)}`];
      button.setAttribute("aria-label", label);
      button.title = label;
    }
  };
  let theme = read();
  show(theme);
  document.addEventListener("DOMContentLoaded", () => {
    show(theme);
    for (const button of document.querySelectorAll("[data-theme-switch]")) {
      button.hidden = false;
      button.addEventListener("click", () => {
        theme = order[(order.indexOf(theme) + 1) % order.length];
        keep(theme);
        show(theme);
      });
    }
  });
})();
