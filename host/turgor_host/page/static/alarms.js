// The alarm bar and the list of events.

import { PRIORITIES, clock, countdown, make, number, put, span, utcTime } from "./format.js";

// The most that a board pauses its sound.
const PAUSE_S = 120;

export class Alarms {
  // `act(path, body)` asks the board and gives its answer, or throws an Error that says why not.
  constructor(act, announce) {
    this.act = act;
    this.announce = announce;
    this.list = document.getElementById("alarm-list");
    this.none = document.getElementById("no-alarms");
    this.count = document.getElementById("alarm-count");
    this.all = document.getElementById("ack-all");
    this.pause = document.getElementById("pause");
    this.error = document.getElementById("ack-error");
    this.bar = document.getElementById("alarms");
    this.rows = new Map();
    this.paused = 0;
    this.all.addEventListener("click", () => this.ask(this.all, "/ack", {}));
    this.pause.addEventListener("click", () => this.ask(this.pause, "/pause", { seconds: this.paused ? 0 : PAUSE_S }));
  }

  update(state) {
    const present = new Set();
    state.alarms.forEach((alarm, place) => {
      const key = `${alarm.rule} ${alarm.channel}`;
      present.add(key);
      let row = this.rows.get(key);
      if (!row) {
        row = this.makeRow(alarm);
        this.rows.set(key, row);
      }
      // Moving a row that has its place already would take the focus from its button.
      if (this.list.children[place] !== row.element) this.list.insertBefore(row.element, this.list.children[place] ?? null);
      this.updateRow(row, alarm, state);
    });
    for (const [key, row] of this.rows) {
      if (!present.has(key)) {
        row.element.remove();
        this.rows.delete(key);
      }
    }
    const open = state.alarms.filter((alarm) => !alarm.acknowledged).length;
    const highest = state.alarms.find((alarm) => !alarm.acknowledged) ?? state.alarms[0];
    this.bar.dataset.priority = highest ? highest.priority : "";
    this.none.hidden = state.alarms.length > 0;
    // Raised before this program listened, and not told yet.
    put(this.none, state.alarms_known ? "No alarms" : "Alarms not known yet");
    this.all.hidden = state.alarms.length === 0;
    this.all.disabled = open === 0;
    const total = state.alarms.length;
    put(this.count, total ? `${total} alarm${total > 1 ? "s" : ""}${open < total ? `, ${open} new` : ""}` : "");
    this.paused = state.paused_s;
    this.pause.hidden = !total && !this.paused;
    this.pause.disabled = !open && !this.paused;
    this.pause.ariaPressed = this.paused ? "true" : "false";
    this.pause.title = this.paused ? "Press to end the pause" : `Silence the board for ${PAUSE_S} s; its lights go on`;
    put(this.pause, this.paused ? `Sound off ${countdown(this.paused)}` : "Pause sound");
    if (!open) put(this.error, "");
  }

  makeRow(alarm) {
    const element = make("li");
    const row = { element, said: "" };
    row.mark = make("span", "mark");
    row.mark.ariaHidden = "true";
    row.word = make("span", "word");
    const words = make("div", "words");
    row.title = make("strong");
    row.detail = make("span", "detail");
    words.append(row.title, row.detail);
    row.button = make("button", "", "Acknowledge");
    row.button.type = "button";
    row.button.addEventListener("click", () =>
      this.ask(row.button, "/ack", { channel: alarm.channel, rule: alarm.rule }),
    );
    element.append(row.mark, row.word, words, row.button);
    element.dataset.rule = alarm.rule;
    element.dataset.channel = alarm.channel;
    return row;
  }

  updateRow(row, alarm, state) {
    const { mark, strokes, word } = PRIORITIES[alarm.priority];
    row.element.dataset.priority = alarm.priority;
    row.element.dataset.acknowledged = alarm.acknowledged ? "yes" : "";
    put(row.mark, mark);
    put(row.word, `${word} ${strokes}`);
    put(row.title, `${alarm.label}: ${alarm.text}`);
    const quantity = alarm.quantity.replace(" - ", " − ").replace(" from its baseline", "");
    const limit = alarm.limit === null ? "" : ` · limit ${number(alarm.limit, 0)}`;
    const age = span(state.t_s - alarm.since_s);
    const judged = alarm.now === null ? "" : `${quantity} ${number(alarm.now, 1)} ${alarm.unit}${limit} · `;
    const group = alarm.group ? `${alarm.group} · ` : "";
    put(row.detail, `${group}${judged}for ${age}`);
    row.element.title = `${row.title.textContent}; ${row.detail.textContent}`;
    put(row.button, alarm.acknowledged ? "✓ Acknowledged" : "Acknowledge");
    row.button.ariaLabel = alarm.acknowledged ? null : `Acknowledge ${alarm.label}: ${alarm.text}`;
    // Disabled by attribute only, so that the focus stays.
    row.button.ariaDisabled = alarm.acknowledged ? "true" : null;
    const said = `${word} alarm. ${alarm.label}: ${alarm.text}.`;
    if (row.said !== said) {
      row.said = said;
      this.announce(said);
    }
  }

  async ask(button, path, body) {
    if (button.ariaDisabled === "true") return;
    put(this.error, "");
    button.ariaBusy = "true";
    try {
      await this.act(path, body);
    } catch (error) {
      put(this.error, error.message);
    } finally {
      button.ariaBusy = null;
    }
  }
}

export class Events {
  constructor(element) {
    this.element = element;
    this.shown = "";
  }

  update(state) {
    const shown = JSON.stringify(state.events);
    if (shown === this.shown) return;
    this.shown = shown;
    this.element.replaceChildren(...state.events.map(eventRow));
  }
}

function eventRow(event) {
  const row = make("li", event.kind);
  const time = make("time", "", clock(event.t_s));
  if (event.utc) {
    time.dateTime = event.utc;
    time.title = `${utcTime(new Date(event.utc))} UTC`;
  }
  const mark = make("span", "mark", event.kind === "technical" ? "■" : "·");
  const words = make("span", "words", event.text);
  if (event.kind === "alarm") {
    row.dataset.priority = event.priority;
    row.dataset.state = event.state;
    mark.textContent = event.state === "cleared" || event.state === "withdrawn" ? "○" : event.state === "acknowledged" ? "✓" : PRIORITIES[event.priority].mark;
    if (event.value !== null && event.unit && event.unit !== "s") {
      const limit = event.limit === null ? "" : ` (limit ${number(event.limit, 0)})`;
      words.append(make("small", "", `${number(event.value, 1)} ${event.unit}${limit}`));
    }
  }
  row.append(time, mark, words);
  return row;
}
