"use strict";

/* The developers' page: lines that follow what is typed, and an estimate as a picture. Nothing is sent but by its buttons. */
(() => {
  const form = document.getElementById("trial");
  const said = document.getElementById("said");
  const picture = document.getElementById("picture");
  const service = new URL(document.getElementById("ask").form.action).href.replace(/\/PACKAGE$/, "");
  const quotes = {
    html: (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;"),
    json: (text) => JSON.stringify(text).replaceAll("<", "\\u003c"),
    sh: (text) => (/^[\w.-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`),
  };
  const examples = { files: "PID;PID/DSID" };

  /* One entry a line is for people; the API joins them by semicolons. */
  const typed = (name) => (form.elements[name].value || "").split("\n").map((line) => line.trim()).filter(Boolean).join(";");

  function follow() {
    const nothing = !typed("files") && !typed("map");
    for (const line of document.querySelectorAll("[data-line]")) {
      line.hidden = !(typed(line.dataset.line) || (nothing && examples[line.dataset.line]));
    }
    for (const slot of document.querySelectorAll("[data-slot]")) {
      const text = typed(slot.dataset.slot) || examples[slot.dataset.slot] || "";
      slot.textContent = quotes[slot.dataset.quote]((slot.dataset.before || "") + text);
    }
  }

  function fields() {
    const body = new URLSearchParams(new FormData(form));
    for (const name of ["files", "map"]) body.set(name, typed(name));
    return body;
  }

  async function estimate() {
    const answer = await fetch(document.getElementById("estimate").formAction, { method: "POST", body: fields(), headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    picture.replaceChildren(...page.querySelector("main").childNodes);
    for (const heading of picture.querySelectorAll("h1")) {
      const lower = document.createElement("h2");
      lower.append(...heading.childNodes);
      heading.replaceWith(lower);
    }
    said.textContent = answer.ok ? said.dataset.done : said.dataset.failed;
    picture.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  }

  form.addEventListener("submit", (event) => {
    if (event.submitter?.id === "estimate") {
      event.preventDefault();
      const unanswered = document.getElementById("unanswered");
      unanswered.hidden = true;
      estimate().catch(() => { unanswered.hidden = false; said.textContent = said.dataset.failed; });
      return;
    }
    for (const name of ["files"]) form.elements[name].value = typed(name);
  });
  form.addEventListener("input", follow);
  document.getElementById("follows").hidden = false;
  for (const each of document.querySelectorAll("[data-service]")) each.textContent = service;
  follow();
})();
