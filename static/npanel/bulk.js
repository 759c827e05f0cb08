// Lists whose rows can be chosen: counts what is chosen, and chooses all rows of the page.
(() => {
  "use strict";
  const watch = (form) => {
    const boxes = [...form.querySelectorAll('input[type="checkbox"][name="service"]')];
    const all = form.querySelector("[data-bulk-all]");
    const count = form.querySelector("[data-bulk-count]");
    const show = () => {
      const chosen = boxes.filter((box) => box.checked).length;
      count.textContent = String(chosen);
      all.checked = chosen === boxes.length;
      all.indeterminate = chosen > 0 && chosen < boxes.length;
    };
    count.hidden = false;
    all.closest("label").hidden = false;
    all.addEventListener("change", () => {
      for (const box of boxes) {
        box.checked = all.checked;
      }
      show();
    });
    form.addEventListener("change", show);
    show();
  };

  document.addEventListener("DOMContentLoaded", () => {
    for (const form of document.querySelectorAll("form[data-bulk]")) {
      watch(form);
    }
  });
})();
