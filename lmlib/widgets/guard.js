// Lab sends keys typed on a focused control to the notebook unless the control itself forbids it.
function render({ model, el }) {
  let area = null; // known once the page has put `el` in its place
  const mend = () => {
    for (const control of area.querySelectorAll("input, select, button, textarea, .noUi-handle")) {
      if (!control.dataset.lmSuppressShortcuts) control.dataset.lmSuppressShortcuts = "true";
    }
    for (const slider of area.querySelectorAll(".widget-slider")) {
      const handle = slider.querySelector(".noUi-handle");
      const label = slider.querySelector(".widget-label");
      if (handle && label && !handle.hasAttribute("aria-label")) handle.setAttribute("aria-label", label.textContent);
    }
    for (const line of area.querySelectorAll(".lm-live")) {
      if (!line.hasAttribute("aria-live")) line.setAttribute("aria-live", "polite");
    }
    for (const image of area.querySelectorAll(".widget-image")) {
      if (image.alt !== model.get("alt")) image.alt = model.get("alt");
    }
  };
  const observer = new MutationObserver(mend);
  let waiting = 0;
  const begin = () => {
    if (!el.isConnected) {
      waiting = requestAnimationFrame(begin);
      return;
    }
    area = el.closest(".jp-Cell-outputArea") || el.parentElement;
    observer.observe(area, { childList: true, subtree: true });
    model.on("change:alt", mend);
    mend();
  };
  begin();
  el.style.display = "none";
  return () => {
    cancelAnimationFrame(waiting);
    observer.disconnect();
    model.off("change:alt", mend);
  };
}
export default { render };
