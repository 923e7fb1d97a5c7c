// How numbers, times and channels look. Every function gives text, "–" for what is not known.

export const NONE = "–";

// Not red, yellow or cyan: those are the alarms'. A limb's impedance has the colour of its pressure.
export const COLOURS = {
  calf_l: "#6aa9ff",
  calf_r: "#f2a365",
  forearm_l: "#86d68f",
  forearm_r: "#c9a2ff",
  calf_z: "#6aa9ff",
  calf_r_z: "#f2a365",
  forearm_z: "#86d68f",
  thorax_z: "#d5dde5",
  art: "#ff9fb5",
  cuff: "#e6c9a8",
  skin: "#f2b8a0",
  motion: "#a9b8ff",
};
const OTHER_COLOUR = "#b0bec5";

// Shape and word beside the colour, for those who cannot tell the colours.
export const PRIORITIES = {
  high: { mark: "▲", strokes: "!!!", word: "High" },
  medium: { mark: "◆", strokes: "!!", word: "Medium" },
  low: { mark: "●", strokes: "!", word: "Low" },
};

export function colourOf(name) {
  return COLOURS[name] ?? OTHER_COLOUR;
}

export function number(value, decimals = 1, sign = false) {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const rounded = Math.abs(value).toFixed(decimals);
  if (Number(rounded) === 0) return rounded;
  return (value < 0 ? "−" : sign ? "+" : "") + rounded;
}

// [before the point, point and rest]: the rest is shown smaller.
export function parts(value, decimals = 1, sign = false) {
  const text = number(value, decimals, sign);
  const at = text.indexOf(".");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at)];
}

const two = (n) => String(n).padStart(2, "0");

// Seconds since the start as h:mm:ss, with days in front from 24 h on.
export function clock(seconds, withSeconds = true) {
  if (seconds === null || seconds === undefined) return NONE;
  const s = Math.max(0, Math.floor(seconds));
  const days = Math.floor(s / 86400);
  const hours = Math.floor(s / 3600) % 24;
  const text = `${two(hours)}:${two(Math.floor(s / 60) % 60)}${withSeconds ? ":" + two(s % 60) : ""}`;
  return days ? `${days} d ${text}` : text;
}

// What is left of a few minutes, as m:ss.
export const countdown = (seconds) => `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;

// A duration in words: 40 s, 12 min, 3 h 05 min.
export function span(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${two(Math.floor(s / 60) % 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
}

export function utcTime(date) {
  return Number.isNaN(date.getTime()) ? NONE : date.toISOString().slice(11, 19);
}

export function utcText(text) {
  return text ? text.replace("T", " ").replace("Z", "") : NONE;
}

// What is measured there, beside the name of the limb.
export const WHAT = {
  pressure: "ICP",
  arterial: "pressure",
  impedance: "impedance",
  cuff: "pressure",
  temperature: "temperature",
  motion: "inclination",
  supply: "voltage",
};

const SIGNS = { ohm: "Ω", degC: "°C", deg: "°" };
export const unitOf = (unit) => SIGNS[unit] ?? unit;

// Write only what changed: nothing flickers, and a screen reader hears no repetition.
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}
