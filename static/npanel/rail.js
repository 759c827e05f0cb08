// Keeps in this browser whether the rail is folded to its icons, and sets it before the page is painted.
(() => {
  "use strict";
  const key = "npanel-rail";
  let folded = false;
  try {
    folded = localStorage.getItem(key) === "folded";
  } catch {
    // Storage can be forbidden; the rail then starts unfolded.
  }
  const show = () => {
    document.documentElement.toggleAttribute("data-rail-folded", folded);
    for (const button of document.querySelectorAll("[data-rail-fold]")) {
      const word = folded ? button.dataset.unfold : button.dataset.fold;
      button.querySelector("[data-rail-word]").textContent = word;
      button.title = word;
      button.setAttribute("aria-expanded", String(!folded));
    }
  };
  show();
  document.addEventListener("DOMContentLoaded", () => {
    show();
    for (const button of document.querySelectorAll("[data-rail-fold]")) {
      button.hidden = false;
      button.addEventListener("click", () => {
        folded = !folded;
        try {
          localStorage.setItem(key, folded ? "folded" : "");
        } catch {
          // The choice then lasts as long as the page.
        }
        show();
      });
    }
  });
})();
