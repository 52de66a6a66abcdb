"use strict";

/* How a package stands, asked of the service itself: never for ever, and seldom where answers cost it much. */
const DAY = 24 * 3600e3;

class Standing {
  /* told(package), lost(isLost), silent() are called with what was found. */
  constructor(address, { told, lost, silent }) {
    Object.assign(this, { address, told, lost, silent, failures: 0, quiet: 0, last: "", since: Date.now() });
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
  }

  /* The next look is told at once what is else told within half a minute: that the repository has changed. */
  examine(milliseconds) {
    this.thorough = true;
    this.quiet = 0;
    this.start(milliseconds);
  }

  start(milliseconds) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), milliseconds);
  }

  hurry() {
    if (this.timer) this.start(0);
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
  }

  async look() {
    const begun = performance.now();
    let pause;
    try {
      const headers = { Accept: "application/json", ...(this.thorough ? {} : { Prefer: "return=minimal" }) };
      this.thorough = false;
      const answer = await fetch(this.address, { headers, cache: "no-store", signal: AbortSignal.timeout(60000) });
      if (answer.status === 404 || answer.status === 410) return location.reload();
      if (!answer.ok) pause = 1000 * Number(answer.headers.get("Retry-After"));
      else if (this.hear(await answer.json())) return this.stop();
      this.fared(answer.ok);
    } catch {
      this.fared(false);
    }
    if (this.failures > 40 || Date.now() - this.since > DAY) {
      this.stop();
      return this.silent();
    }
    this.start(Math.max(pause || 0, this.pause(performance.now() - begun)));
  }

  /* Whether nothing more is to be expected. */
  hear(found) {
    const fact = [found.state, found.sent, found.progress].join();
    this.quiet = fact === this.last ? this.quiet + 1 : 0;
    if (fact !== this.last) this.since = Date.now();
    this.last = fact;
    return this.told(found) === "end";
  }

  fared(well) {
    this.failures = well ? 0 : this.failures + 1;
    this.lost(this.failures > 2);
  }

  /* A second and a half while something moves, up to 15 s while nothing does, a minute where nobody answers; ten times the answer's own time. */
  pause(cost) {
    const calm = this.failures ? Math.min(60000, 1500 * 2 ** this.failures) : Math.min(15000, 1500 * 1.25 ** this.quiet);
    return Math.max(document.hidden ? 4 * calm : calm, 10 * cost);
  }
}
