// Sorts each scale of a table by the column whose heading is chosen. The page reads well without it.
document.documentElement.classList.add("sorts");
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const sort = () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => {
        const cell = row.cells[column];
        const text = cell.textContent.trim();
        return column === 0 || text === "" || cell.classList.contains("gap") ? text
          : cell.dataset.sort === undefined ? text : Number(cell.dataset.sort);
      };
      const order = (a, b) => {
        const [x, y] = [a.value, b.value];
        // What was not measured stands last, whichever way the column is sorted.
        if (typeof x !== typeof y) return typeof x === "number" ? -1 : 1;
        const less = typeof x === "number" ? x - y : x.localeCompare(y);
        return down ? -less : less;
      };
      for (const body of table.tBodies) {
        const rows = [...body.rows].map((row) => ({ row, value: value(row) }));
        body.append(...rows.sort(order).map(({ row }) => row));
      }
    };
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    if (head.title !== "") {
      button.title = head.title;
      head.removeAttribute("title");
    }
    head.append(button);
    button.addEventListener("click", sort);
  });
}
