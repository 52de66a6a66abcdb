"use strict";

/* A copy button behind every pre[data-copy]; its words come from the page (data-copy-word, data-copied-word of the body's template). */
for (const block of document.querySelectorAll("pre[data-copy]")) {
  const words = document.getElementById("copy-words");
  if (!words) continue;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = words.dataset.copy;
  button.setAttribute("aria-label", `${words.dataset.copy}: ${block.getAttribute("aria-label")}`);
  button.addEventListener("click", async () => {
    const done = await copy(block);
    button.textContent = done ? words.dataset.copied : words.dataset.copy;
    button.setAttribute("aria-label", button.textContent);
  });
  block.after(button);
}

async function copy(block) {
  try {
    await navigator.clipboard.writeText(block.textContent);
    return true;
  } catch {
    /* Without TLS there is no clipboard for scripts: what is selected can be copied in the old way, or by hand. */
    getSelection().selectAllChildren(block);
    return document.execCommand("copy");
  }
}
