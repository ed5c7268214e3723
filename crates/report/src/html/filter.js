// Above a long table: which models it shows. Words must occur in a model's name, or must not with a minus before them.
for (const table of document.querySelectorAll("table.sortable.models")) {
  const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
  if (rows.length <= 12) continue;
  const tools = document.createElement("div");
  tools.className = "tools";
  const words = document.createElement("input");
  words.type = "search";
  words.placeholder = "Filter models: ghost -asff";
  words.setAttribute("aria-label", "Words in the model's name; with a minus before them, words that must not be in it");
  const count = document.createElement("output");
  const choice = (text) => {
    const label = document.createElement("label");
    const box = document.createElement("input");
    box.type = "checkbox";
    label.append(box, text);
    return [label, box];
  };
  const [frontLabel, front] = choice("Pareto front only");
  const [mixLabel, mix] = choice("Sort across scales");
  const bodies = [...table.tBodies];
  const homes = rows.map((row) => [row, row.parentElement]);
  // A model may have a row for each seed.
  const tell = () => {
    const models = (rows) => new Set(rows.map((row) => row.cells[0].textContent)).size;
    const [shown, all] = [models(rows.filter((row) => !row.hidden)), models(rows)];
    count.textContent = shown === all ? `${all} models` : `${shown} of ${all} models`;
  };
  const show = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter((word) => word !== "" && word !== "-");
    for (const row of rows) {
      const name = row.cells[0].textContent.toLowerCase();
      const fits = (word) => word.startsWith("-") ? !name.includes(word.slice(1)) : name.includes(word);
      row.hidden = !wanted.every(fits) || (front.checked && !row.classList.contains("front"));
    }
    tell();
  };
  // All rows in the first group, so that a heading sorts them all.
  const gather = () => {
    if (mix.checked) bodies[0].append(...rows);
    else for (const [row, home] of homes) home.append(row);
    const sorted = table.querySelector("th[aria-sort]");
    if (sorted === null) return;
    // Sorting turns the direction round; here it is to stay.
    const down = sorted.getAttribute("aria-sort") === "descending";
    if (down) sorted.setAttribute("aria-sort", "ascending");
    else sorted.removeAttribute("aria-sort");
    sorted.querySelector("button").click();
  };
  words.addEventListener("input", show);
  front.addEventListener("change", show);
  mix.addEventListener("change", gather);
  tools.append(words);
  if (rows.some((row) => row.classList.contains("front"))) tools.append(frontLabel);
  if (bodies.length > 1) tools.append(mixLabel);
  tools.append(count);
  tell();
  table.closest(".scroll").before(tools);
}
