// One uPlot: its series, its axes, what is drawn behind them, and how mouse, keys and fingers move it.

import { PRIORITIES, clock, colourOf, make, number, put, utcTime } from "./format.js";

const INK = "#9fb0be";
const GRID = "#24303a";
const ALARM = { high: "#ff5c5c", medium: "#ffd83d", low: "#4fe3f0" };
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

// Pressures with the DBP, the DBP less the dP limit, and the fixed limit.
export const pressurePlot = {
  unit: "mmHg",
  kinds: ["pressure", "arterial", "cuff"],
  source: "channels",
  rules: ["dp_low", "pressure_high"],
  decimals: 1,
  // The plot below shows the times of both.
  times: false,
  // In whole tens, so that the axis stands still.
  range: (least, greatest) => [
    Math.min(0, Math.floor((least ?? 0) / 10) * 10),
    Math.max(40, Math.ceil(((greatest ?? 0) + 2) / 10) * 10),
  ],
  lines: (limits, dbp) => [
    { name: "DBP", colour: "#ffffff", dash: [7, 4], at: dbp },
    { name: `DBP − ${number(limits.dp_low, 0)}`, colour: "#ff8f8f", dash: [2, 3], at: dbp && ((i) => less(dbp(i), limits.dp_low)) },
    { name: `limit ${number(limits.pressure_high, 0)}`, colour: "#ff8f8f", dash: [], at: () => limits.pressure_high },
  ],
};

// Impedances as per cent from their baseline, with the limit of `fluid_gain`.
export const changePlot = {
  unit: "% from baseline",
  kinds: ["impedance"],
  source: "change",
  rules: ["fluid_gain"],
  decimals: 1,
  times: true,
  range: (least, greatest) => [
    Math.min(-10, Math.floor(((least ?? 0) - 0.5) / 5) * 5),
    Math.max(5, Math.ceil(((greatest ?? 0) + 0.5) / 5) * 5),
  ],
  lines: (limits) => [{ name: `limit −${number(limits.fluid_gain, 0)}`, colour: "#ff8f8f", dash: [], at: () => -limits.fluid_gain }],
};

const less = (value, amount) => (value === null || value === undefined ? null : value - amount);
const names = (plan, state) => state.channels.filter((c) => plan.kinds.includes(c.kind));

export class Plot {
  constructor(id, plan, { chosen, move, live }) {
    this.plan = plan;
    this.chosen = chosen;
    this.move = move;
    this.live = live;
    this.element = document.getElementById(`${id}-plot`);
    this.legend = document.getElementById(`${id}-legend`);
    this.pointed = document.getElementById("pointed");
    this.key = "";
    this.plot = null;
    this.state = null;
    this.shownChannels = [];
    this.lineCount = 0;
    new ResizeObserver(() => this.resize()).observe(this.element);
    this.element.addEventListener("keydown", (event) => this.press(event));
    this.listenToFingers();
  }

  get width() {
    return Math.floor(this.element.clientWidth);
  }

  // Build anew when there are other channels than before.
  channels(state) {
    this.state = state;
    const shown = names(this.plan, state);
    const key = JSON.stringify([shown.map((c) => c.name), state.limits]);
    if (key === this.key || !shown.length) return;
    this.key = key;
    this.shownChannels = shown.map((c) => ({ name: c.name, label: c.label }));
    this.plot?.destroy();
    this.build(state.limits);
  }

  build(limits) {
    const series = [{}];
    const bands = [];
    this.slots = [];
    const lines = this.plan.lines(limits, null);
    this.lineCount = lines.length;
    for (const { name } of this.shownChannels) {
      const colour = colourOf(name);
      const edge = { stroke: colour + "99", width: 1, points: { show: false } };
      const first = series.length;
      series.push({ ...edge }, { ...edge }, { stroke: colour, width: 1.75, points: { show: false } });
      bands.push({ series: [first, first + 1], fill: colour + "40" });
    }
    for (const line of lines) {
      series.push({ stroke: line.colour, width: 1.25, dash: line.dash, points: { show: false } });
    }
    this.makeLegend(lines);
    const axis = { stroke: INK, grid: { stroke: GRID, width: 1 }, ticks: { stroke: GRID, width: 1, size: 5 }, font: "12px system-ui, sans-serif" };
    this.plot = new uPlot(
      {
        width: Math.max(this.element.clientWidth, 100),
        height: Math.max(this.element.clientHeight, 80),
        series,
        bands,
        legend: { show: false },
        padding: [8, 26, 0, 0],
        scales: {
          x: { time: false, range: (u, least, greatest) => [least, greatest] },
          y: { range: (u, least, greatest) => this.plan.range(least, greatest) },
        },
        axes: [
          {
            ...axis,
            size: this.plan.times ? 26 : 8,
            incrs: TIME_STEPS,
            space: 90,
            values: (u, at, axis, space, step) => at.map((t) => (t < 0 || !this.plan.times ? "" : clock(t, step < 60))),
          },
          { ...axis, size: 44, space: 28, values: (u, at) => at.map((v) => number(v, 0)) },
        ],
        cursor: {
          sync: { key: "turgor", setSeries: false },
          points: { show: false },
          y: false,
          drag: { x: true, y: false, setScale: false, dist: 6 },
          bind: { dblclick: () => () => this.live() },
        },
        hooks: {
          setSelect: [(u) => this.select(u)],
          setCursor: [(u) => this.read(u)],
          draw: [(u) => this.drawEvents(u)],
        },
      },
      [[0], ...series.slice(1).map(() => [null])],
      this.element,
    );
  }

  makeLegend(lines) {
    const unit = make("span", "unit", this.plan.unit);
    const rows = [];
    for (const { name, label } of this.shownChannels) rows.push([label, colourOf(name), "solid"]);
    for (const line of lines) rows.push([line.name, line.colour, line.dash.length ? "dashed" : "thin"]);
    this.slots = rows.map(([label, colour, look]) => {
      const entry = make("span", `entry ${look}`);
      const line = make("span", "line");
      line.style.color = colour;
      const value = make("span", "value");
      entry.append(line, make("span", "", label));
      if (look !== "thin") entry.append(value);
      return { entry, value };
    });
    this.legend.replaceChildren(unit, ...this.slots.map((slot) => slot.entry));
  }

  resize() {
    if (!this.plot || !this.element.clientWidth) return;
    const { clientWidth: width, clientHeight: height } = this.element;
    if (width !== this.plot.width || height !== this.plot.height) this.plot.setSize({ width, height });
  }

  draw(series, view, state) {
    if (!this.plot) return;
    this.state = state;
    const group = series[this.plan.source];
    const t = series.t.slice();
    const columns = [];
    for (const { name } of this.shownChannels) {
      const part = group[name] ?? { min: [], max: [], mean: [] };
      columns.push(part.max.slice(), part.min.slice(), part.mean.slice());
    }
    // The last bucket reaches up to now; without this it would end where it begins.
    const last = t.length - 1;
    const extended = last >= 0 && state.t_s > t[last] && state.t_s < t[last] + series.step_s;
    if (extended) {
      t.push(state.t_s);
      for (const column of columns) column.push(column[last] ?? null);
    }
    const dbp = (i) => series.dbp[Math.min(i, series.dbp.length - 1)] ?? null;
    for (const line of this.plan.lines(state.limits, dbp)) columns.push(t.map((_, i) => line.at(i)));
    this.step_s = series.step_s;
    this.plot.batch(() => {
      this.plot.setData([t, ...columns.map((c) => (c.length === t.length ? c : t.map((_, i) => c[i] ?? null)))], false);
      this.plot.setScale("x", { min: view.from, max: view.to });
    });
    // What is really shown, for whoever cannot see the canvas.
    const { min, max } = this.plot.scales.x;
    Object.assign(this.element.dataset, { from: Math.round(min), to: Math.round(max) });
  }

  select(u) {
    const { left, width } = u.select;
    if (width < 6) return;
    // The other plot mirrors the selection of the one that is dragged in.
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (u.cursor.event?.type === "mouseup" || u.cursor.event?.target === u.over) {
      this.chosen(u.posToVal(left, "x"), u.posToVal(left + width, "x"));
    }
  }

  // The values under the cursor stand in the legend.
  read(u) {
    const i = u.cursor.left >= 0 ? u.cursor.idx : null;
    const t = i === null || i === undefined ? undefined : u.data[0][i];
    this.slots.forEach((slot, n) => {
      const bars = this.shownChannels.length;
      const column = n < bars ? 3 * n + 3 : 3 * bars + 1 + (n - bars);
      put(slot.value, t === undefined ? "" : number(u.data[column]?.[i], this.plan.decimals));
    });
    if (t === undefined || !this.state) {
      put(this.pointed, "");
    } else {
      const utc0 = Date.parse(this.state.utc) - this.state.t_s * 1000;
      put(this.pointed, `at ${clock(t)} · ${utcTime(new Date(utc0 + t * 1000))} UTC`);
    }
  }

  // A line with the priority's shape where an alarm was raised or grew.
  drawEvents(u) {
    const { ctx, bbox } = u;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = "center";
    ctx.textBaseline = "top";
    // The newest last, so that it lies on top.
    for (const event of [...(this.state?.events ?? [])].reverse()) {
      if (!this.plan.rules.includes(event.rule) || !["raised", "escalated"].includes(event.state)) continue;
      const x = u.valToPos(event.t_s, "x", true);
      ctx.strokeStyle = ctx.fillStyle = ALARM[event.priority];
      ctx.globalAlpha = 0.5;
      ctx.lineWidth = ratio;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top + 14 * ratio);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.globalAlpha = 1;
      ctx.fillText(PRIORITIES[event.priority].mark, x, bbox.top);
    }
    ctx.restore();
  }

  press(event) {
    const acts = {
      ArrowLeft: () => this.move("pan", -0.2),
      ArrowRight: () => this.move("pan", 0.2),
      "+": () => this.move("scale", 0.5),
      "=": () => this.move("scale", 0.5),
      "-": () => this.move("scale", 2),
      Escape: () => this.live(),
    };
    const act = acts[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  }

  // uPlot knows no touch: one finger pans, two pinch, a double tap goes back to live.
  listenToFingers() {
    const fingers = new Map();
    let tapped = 0;
    this.element.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "touch") return;
      fingers.set(event.pointerId, event.clientX);
      if (fingers.size === 1) {
        if (event.timeStamp - tapped < 300) this.live();
        tapped = event.timeStamp;
      }
    });
    this.element.addEventListener("pointermove", (event) => {
      if (!fingers.has(event.pointerId) || !this.plot) return;
      const box = this.plot.over.getBoundingClientRect();
      const before = [...fingers.values()];
      fingers.set(event.pointerId, event.clientX);
      const after = [...fingers.values()];
      if (after.length === 1) {
        this.move("pan", (before[0] - after[0]) / box.width);
      } else if (after.length === 2) {
        const [a, b] = [Math.abs(before[0] - before[1]), Math.abs(after[0] - after[1])];
        const at = ((after[0] + after[1]) / 2 - box.left) / box.width;
        if (a > 10 && b > 10) this.move("scale", a / b, Math.max(0, Math.min(1, at)));
      }
    });
    for (const end of ["pointerup", "pointercancel"]) {
      this.element.addEventListener(end, (event) => fingers.delete(event.pointerId));
    }
  }
}
