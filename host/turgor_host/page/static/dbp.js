// The diastolic pressure: what is in force, how old it is, and the field to enter a new one.

import { number, put, span } from "./format.js";

const DUE_S = 900;

export class DbpForm {
  constructor(act) {
    this.act = act;
    this.form = document.getElementById("dbp-form");
    this.input = document.getElementById("dbp-input");
    this.value = document.getElementById("dbp-value");
    this.age = document.getElementById("dbp-age");
    this.answer = document.getElementById("dbp-answer");
    this.highest = null;
    this.confirmed = null;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.enter();
    });
    this.input.addEventListener("input", () => {
      this.confirmed = null;
      this.say("");
    });
  }

  update(state) {
    const { value, age_s, valid, source } = state.dbp;
    put(this.value, number(value, value % 1 ? 1 : 0));
    this.age.classList.toggle("beyond", value !== null && age_s > DUE_S);
    this.value.classList.toggle("old", !valid);
    if (value === null) put(this.age, "never entered: no dP");
    else if (source === "arterial line") put(this.age, age_s ? `arterial line, ${span(age_s)} ago` : "arterial line, now");
    else if (!valid) put(this.age, `${span(age_s)} old: dP is withdrawn, enter a new one`);
    else if (age_s > DUE_S) put(this.age, `${span(age_s)} old: measure again`);
    else put(this.age, `entered ${span(age_s)} ago`);
    const pressures = state.channels.filter((c) => c.kind === "pressure" && c.median !== null);
    this.highest = pressures.reduce((best, c) => (best && best.median >= c.median ? best : c), null);
  }

  say(text, wrong = false) {
    put(this.answer, text);
    this.answer.classList.toggle("wrong", wrong);
    this.input.ariaInvalid = wrong ? "true" : null;
  }

  async enter() {
    const text = this.input.value.trim();
    if (text === "") {
      this.say("Type a number of mmHg, then Enter.", true);
      return;
    }
    const mmhg = Number(text);
    // A DBP below a compartment's pressure is the worst there is, or a slip of the finger.
    if (this.highest && mmhg < this.highest.median && this.confirmed !== mmhg && mmhg >= 10) {
      this.confirmed = mmhg;
      this.say(`${text} is below ICP ${number(this.highest.median, 0)} of ${this.highest.label}. Enter again to confirm.`, true);
      return;
    }
    this.confirmed = null;
    this.form.ariaBusy = "true";
    try {
      this.say(await this.act("/dbp", { mmhg }));
      this.input.value = "";
    } catch (error) {
      this.say(error.message, true);
    } finally {
      this.form.ariaBusy = null;
    }
  }
}
