// What mdBook makes of links that are right on GitHub: one to a README is one to its folder's index, and one to a file of
// the repository that is no page of the book leads nowhere in it, so it becomes the name of that file.
const ups = (path) => path.split("../").length - 1;
for (const link of document.querySelectorAll("main a[href]")) {
  const path = link.getAttribute("href");
  if (/^[a-z]+:/.test(path)) continue;
  if (ups(path) <= ups(path_to_root)) {
    link.setAttribute("href", path.replace(/README\.html/, "index.html"));
    continue;
  }
  const file = path.replaceAll("../", "").replace(/\.html(#.*)?$/, ".md");
  const name = document.createElement("span");
  const where = link.textContent.includes(file) ? "in the repository" : `${file} in the repository`;
  name.append(...link.childNodes, ` (${where})`);
  link.replaceWith(name);
}
