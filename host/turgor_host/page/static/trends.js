// The trends: which stretch of time is shown, and the two plots that show it.

import { clock, put, span, utcTime } from "./format.js";
import { Plot, changePlot, pressurePlot } from "./plot.js";
import { Series } from "./series.js";

const ASK_MS = 500;
const SETTLE_MS = 120;
const LEAST_SPAN_S = 20;
const FIRST_WINDOW_S = 3600;

export class Trends {
  constructor() {
    this.series = new Series();
    this.window_s = FIRST_WINDOW_S;
    // {from, to} while the user looks at a stretch of their own.
    this.zoom = null;
    this.state = null;
    this.loaded = null;
    this.busy = false;
    this.askedAt = 0;
    const chosen = (from, to) => this.look(from, to);
    const move = (how, amount, at) => this.move(how, amount, at);
    const options = { chosen, move, live: () => this.live() };
    this.plots = [
      new Plot("pressure", pressurePlot, options),
      new Plot("change", changePlot, options),
    ];
    this.buttons = [...document.querySelectorAll("#windows button")];
    for (const button of this.buttons) {
      button.addEventListener("click", () => {
        this.window_s = button.dataset.seconds === "all" ? Infinity : Number(button.dataset.seconds);
        this.live();
      });
    }
    this.back = document.getElementById("to-live");
    this.back.addEventListener("click", () => this.live());
    this.shown = document.getElementById("shown");
    this.mark();
  }

  get view() {
    if (this.zoom) return this.zoom;
    const last = this.state.t_s;
    const first = this.state.first_t_s;
    const length = Math.min(this.window_s, Math.max(last - first, 60));
    const from = Math.max(first, last - length);
    // Until a window is full it fills from the left.
    return { from, to: from + (this.window_s === Infinity ? length : this.window_s) };
  }

  live() {
    clearTimeout(this.settling);
    this.zoom = null;
    this.mark();
    this.reload();
  }

  look(from, to) {
    if (!this.state || this.state.t_s === null) return;
    const length = Math.max(to - from, LEAST_SPAN_S);
    const middle = (from + to) / 2;
    this.zoom = { from: middle - length / 2, to: middle + length / 2 };
    this.mark();
    this.draw();
    // A moving finger ends somewhere: only then are finer buckets worth a question.
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.reload(), SETTLE_MS);
  }

  // `pan` by a share of the width, `scale` the width about a place in it (0 left, 1 right).
  move(how, amount, at = 0.5) {
    if (!this.state || this.state.t_s === null) return;
    const { from, to } = this.view;
    const length = to - from;
    if (how === "pan") this.look(from + amount * length, to + amount * length);
    else this.look(from + length * at * (1 - amount), to - length * (1 - at) * (1 - amount));
  }

  mark() {
    for (const button of this.buttons) {
      const seconds = button.dataset.seconds === "all" ? Infinity : Number(button.dataset.seconds);
      button.ariaPressed = String(!this.zoom && seconds === this.window_s);
    }
    this.back.disabled = !this.zoom;
    document.getElementById("trends").classList.toggle("zoomed", this.zoom !== null);
    if (!this.zoom) put(this.shown, "drag in a plot to zoom");
  }

  update(state) {
    this.state = state;
    if (state.t_s === null) return;
    for (const plot of this.plots) plot.channels(state);
    this.follow();
    this.draw();
  }

  reload() {
    this.loaded = null;
    if (this.state && this.state.t_s !== null) {
      this.draw();
      this.follow();
    }
  }

  // Fetch what the view needs and does not have: everything, or the live end.
  async follow() {
    const now = performance.now();
    if (this.busy && this.loaded !== null) return;
    if (this.loaded !== null && now - this.askedAt < ASK_MS) return;
    this.askedAt = now;
    const { from, to } = this.view;
    const points = Math.max(200, Math.min(1200, this.plots[0].width));
    const tooMany = this.series.t.length > 2 * points;
    const fresh = this.loaded === null || tooMany || !this.series.t.length;
    if (!fresh && this.zoom && this.series.end > to) return;
    const token = {};
    this.busy = token;
    try {
      if (fresh) {
        this.loaded = token;
        await this.series.load(Math.floor(from), Math.ceil(to), points);
      } else {
        await this.series.extend(Math.min(this.state.t_s, Math.ceil(to)));
        this.series.trim(from);
      }
    } catch {
      // The server is gone: the page says so already, and asks again with the next state.
      if (this.loaded === token) this.loaded = null;
    } finally {
      if (this.busy === token) this.busy = false;
    }
    this.draw();
  }

  draw() {
    const view = this.view;
    for (const plot of this.plots) plot.draw(this.series, view, this.state);
    if (this.zoom) {
      const utc0 = Date.parse(this.state.utc) - this.state.t_s * 1000;
      const at = (t) => `${clock(Math.max(0, t))} (${utcTime(new Date(utc0 + t * 1000))} UTC)`;
      put(this.shown, `zoomed: ${at(view.from)}, ${span(view.to - view.from)}`);
    }
  }
}
