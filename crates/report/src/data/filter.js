// Shows the images of one class; the choice goes with the links from page to page. A click on an image enlarges it.
document.documentElement.classList.add("sorts");
const chosen = document.getElementById("class");
const found = document.getElementById("found");
const has = (element, word) => element.dataset.classes.split(" ").includes(word);
const show = () => {
  const word = chosen.value;
  let shown = 0;
  const all = document.querySelectorAll(".shot");
  for (const shot of all) {
    shot.hidden = word !== "" && !has(shot, word);
    if (!shot.hidden) shown++;
  }
  found.textContent = word === "" ? "" : `${shown} of the ${all.length} images on this page`;
  for (const link of document.querySelectorAll(".pages a, .turn a")) {
    link.hash = word === "" ? "" : `class=${word}`;
    if (link.dataset.classes !== undefined) link.classList.toggle("off", word !== "" && !has(link, word));
  }
};
const read = () => {
  const word = new URLSearchParams(location.hash.slice(1)).get("class") ?? "";
  chosen.value = [...chosen.options].some((option) => option.value === word) ? word : "";
  show();
};
chosen.addEventListener("change", () => {
  history.replaceState(null, "", chosen.value === "" ? "#" : `#class=${chosen.value}`);
  show();
});
window.addEventListener("hashchange", read);
read();
for (const picture of document.querySelectorAll(".shot svg")) {
  const enlarge = () => picture.closest(".shot").classList.toggle("big");
  picture.tabIndex = 0;
  picture.addEventListener("click", enlarge);
  picture.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); enlarge(); }
  });
}
