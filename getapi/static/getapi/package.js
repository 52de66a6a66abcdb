"use strict";

/* The download page: starts the download once, and shows how it fares. All words stand in the page. */
(() => {
  const page = document.getElementById("standing");
  const one = (name) => page.querySelector(`[data-${name}]`);
  const show = (element, shown) => element && (element.hidden = !shown);
  const language = document.documentElement.lang || "en";
  const SIZES = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const TIMES = [["hour", 3600], ["minute", 60], ["second", 1]];
  const ENDS = ["failed", "canceled", "expired", "changed"];
  const size = Number(page.dataset.size);
  let state = page.dataset.state;
  let before = null;

  /* What the page was opened for stands behind its address (#start, #now) and is taken away, so that a reload, a way back
     or an address that is handed on never start anything. */
  const wish = { "#start": 4000, "#now": 300 }[location.hash];
  if (wish !== undefined) history.replaceState(null, "", location.pathname + location.search);
  for (const shell of document.querySelectorAll("pre[data-path]")) {
    /* Behind a proxy this side knows best by what name the service is called. */
    const code = shell.firstElementChild;
    code.textContent = code.textContent.replace(/^url=.*$/m, () => `url='${new URL(shell.dataset.path, location.href).href.replaceAll("'", "'\\''")}'`);
  }

  const memory = {
    key: (word) => `package-${page.dataset.id}-${word}`,
    has(word) { try { return sessionStorage.getItem(this.key(word)) !== null; } catch { return false; } },
    keep(word) { try { sessionStorage.setItem(this.key(word), "1"); } catch { /* private windows have none */ } },
    drop(word) { try { sessionStorage.removeItem(this.key(word)); } catch { /* likewise */ } },
  };

  function amount(octets) {
    let step = 0;
    while (octets >= 999.5 && step < SIZES.length - 1) { octets /= 1000; step += 1; }
    const form = { style: "unit", unit: SIZES[step], unitDisplay: step ? "short" : "long", maximumSignificantDigits: 3 };
    return new Intl.NumberFormat(language, form).format(octets);
  }

  function duration(seconds) {
    const [unit, length] = TIMES.find(([, each]) => seconds >= 1.5 * each) || TIMES.at(-1);
    return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(Math.max(1, Math.round(seconds / length)));
  }

  function face(next) {
    if (next === state) return;
    state = page.dataset.state = next;
    for (const each of page.querySelectorAll("[data-face]")) show(each, each.dataset.face === next);
    for (const each of page.querySelectorAll("[data-shown]")) show(each, each.dataset.shown.split(" ").includes(next));
    document.getElementById("said").textContent = page.querySelector(`[data-face="${next}"] h2`).textContent;
  }

  function measure(found) {
    const now = performance.now();
    const seen = before && now > before.now ? Math.max(0, (1000 * (found.sent - before.sent)) / (now - before.now)) : 0;
    before = { now, sent: found.sent };
    const rate = found.state === "sending" ? found.rate ?? seen : 0;
    one("progress").value = found.sent;
    one("sent").textContent = amount(found.sent);
    one("rate").textContent = amount(Math.round(rate));
    one("left").textContent = rate ? duration((size - found.sent) / rate) : "";
    show(one("rate-line"), rate > 0);
    show(one("left-line"), rate > 0 && found.sent < size);
    document.querySelector("[data-sent-exact]").textContent = new Intl.NumberFormat(language, { style: "unit", unit: "byte", unitDisplay: "long" }).format(found.sent);
  }

  function told(found) {
    if (state === "preparing" && found.state === "preparing") {
      one("prepared").value = found.progress ?? 0;
      one("percent").textContent = found.progress ?? 0;
      return "";
    }
    if (state === "preparing" || ENDS.includes(found.state)) {
      /* Another page of the same address, from the service. */
      if (state === "preparing" && !ENDS.includes(found.state)) memory.keep("ready");
      location.reload();
      return "end";
    }
    face(found.state);
    measure(found);
    return found.state === "done" ? "end" : "";
  }

  const standing = new Standing(page.dataset.address, {
    told,
    lost: (isLost) => show(document.getElementById("lost"), isLost),
    silent: () => show(document.getElementById("silent"), true),
  });

  function start() {
    memory.keep("started");
    show(one("starting"), false);
    document.getElementById("download").click();
  }

  function begin() {
    const ready = memory.has("ready");
    memory.drop("ready");
    const pause = ready ? 300 : wish;
    if (!one("starting")) return;  /* there is nothing in it */
    if (pause === undefined || memory.has("started") || state !== "ready" || page.dataset.sent !== "0") return;
    show(one("starting"), true);
    const timer = setTimeout(start, pause);
    one("wait").addEventListener("click", () => {
      clearTimeout(timer);
      show(one("starting"), false);
      document.getElementById("download").focus();
    });
    page.querySelector("form").addEventListener("submit", () => clearTimeout(timer));
  }

  addEventListener("beforeprint", () => document.querySelectorAll("details:not(.cancel)").forEach((each) => { each.open = true; }));

  if (ENDS.includes(state)) return;
  if (state !== "preparing") {
    document.getElementById("download").addEventListener("click", () => {
      memory.keep("started");
      show(one("starting"), false);
      show(one("started"), state === "ready");
      standing.examine(700);
    });
    begin();
  }
  standing.start(state === "done" ? DAY : 1500);
  if (state === "done") standing.stop();
})();
