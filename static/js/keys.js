// Single keys on the list (see the dialog that `?` opens). Off inside fields, menus and dialogs, with a modifier, and
// when the reader switched them off (WCAG 2.1.4); the choice stays in this browser.
"use strict";

{
  const OFF = "keys-off";
  const sheet = document.getElementById("keys");
  const box = document.getElementById("keys-on");
  const opener = document.getElementById("keys-open");
  const remembered = (() => { try { return window.localStorage; } catch { return null; } })();

  const rows = () => [...document.querySelectorAll(".row")];
  const here = () => document.activeElement.closest(".row");
  const go = (row) => {
    const heading = row?.querySelector("h2");
    heading?.focus({ preventScroll: true });
    row?.scrollIntoView({ block: "nearest" });
  };
  const step = (by) => {
    const all = rows();
    const at = all.indexOf(here());
    go(all[at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1)]);
  };
  const acts = {
    "/": () => document.getElementById("filter_q")?.focus(),
    "j": () => step(1),
    "k": () => step(-1),
    "x": () => here()?.querySelector("[type=checkbox]")?.click(),
    "a": () => here()?.querySelector("form[action$='/authorize/'] button")?.click(),
    "c": () => here()?.querySelector("select[name=reason]")?.focus(),
    "u": () => document.querySelector("#toast button, #held button")?.click(),
    "?": () => { box.checked = !remembered?.getItem(OFF); sheet.showModal(); },
  };

  opener.hidden = false;
  opener.addEventListener("click", acts["?"]);
  box.addEventListener("change", () => {
    if (box.checked) remembered?.removeItem(OFF);
    else remembered?.setItem(OFF, "yes");
  });
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input, select, textarea, dialog, .menu[open], [contenteditable]")) return;
    if (!Object.hasOwn(acts, event.key) || remembered?.getItem(OFF)) return;
    event.preventDefault();
    acts[event.key]();
  });
}
