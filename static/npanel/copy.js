// "Copy" buttons: put the text of the element named by data-copy on the clipboard and say so.
(() => {
  "use strict";
  const text = (source) => ("value" in source ? source.value : source.textContent.trim());

  const select = (source) => {
    if ("select" in source) {
      source.select();
      return;
    }
    const range = document.createRange();
    range.selectNodeContents(source);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  };

  const copy = async (button) => {
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(text(source));
      button.dataset.copied = "";
      button.querySelector("[data-copy-word]").textContent = button.dataset.done;
    } catch {
      // No clipboard without HTTPS: leave the text selected, ready for Ctrl-C.
      select(source);
    }
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-copy]");
    if (button) {
      copy(button);
    }
  });
  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("button[data-copy]")) {
      button.hidden = false;
    }
  });
})();
