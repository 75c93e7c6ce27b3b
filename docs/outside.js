// Links to files of the repository that are not pages of the book lead nowhere in it: they become the names of these files.
const ups = (path) => path.split("../").length - 1;
for (const link of document.querySelectorAll('main a[href^="../"]')) {
  const path = link.getAttribute("href");
  if (ups(path) <= ups(path_to_root)) continue;
  const name = document.createElement("span");
  name.title = path.replaceAll("../", "").replace(/\.html(#.*)?$/, ".md");
  name.append(...link.childNodes, ` (${name.title} in the repository)`);
  link.replaceWith(name);
}
