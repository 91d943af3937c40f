// Upgrades only: every page works without this file. No inline handler, no eval (see the CSP).
"use strict";

const dialog = document.getElementById("dialog");
// While a dialog is open, everything outside is silent: it has a live region of its own.
const say = (words) => { (dialog?.querySelector("[open] #said") ?? document.getElementById("live")).textContent = words; };

// Menus are <details>: Escape and a click elsewhere close them.
const closeMenus = (except) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== except) menu.open = false;
};
document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu")));
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && event.target.closest?.("details.menu[open]");
  if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
});

// A decision opens as a dialog over the list. After it (the answer empties the dialog) the focus goes on to the next
// request that waits for one. When none does, or when the row still waits (Undo, a new assignee), it is on its heading.
let heading = null;
document.addEventListener("htmx:before:request", (event) => {
  const source = event.detail.ctx.sourceElement;
  heading = source.closest(".row")?.querySelector("h2").id ?? heading;
  // Once a form is on its way, the message beside it is asked for no more, and not still.
  if (source.matches("#preview") && source.closest("form.htmx-request")) event.preventDefault();
  else source.querySelector("#preview")?.dispatchEvent(new Event("htmx:abort"));
});
const goOn = () => {
  const row = document.getElementById(heading)?.closest(".row");
  const waiting = [...document.querySelectorAll(".row:has(form[action$='/authorize/'])")];
  const next = waiting.find((one) => row?.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING);
  ((waiting.includes(row) ? row : next) ?? row)?.querySelector("h2").focus();
};
document.addEventListener("htmx:before:swap", (event) => {
  const { raw } = event.detail.ctx.response;
  if (!raw.redirected) return;
  event.preventDefault();
  location.href = raw.url;
});
document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  if (ctx.request.headers["HX-Target"] !== "div#dialog-body" || ctx.response.status >= 500) return;
  const body = document.getElementById("dialog-body");
  if (!body.childElementCount) {
    dialog.close();
    goOn();
    return;
  }
  document.getElementById("dialog-failed").hidden = true;
  count(body);
  showCopy(body);
  if (!dialog.open) dialog.showModal();
  else if (body.contains(document.activeElement)) return;
  (body.querySelector("[data-start]") ?? body.querySelector("select, textarea, input:not([type=hidden]), button"))?.focus();
});
for (const failure of ["htmx:error", "htmx:response:error"]) {
  document.addEventListener(failure, ({ detail: { ctx } }) => {
    if (ctx?.response?.status < 500) return;
    if (dialog?.open) document.getElementById("dialog-failed").hidden = false;
    else if (ctx) location.href = ctx.request.action;
  });
}
document.addEventListener("click", (event) => {
  if (dialog?.contains(event.target) && event.target.closest("[data-dismiss]")) {
    event.preventDefault();
    event.stopPropagation();
    dialog.close();
  }
}, true);

// How many characters are left in a field with maxlength.
function count(within) {
  for (const counter of within.querySelectorAll("[data-count-for]")) {
    const field = document.getElementById(counter.dataset.countFor);
    const show = () => {
      const left = field.maxLength - field.value.length;
      const words = left < 0 ? counter.dataset.over : counter.dataset.words;
      counter.textContent = words.replace("#", Math.abs(left).toLocaleString(document.documentElement.lang));
      counter.classList.toggle("error", left < 0);
      if (left <= 20) say(counter.textContent);
    };
    field.addEventListener("input", show);
    show();
  }
}
count(document);

// Saved comments go into the field at once: in the place of those that went in before, after whatever was typed.
document.addEventListener("change", ({ target }) => {
  const field = document.getElementById(target.dataset.into);
  if (!field) return;
  const before = field.dataset.inserted ?? "";
  const typed = field.value.endsWith(before) ? field.value.slice(0, field.value.length - before.length) : field.value;
  const text = target.selectedOptions[0].dataset.text ?? "";
  field.dataset.inserted = text && typed.trim() ? `\n\n${text}` : text;
  field.value = typed + field.dataset.inserted;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  if (text) say(target.dataset.done);
});

// The theme changes at once, so that nothing typed is lost; the cookie comes with the answer.
document.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-theme-form]");
  if (!form) return;
  event.preventDefault();
  const theme = event.submitter.value;
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  for (const button of form.querySelectorAll("button")) button.setAttribute("aria-pressed", button === event.submitter);
  fetch(form.action, { method: "POST", body: new FormData(form, event.submitter), redirect: "manual" });
});

// A second click on the way does nothing twice (the server's idempotency key says the same).
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented || form.closest("#dialog")) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("[data-sent]")) delete form.dataset.sent;
});

// A security key or passkey that was not used: the page has a sentence for it.
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  document.getElementById("key-failed").hidden = false;
});

// Undo goes when its time is over.
const expire = (within) => {
  for (const form of within.querySelectorAll("[data-until]:not([data-timed])")) {
    form.dataset.timed = "yes";
    setTimeout(() => form.remove(), form.dataset.until * 1000);
  }
};
expire(document);
document.addEventListener("htmx:after:swap", () => expire(document));

// "50 more" goes on at the first new row.
document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  const more = ctx.sourceElement.closest("#more");
  if (!more) return;
  const before = document.querySelectorAll(".row").length;
  document.addEventListener("htmx:after:swap", () => document.querySelectorAll(".row h2")[before]?.focus(), { once: true });
});

// What can be copied, where the browser lets us.
function showCopy(within) {
  for (const button of within.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
}
showCopy(document);
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  say(button.dataset.done);
});

// A page that asks again by itself says when the work is over.
document.addEventListener("htmx:after:swap", () => {
  const over = document.querySelector("[data-say]");
  if (over) say(over.dataset.say);
});
