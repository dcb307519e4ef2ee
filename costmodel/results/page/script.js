"use strict";
(() => {
  const grids = JSON.parse(document.getElementById("what-if-data").textContent);
  const BLANK = "-";

  // Numbers as the tables of costmodel print them.
  const zeroed = (text) => (Number(text) ? text : text.replace("-", ""));
  const exponent = (text) => text.replace(/e([+-])(\d)$/, "e$10$2");
  const percent = (value) => {
    if (value === null) return BLANK;
    const text = [1, 0].map((n) => zeroed(value.toFixed(n))).find((t) => t.length <= 6);
    return `${text ?? exponent(value.toExponential(0))}%`;
  };
  const nanoseconds = (value) => {
    if (value === null) return BLANK;
    const step = [[100, 2], [1000, 1], [1e7, 0]].find(([limit]) => value < limit);
    return step ? value.toFixed(step[1]) : exponent(value.toExponential(1));
  };

  const placed = (value, { low, high }) =>
    100 * Math.min(Math.max((value - low) / (high - low), 0), 1);

  function draw(row, value, scale) {
    const [zero, end] = [placed(0, scale), value === null ? placed(0, scale) : placed(value, scale)];
    const bar = row.querySelector(".change");
    bar.setAttribute("x", `${Math.min(zero, end).toFixed(2)}%`);
    bar.setAttribute("width", `${Math.abs(end - zero).toFixed(2)}%`);
    const beyond = value !== null && value > scale.high;
    row.querySelector(".beyond").setAttribute("visibility", beyond ? "visible" : "hidden");
  }

  function show(table, grid, point) {
    const scale = { low: Number(table.dataset.low), high: Number(table.dataset.high) };
    let best = null;
    for (const row of table.tBodies[0].rows) {
      const pair = Number(row.dataset.pair);
      const [change, ns] = [grid.change[point][pair], grid.ns[point][pair]];
      draw(row, change, scale);
      for (const [cell, text, key] of [
        [row.querySelector(".here"), percent(change), change],
        [row.querySelector(".ns"), nanoseconds(ns), ns],
      ]) {
        cell.textContent = text;
        cell.dataset.key = key ?? "";
      }
      const sound = change !== null && !row.dataset.marked && !row.classList.contains("baseline");
      if (sound && (best === null || change < best.change)) {
        best = { change, name: row.querySelector(".strategy").dataset.key };
      }
    }
    return best && `${table.dataset.title}: ${best.name} ${percent(best.change)}`;
  }

  function panel(section) {
    const grid = grids[section.dataset.machine];
    const sliders = [...section.querySelectorAll("input[type=range]")];
    const outputs = [...section.querySelectorAll("output")];
    const tables = [...section.querySelectorAll("table.live")];
    const reset = section.querySelector(".reset");
    const status = section.querySelector("[role=status]");

    function update() {
      const at = sliders.map((slider) => Number(slider.value));
      const point = at.reduce((sum, position, n) => sum * grid.sizes[n] + position, 0);
      sliders.forEach((slider, n) => {
        const text = JSON.parse(slider.dataset.texts)[at[n]];
        slider.setAttribute("aria-valuetext", text);
        outputs[n].textContent = text;
      });
      const best = tables.map((table) => show(table, grid, point)).filter(Boolean);
      const possible = grid.ns[point].some((ns) => ns !== null);
      status.textContent = !possible
        ? "No such machine can be: these numbers contradict each other."
        : best.length ? `Fastest here: ${best.join("; ")}.` : "";
      reset.disabled = at.every((position, n) => position === grid.now[n]);
      section.classList.toggle("moved", !reset.disabled);
    }

    sliders.forEach((slider) => slider.addEventListener("input", update));
    reset.addEventListener("click", () => {
      sliders.forEach((slider, n) => { slider.value = grid.now[n]; });
      sliders[0].focus();
      update();
    });
    update();
  }

  function compared(one, other) {
    const [a, b] = [one, other].map((cell) => cell.dataset.key ?? cell.textContent.trim());
    if (a === "" || b === "") return (a === "") - (b === "");
    const [x, y] = [Number.parseFloat(a), Number.parseFloat(b)];
    const numbers = one.classList.contains("number") && !Number.isNaN(x) && !Number.isNaN(y);
    return numbers ? x - y : a.localeCompare(b, "en", { numeric: true });
  }

  function sort(table, column, head) {
    const up = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const blank = (row) => (row.cells[column].dataset.key ?? row.cells[column].textContent.trim()) === "";
    const rows = [...table.tBodies[0].rows].sort((a, b) => {
      const found = compared(a.cells[column], b.cells[column]);
      return up || blank(a) || blank(b) ? found : -found; // rows without a value stay last
    });
    table.tBodies[0].append(...rows);
  }

  function sortable(table) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const label = head.querySelector(".name") ?? head.firstChild;
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = label.textContent;
      button.addEventListener("click", () => sort(table, column, head));
      label.replaceWith(button);
    });
  }

  document.querySelectorAll(".what-if").forEach(panel);
  document.querySelectorAll("table.sortable").forEach(sortable);

  // On paper nothing can be opened.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((part) => { part.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach((part) => { part.open = false; }));
})();
