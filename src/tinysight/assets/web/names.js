// The list of names with their bars. Its rows stay and change, so that a button can be pressed while the camera runs.
import { percent } from "./answers.js";

export class Names {
  #list;
  #choose;
  #rows = [];

  constructor(list, choose) {
    this.#list = list;
    this.#choose = choose;
  }

  // Make so many empty rows.
  make(count) {
    this.#rows = Array.from({ length: count }, () => this.#row());
    this.#list.replaceChildren(...this.#rows.map(({ item }) => item));
  }

  #row() {
    const [item, button, label, share, bar] = ["li", "button", "span", "span", "span"].map((tag) => document.createElement(tag));
    [label.className, share.className, bar.className] = ["label", "share", "bar"];
    button.type = "button";
    button.disabled = true;
    button.append(label, share, bar);
    item.append(button);
    const row = { item, button, label, share, bar, index: null };
    button.addEventListener("click", () => this.#choose(row.index));
    return row;
  }

  fill(names) {
    names.forEach(({ index, label, probability }, at) => {
      const row = this.#rows[at];
      row.index = index;
      row.label.textContent = label;
      row.share.textContent = percent(probability);
      row.bar.style.setProperty("--share", probability);
      row.button.disabled = false;
    });
  }

  // Show which name the heat map is about.
  press(index) {
    for (const row of this.#rows) row.button.setAttribute("aria-pressed", String(row.index === index));
  }

  empty() {
    for (const row of this.#rows) {
      row.index = null;
      row.label.textContent = row.share.textContent = "";
      row.bar.style.setProperty("--share", 0);
      row.button.disabled = true;
      row.button.removeAttribute("aria-pressed");
    }
  }
}
