// The bulk bar: how many requests are selected, and all of the page with one click. Without this file the button
// asks for the page again, with its checkboxes checked.
"use strict";
{
  const form = document.getElementById("bulk");
  const counter = document.getElementById("bulk-count");
  const boxes = () => [...document.querySelectorAll("[name=reference][form=bulk]")];
  const all = form?.elements.all_matching;
  const show = () => {
    const selected = all?.checked ? Number(all.dataset.matching) : boxes().filter((box) => box.checked).length;
    counter.textContent = counter.dataset.words.replace("#", selected.toLocaleString(document.documentElement.lang));
  };
  if (form) {
    document.addEventListener("change", (event) => {
      if (event.target.form !== form) return;
      if (all && event.target !== all) all.checked = false;
      show();
    });
    document.getElementById("bulk-page").addEventListener("submit", (event) => {
      event.preventDefault();
      const checked = boxes().some((box) => !box.checked);
      for (const box of boxes()) box.checked = checked;
      if (all) all.checked = false;
      show();
    });
    document.addEventListener("htmx:after:swap", show);
    addEventListener("pageshow", show);
    show();
  }
}
