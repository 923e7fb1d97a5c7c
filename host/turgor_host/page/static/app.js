// The page: follows the server's states, shows them, and never lets an old number look like a new one.

import { Alarms, Events } from "./alarms.js";
import { clock, number, put, span, utcText, utcTime } from "./format.js";
import { LimbChecks } from "./checks.js";
import { DbpForm } from "./dbp.js";
import { Notes } from "./notes.js";
import { Tiles } from "./tiles.js";
import { Trends } from "./trends.js";

// Older than this is old: the board speaks every second.
const OLD_S = 4;
const RECONNECT_MS = 1000;
const ANSWER_MS = 10000;

const find = (id) => document.getElementById(id);

async function act(path, body) {
  let response, answer;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    answer = await response.json();
  } catch {
    throw new Error("Turgor did not answer; look whether it still runs, then try again");
  }
  if (!response.ok) throw new Error(answer.error ?? `refused (${response.status})`);
  return answer.done;
}

function announce(text) {
  const line = find("announce");
  // Several new alarms of one state are read out together.
  line.textContent = line.dataset.fresh ? `${line.textContent} ${text}` : text;
  line.dataset.fresh = "yes";
  queueMicrotask(() => delete line.dataset.fresh);
}

const notes = new Notes(act);
const checks = new LimbChecks(notes);
const tiles = new Tiles(find("tiles"), (channel) => notes.open("state", channel));
const alarms = new Alarms(act, announce);
const events = new Events(find("event-list"));
const trends = new Trends();
const dbp = new DbpForm(act);

// The last state that was shown whole, and when, by two clocks: one may stand still while the machine sleeps.
let shown = null;
let shownAt = 0;
let shownDate = 0;
let open = false;

function show(state) {
  find("simulated").hidden = !state.simulated;
  if (state.simulated) {
    const speed = state.speed ? `${number(state.speed, 0)}× speed` : "as fast as possible";
    const machine = [state.machine || "virtual board", state.runtime && `on ${state.runtime}`];
    put(find("simulated-how"), `${speed} · ${machine.filter(Boolean).join(" ")}`);
  }
  put(find("board-time"), clock(state.t_s));
  put(find("utc-name"), state.simulated ? "UTC (simulated)" : "UTC");
  put(find("utc"), utcText(state.utc));
  put(find("file"), state.file.split(/[\\/]/).pop());
  find("file").title = state.file;
  put(find("lost"), state.lost ? `${state.lost} records` : "nothing");
  find("lost").classList.toggle("beyond", state.lost > 0);
  put(find("firmware"), state.firmware ? `Firmware ${state.firmware} on ${state.machine}, ${state.runtime}` : "");
  document.title = state.alarms.length ? `(${state.alarms.length}) Turgor` : "Turgor";
  tiles.update(state);
  alarms.update(state);
  events.update(state);
  dbp.update(state);
  notes.update(state);
  checks.update(state.limb_checks);
  showCourse(state);
  trends.update(state);
}

// Where fluid goes, why that is said, and for how long it has been so.
function showCourse({ course, t_s }) {
  const known = course.since_s !== null;
  put(find("course-text"), known ? `Course: ${course.text}` : "");
  put(find("course-why"), known ? `${course.evidence.join(" · ")} · for ${span(t_s - course.since_s)}` : "");
}

function age() {
  const here = Math.max((performance.now() - shownAt) / 1000, Math.abs(Date.now() - shownDate) / 1000);
  return here + (shown.heard_s ?? 0);
}

function judgeAge() {
  let title = "";
  let why = "";
  if (!shown || shown.connection === "waiting" || shown.t_s === null) {
    title = open ? "Waiting for the board" : "No connection to Turgor";
    why = open ? "no readings yet" : "the program that serves this page does not answer";
  } else {
    const old = age();
    const since = utcTime(new Date(Date.now() - old * 1000));
    if (!open) {
      title = "Connection to Turgor lost";
      why = `These numbers are old. No data since ${since} UTC (${span(old)}).`;
    } else if (shown.connection === "full") {
      title = "Disk full: nothing is recorded";
      why = `These numbers are old. Make room; recording goes on by itself. No data since ${since} UTC (${span(old)}).`;
    } else if (old > OLD_S || shown.connection === "lost") {
      title = "No data from the board";
      why = `These numbers are old. No data since ${since} UTC (${span(old)}).`;
    }
  }
  document.body.classList.toggle("stale", title !== "");
  document.body.classList.toggle("empty", !shown || shown.t_s === null);
  put(find("link-mark"), title ? "✕" : "●");
  put(find("link-text"), title || "Live");
  put(find("old-title"), title);
  put(find("old-why"), why);
}

function connect() {
  const socket = new WebSocket(`ws://${location.host}/live`);
  socket.onmessage = (message) => {
    const state = JSON.parse(message.data);
    open = true;
    // A state that cannot be shown whole ends here: the numbers stay as old as they are.
    show(state);
    shown = state;
    shownAt = performance.now();
    shownDate = Date.now();
    judgeAge();
  };
  socket.onclose = () => {
    open = false;
    judgeAge();
    setTimeout(connect, RECONNECT_MS);
  };
}

setInterval(judgeAge, 500);
judgeAge();
connect();
