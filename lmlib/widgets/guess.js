// The page side of the guessing game: it draws `state` and sends guesses. All numbers are computed in Python.

const SIGNS = { " ": "␣", "\n": "↵", "\t": "⇥" };
const visible = (text) => [...text].map((c) => SIGNS[c] || c).join("");

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function render({ model, el }) {
  let sure = 2; // "fairly sure"
  const text = make("div", { class: "lm-text", role: "group", "aria-label": "The text so far" });
  const input = make("input", { type: "text", maxlength: "2", size: "2", autocomplete: "off", "aria-label": "Your letter" });
  const levels = make("div", { class: "lm-sure", role: "radiogroup", "aria-label": "How sure are you?" });
  const button = make("button", { type: "button" }, "Guess");
  const again = make("button", { type: "button" }, "Play again");
  const message = make("p", { class: "lm-message", "aria-live": "polite" });
  const totals = make("div", { class: "lm-totals", role: "group", "aria-label": "Surprise so far" });
  const hint = make("p", { class: "lm-hint" }, "Keys: a letter, ↑ or ↓ for how sure, Enter. A blank is a letter, too.");

  for (const [i, level] of model.get("state").sure.entries()) {
    const share = level.p === null ? "all alike" : `${Math.round(100 * level.p)} %`;
    const choice = make("button", { type: "button", role: "radio" }, `${level.name} · ${share}`);
    choice.addEventListener("click", () => { sure = i; mark(); input.focus(); });
    levels.append(choice);
  }

  function mark() {
    [...levels.children].forEach((choice, i) => {
      choice.setAttribute("aria-checked", i === sure);
      choice.tabIndex = i === sure ? 0 : -1;
    });
  }

  function draw() {
    const state = model.get("state");
    text.replaceChildren(make("span", { class: "lm-given" }, state.given));
    for (const round of state.rounds) {
      const shown = round.actual === "\n" ? "↵\n" : round.actual === " " ? "␣" : round.actual;
      const title = `${visible(round.actual)}: you ${round.you.toFixed(1)} bits, model ${round.model.toFixed(1)}`;
      text.append(make("span", { class: round.hit ? "lm-hit" : "lm-miss", title }, shown));
    }
    if (state.left) text.append(make("span", { class: "lm-caret", "aria-hidden": "true" }, "?"));
    message.textContent = state.message;
    input.disabled = button.disabled = state.left === 0;
    again.style.visibility = state.rounds.length ? "visible" : "hidden"; // its room stays: nothing jumps
    const most = Math.max(4, ...state.totals.map((t) => t.bits || 0));
    totals.replaceChildren(
      ...state.totals.map((t) => {
        const bar = make("div", { class: `lm-bar lm-${t.who}` });
        bar.style.width = `${(60 * (t.bits || 0)) / most}%`;
        const number = t.bits === null ? "–" : `${t.bits.toFixed(2)} bits a letter`;
        return make("div", { class: "lm-total" }, make("span", { class: "lm-name" }, t.name), bar, make("span", {}, number));
      }),
    );
  }

  function guess() {
    const letter = [...input.value][0];
    if (!letter) return input.focus();
    input.value = "";
    model.send({ kind: "guess", letter, sure: model.get("state").sure[sure].name });
    input.focus();
  }

  // Arrow keys change how sure; they work in the box and on the choices. Nothing may reach Lab's own shortcuts.
  for (const node of [input, button, again, ...levels.children]) node.dataset.lmSuppressShortcuts = "true";
  el.addEventListener("keydown", (event) => {
    const on = levels.contains(event.target) ? { ArrowRight: 1, ArrowLeft: -1, ArrowUp: 1, ArrowDown: -1 } : { ArrowUp: 1, ArrowDown: -1 };
    if (event.target !== button && event.target !== again && on[event.key]) {
      event.preventDefault();
      sure = Math.min(levels.children.length - 1, Math.max(0, sure + on[event.key]));
      mark();
      if (event.target !== input) levels.children[sure].focus();
    } else if (event.key === "Enter" && event.target === input && !event.isComposing) {
      event.preventDefault();
      guess();
    }
    event.stopPropagation();
  });
  button.addEventListener("click", guess);
  again.addEventListener("click", () => { model.send({ kind: "again" }); input.focus(); });

  const row = make("div", { class: "lm-row" }, input, levels, button);
  const foot = make("div", { class: "lm-row" }, again, hint);
  el.append(make("div", { class: "lm-guess" }, text, row, message, totals, foot));
  mark();
  draw();
  model.on("change:state", draw);
  return () => model.off("change:state", draw);
}
export default { render };
