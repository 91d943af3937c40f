// The page can be printed without this: then the browser's own command does it.
"use strict";

const button = document.getElementById("print");
button.hidden = false;
document.getElementById("how").hidden = true;
button.addEventListener("click", () => print());
