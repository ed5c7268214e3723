// Tooltips by keyboard as well as by mouse: Tab reaches a table or a plot, the arrows go from figure to figure.
const tip = document.createElement("div");
tip.id = "tip";
tip.setAttribute("role", "status");
tip.hidden = true;
document.body.append(tip);
// The text of an element; the browser's own tooltip would be shown beside this one.
const tipOf = (element) => {
  const title = element instanceof SVGElement ? element.querySelector("title") : null;
  if (title !== null) {
    element.dataset.tip = title.textContent;
    title.remove();
  } else if (element.title) {
    element.dataset.tip = element.title;
    element.removeAttribute("title");
  }
  return element.dataset.tip ?? "";
};
let pointed = null;
const hide = () => {
  tip.hidden = true;
  pointed?.classList.remove("pointed");
  pointed = null;
};
const point = (element) => {
  hide();
  const text = tipOf(element);
  if (text === "") return;
  tip.textContent = text;
  tip.hidden = false;
  if (element instanceof SVGElement) {
    pointed = element;
    element.classList.add("pointed");
  }
  const [at, wide] = [element.getBoundingClientRect(), document.documentElement.clientWidth];
  const left = Math.max(8, Math.min(at.left, wide - tip.offsetWidth - 8));
  const above = at.top - tip.offsetHeight - 6;
  tip.style.left = `${left + scrollX}px`;
  tip.style.top = `${(above < 0 ? at.bottom + 6 : above) + scrollY}px`;
};
const hinted = (target) => target.closest?.("[title],[data-tip]")
  ?? (target.ownerSVGElement && (target.querySelector("title") || target.dataset.tip) ? target : null);
document.addEventListener("mouseover", (event) => {
  const element = hinted(event.target);
  if (element === null) hide(); else point(element);
});
document.addEventListener("focusin", (event) => {
  if (!event.target.matches(":focus-visible")) return;
  const element = hinted(event.target);
  if (element !== null) point(element);
});
document.addEventListener("focusout", hide);
document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });

// One cell of a table is reached by Tab; the arrows move on to others.
for (const body of document.querySelectorAll("table > tbody:first-of-type")) {
  const first = body.rows[0]?.cells[1] ?? body.rows[0]?.cells[0];
  if (first) first.tabIndex = 0;
}
const go = (from, to) => {
  if (!to) return;
  from.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
};
document.addEventListener("keydown", (event) => {
  const cell = event.target;
  if (!cell.matches?.("td, tbody th") || !event.key.startsWith("Arrow")) return;
  const rows = [...cell.closest("table").querySelectorAll("tbody tr:not([hidden])")];
  const [row, column] = [rows.indexOf(cell.parentElement), cell.cellIndex];
  const to = {
    ArrowLeft: () => cell.previousElementSibling,
    ArrowRight: () => cell.nextElementSibling,
    ArrowUp: () => rows[row - 1]?.cells[column],
    ArrowDown: () => rows[row + 1]?.cells[column],
  }[event.key]();
  event.preventDefault();
  go(cell, to);
});
// A plot is one stop; the arrows go through its marks from left to right.
for (const plot of document.querySelectorAll("figure svg")) {
  let marks = null;
  let place = -1;
  plot.tabIndex = 0;
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    marks ??= [...plot.children].filter((shape) => shape.querySelector("title") || shape.dataset.tip)
      .map((shape) => [shape.getBoundingClientRect().left, shape]).sort((a, b) => a[0] - b[0]).map(([, shape]) => shape);
    if (marks.length === 0) return;
    event.preventDefault();
    place = Math.max(0, Math.min(marks.length - 1, place + step));
    point(marks[place]);
  });
}
