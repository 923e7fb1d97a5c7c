// Notes: what was measured, given or done, and what is said of a channel, by the forms that the server has.

import { WHAT, make, put } from "./format.js";

const AGAIN_MS = 2000;

export class Notes {
  // `act(path, body)` asks the board and gives its answer, or throws an Error that says why not.
  constructor(act) {
    this.act = act;
    this.form = document.getElementById("note-form");
    this.kind = document.getElementById("note-kind");
    this.limb = document.getElementById("note-limb");
    this.text = document.getElementById("note-text");
    this.fields = document.getElementById("note-fields");
    this.answer = document.getElementById("note-answer");
    this.controls = [];
    this.forms = new Map();
    this.channels = [];
    this.shown = "";
    this.kind.addEventListener("change", () => this.show());
    this.form.addEventListener("input", () => this.say(""));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.load();
  }

  async load() {
    let groups;
    try {
      groups = await (await fetch("/forms")).json();
    } catch {
      setTimeout(() => this.load(), AGAIN_MS);
      return;
    }
    for (const { title, forms } of groups) {
      const group = make("optgroup");
      group.label = title;
      for (const form of forms) {
        this.forms.set(form.name, form);
        group.append(option(form.name, form.text));
      }
      this.kind.append(group);
    }
    this.show();
  }

  get chosen() {
    return this.forms.get(this.kind.value);
  }

  // Other channels are there, or others than before.
  update(state) {
    const channels = state.channels.map(({ name, label, kind }) => ({ name, label, kind }));
    const shown = JSON.stringify(channels);
    if (shown === this.shown) return;
    this.shown = shown;
    this.channels = channels;
    this.showLimbs();
  }

  show() {
    if (!this.chosen) return;
    const { fields, has_text } = this.chosen;
    this.say("");
    this.controls = fields.map(makeControl);
    this.fields.replaceChildren(...this.controls.map((control, place) => makeField(fields[place], control)));
    this.text.disabled = !has_text;
    this.text.value = this.limb.value = "";
    this.showLimbs();
  }

  showLimbs() {
    const form = this.chosen;
    if (!form) return;
    let limbs = this.channels.filter(({ name }) => form.channels.includes(name));
    if (form.of_limb) limbs = limbs.filter(({ label }, place) => limbs.findIndex((one) => one.label === label) === place);
    const isOne = ({ label }) => limbs.filter((one) => one.label === label).length === 1;
    const kept = this.limb.value;
    this.limb.replaceChildren(
      // Which one is never taken for granted.
      option("", form.of_patient ? "Patient" : "Which?"),
      ...limbs.map((one) => option(one.name, isOne(one) ? one.label : `${one.label} ${WHAT[one.kind]}`)),
    );
    this.limb.value = limbs.some(({ name }) => name === kept) ? kept : "";
    this.limb.hidden = form.channels.length === 0;
  }

  // Bring a form up for a channel.
  open(name, channel) {
    this.kind.value = name;
    this.show();
    this.limb.value = channel;
    (this.controls[0] ?? this.text).focus();
  }

  // `wrong` is what the text finds fault with.
  say(text, wrong = null) {
    put(this.answer, text);
    this.answer.classList.toggle("wrong", wrong !== null);
    for (const control of [this.limb, this.text, ...this.controls]) control.ariaInvalid = control === wrong ? "true" : null;
  }

  // What has to be chosen and is not; what is typed is the server's to judge.
  missing() {
    if (!this.chosen.of_patient && this.limb.value === "") return [this.limb, "which limb"];
    const place = this.chosen.fields.findIndex((field, at) => field.choices && this.controls[at].value === "");
    return place < 0 ? null : [this.controls[place], this.chosen.fields[place].label.toLowerCase()];
  }

  async submit() {
    if (!this.chosen || this.form.ariaBusy === "true") return;
    const missing = this.missing();
    if (missing) {
      this.say(`Choose ${missing[1]}, then Enter.`, missing[0]);
      missing[0].focus();
      return;
    }
    const controls = this.controls;
    const values = controls.map((control) => control.value.trim()).filter(Boolean);
    this.form.ariaBusy = "true";
    const done = await this.enter(this.chosen.name, values, this.text.value.trim(), this.limb.value || null);
    this.form.ariaBusy = null;
    // Meanwhile another form may have come up.
    if (this.controls !== controls) return;
    if (!done) {
      (controls[0] ?? this.text).ariaInvalid = "true";
      return;
    }
    for (const control of [this.text, this.limb, ...controls]) control.value = "";
  }

  // Have it entered, and say what came of it; true when it was taken.
  async enter(form, values, text, channel) {
    const of = this.channels.find(({ name }) => name === channel);
    try {
      const done = await this.act("/note", { form, values, text, channel });
      this.say(of ? `${of.label}: ${done.replace("noted: ", "")}` : done);
      return true;
    } catch (error) {
      this.say(error.message, this.answer);
      return false;
    }
  }
}

function option(value, text) {
  const element = make("option", "", text);
  element.value = value;
  return element;
}

function makeControl(field, place) {
  const control = make(field.choices ? "select" : "input");
  control.id = `note-field-${place}`;
  if (field.choices) {
    control.append(option("", "–"), ...field.choices.map((choice) => option(choice, choice.replaceAll("_", " "))));
  } else {
    control.type = "text";
    control.inputMode = "decimal";
    control.autocomplete = "off";
  }
  return control;
}

// A control under its label; of a number, with its range and unit.
function makeField(field, control) {
  const element = make("div", "field");
  const range = field.choices ? "" : `, ${field.least} to ${field.most}${field.needed ? "" : ", or nothing"}`;
  const label = make("label", "", field.label + range);
  label.htmlFor = control.id;
  element.append(label, control);
  if (field.unit) element.append(make("span", "unit", field.unit));
  return element;
}
