// Sorts each scale of a table by the column whose heading is clicked or entered. The page reads well without it.
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
        const [x, y] = [value(a), value(b)];
        // What was not measured stands last, whichever way the column is sorted.
        if (typeof x !== typeof y) return typeof x === "number" ? -1 : 1;
        const less = typeof x === "number" ? x - y : x.localeCompare(y);
        return down ? -less : less;
      };
      for (const body of table.tBodies) {
        for (const row of [...body.rows].sort(order)) body.append(row);
      }
    };
    head.tabIndex = 0;
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(); }
    });
  });
}
