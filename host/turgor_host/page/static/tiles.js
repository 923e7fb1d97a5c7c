// The tiles: one for each channel, kept and rewritten in place.

import { NONE, PRIORITIES, WHAT, colourOf, make, number, parts, put, span, unitOf } from "./format.js";

// Slopes smaller than this are called steady: mmHg, degC or per cent an hour.
const STEADY = { pressure: 2, arterial: 5, impedance: 1, cuff: 5, temperature: 0.5, supply: 0.1 };
// An axis at rest changes less within a second.
const STILL_G = 0.032;

export class Tiles {
  // `tell(channel)` lets a user say what state a channel is in.
  constructor(element, tell) {
    this.element = element;
    this.tell = tell;
    this.tiles = new Map();
  }

  update(state) {
    for (const channel of state.channels) {
      let tile = this.tiles.get(channel.name);
      if (!tile) {
        tile = new Tile(channel, this.tell);
        this.tiles.set(channel.name, tile);
        this.element.append(tile.element);
      }
      const alarm = state.alarms.find((a) => a.channel === channel.name);
      tile.update(channel, state, alarm);
    }
  }
}

class Tile {
  constructor(channel, tell) {
    this.element = make("article", `tile ${channel.kind}`);
    this.element.dataset.channel = channel.name;
    this.element.style.setProperty("--trace", colourOf(channel.name));
    const head = make("h2");
    head.append(make("span", "swatch"), make("span", "", channel.label), make("small", "", WHAT[channel.kind]));
    this.alarm = make("span", "alarm-mark");
    head.append(this.alarm);
    head.title = channel.name;

    const big = (this.big = make("p", "big"));
    this.whole = make("span", "whole");
    this.rest = make("span", "rest");
    this.unit = make("span", "unit", channel.kind === "impedance" ? "%" : unitOf(channel.unit));
    big.append(this.whole, this.rest, this.unit);
    this.reason = make("p", "reason");
    this.slope = make("p", "slope");
    this.second = make("p", "second");
    this.secondName = make("span", "name");
    this.secondValue = make("span", "number");
    this.secondUnit = make("span", "unit");
    this.second.append(this.secondName, this.secondValue, this.secondUnit);
    this.third = make("p", "third");
    this.now = make("p", "now");
    const state = make("button", "state", "⋯");
    state.type = "button";
    state.title = state.ariaLabel = `State of ${channel.label} ${WHAT[channel.kind]}`;
    state.addEventListener("click", () => tell(channel.name));
    this.element.append(head, big, this.reason, this.slope, this.second, this.third, this.now, state);
  }

  update(channel, state, alarm) {
    const impedance = channel.kind === "impedance";
    // An invalid reading is a dash with its reason, whatever older number there is.
    const shown = channel.valid ? (impedance ? channel.change_percent : channel.median) : null;
    const [whole, rest] = parts(shown, 1, impedance);
    put(this.whole, whole);
    put(this.rest, rest);
    this.big.classList.toggle("wide", whole.length > (impedance ? 3 : 2));
    // One line, whatever there is to say.
    const said = [stateText(channel), reasonOf(channel, shown)].filter(Boolean).join(" · ");
    put(this.reason, said);
    put(this.slope, said ? "" : slopeText(channel));
    this.element.dataset.state = channel.state;
    if (impedance) this.impedance(channel);
    else if (channel.kind === "pressure") this.perfusion(channel, state);
    else if (channel.kind === "motion") this.motion(channel);
    put(this.now, lastSecond(channel));
    this.element.classList.toggle("invalid", !channel.valid);
    this.element.dataset.priority = alarm ? alarm.priority : "";
    this.element.dataset.acknowledged = alarm && alarm.acknowledged ? "yes" : "";
    put(this.alarm, alarm ? PRIORITIES[alarm.priority].mark : "");
    this.alarm.ariaLabel = alarm ? `${alarm.priority} alarm` : null;
  }

  perfusion(channel, state) {
    const dp = channel.valid ? channel.dp : null;
    const low = dp !== null && dp < state.limits.dp_low;
    put(this.secondName, "dP");
    put(this.secondValue, number(dp, 1));
    put(this.secondUnit, "mmHg");
    this.second.classList.toggle("beyond", low);
    let text = "";
    if (dp === null) {
      if (state.dbp.value === null) text = "enter a DBP to see dP";
      else if (!state.dbp.valid) text = "DBP is too old for dP";
    } else if (low) {
      text = `below ${number(state.limits.dp_low, 0)} for ${span(channel.dp_below_s)}`;
    } else {
      text = `DBP ${number(state.dbp.value, 0)} − ICP`;
    }
    put(this.third, text);
  }

  motion(channel) {
    put(this.secondName, "roll");
    put(this.secondValue, number(channel.roll_deg, 0));
    put(this.secondUnit, "°");
    const moves = channel.activity_g > STILL_G ? `moved by up to ${number(channel.activity_g, 2)} g` : "still";
    put(this.third, channel.valid ? moves : "");
  }

  impedance(channel) {
    put(this.secondName, "R");
    put(this.secondValue, channel.valid ? number(channel.median ?? channel.value, 2) : NONE);
    put(this.secondUnit, "Ω");
    put(this.third, channel.baseline === null ? "" : `baseline ${number(channel.baseline, 2)} Ω`);
  }
}

// What the channel is, where its alarms are not all judged.
function stateText({ state, standby_s }) {
  if (state === "active") return "";
  return state === "standby" ? `standby, ${span(standby_s)}` : state;
}

function reasonOf(channel, shown) {
  if (!channel.valid) return channel.reason;
  if (shown !== null) return "";
  return channel.kind === "impedance" ? "no baseline yet" : "median in 30 s";
}

function lastSecond(channel) {
  if (channel.valid) return `latest ${number(channel.value, channel.kind === "impedance" ? 2 : 1)} ${unitOf(channel.unit)}`;
  return channel.fresh_s === null ? "no reading so far" : `no reading for ${span(channel.fresh_s)}`;
}

function slopeText(channel) {
  const slope = channel.slope_per_h;
  if (!channel.valid || slope === null) return "";
  const steady = STEADY[channel.kind];
  const arrow = slope >= steady * 5 ? "↑" : slope >= steady ? "↗" : slope > -steady ? "→" : slope > -steady * 5 ? "↘" : "↓";
  const unit = channel.kind === "impedance" ? "%" : unitOf(channel.unit);
  return `${arrow} ${number(slope, 1, true)} ${unit}/h`;
}
