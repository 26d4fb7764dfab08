"use strict";
(function () {
  const table = document.getElementById("checks"), form = document.getElementById("filter");
  if (!table || !form) return;
  const body = table.tBodies[0], rows = Array.from(body.rows), input = form.querySelector("input");
  const text = (row, column) => row.cells[column].textContent.trim();
  const figure = (row, column) => parseFloat(text(row, column).replace(/,/g, ""));
  const show = () => {
    const words = input.value.toLowerCase().split(/\s+/);
    let shown = 0;
    for (const row of rows) {
      const line = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => line.includes(word));
      shown += !row.hidden;
    }
    form.querySelector("output").textContent = shown + " of " + rows.length;
  };
  const order = (heads, column, numeric) => {
    const head = heads[column], up = head.getAttribute("aria-sort") !== "ascending";
    heads.forEach((each) => each.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const value = (row) => numeric ? figure(row, column) : text(row, column);
    const rank = column === 0 ? (row) => rows.indexOf(row) : value;
    const sorted = rows.slice().sort((a, b) => {
      const x = rank(a), y = rank(b);
      if (numeric && (isNaN(x) || isNaN(y))) return isNaN(x) - isNaN(y);
      return (x < y ? -1 : x > y ? 1 : 0) * (up ? 1 : -1);
    });
    sorted.forEach((row) => body.appendChild(row));
  };
  Array.from(table.tHead.rows[0].cells).forEach((head, column, heads) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.textContent = "";
    head.appendChild(button);
    button.addEventListener("click", () => order(heads, column, head.classList.contains("n")));
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  input.addEventListener("input", show);
  form.hidden = false;
  show();
})();
