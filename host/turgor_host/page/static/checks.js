// Limb checks: when each limb was last looked at, and the entry of one that found nothing, with one press.

import { make, put, span } from "./format.js";

export class LimbChecks {
  // `notes.enter` enters, and says what came of it.
  constructor(notes) {
    this.notes = notes;
    this.group = document.getElementById("limb-checks");
    this.text = document.getElementById("limb-checks-due");
    this.list = document.getElementById("limb-buttons");
    this.buttons = new Map();
  }

  update({ limbs }) {
    const due = limbs.filter((limb) => limb.due);
    this.group.hidden = limbs.length === 0;
    this.group.classList.toggle("due", due.length > 0);
    put(this.text, due.length ? "Limb check due" : "Limb checks");
    for (const limb of limbs) {
      const { button, age } = this.buttons.get(limb.channel) ?? this.makeButton(limb);
      put(age, limb.age_s === null ? "never checked" : limb.age_s < 60 ? "checked now" : `${span(limb.age_s)} ago`);
      button.classList.toggle("due", limb.due);
    }
  }

  makeButton({ channel, label }) {
    const button = make("button");
    button.type = "button";
    const age = make("small");
    button.append(make("span", "", label), age);
    button.title = "Enter a limb check: no pain on stretch; sensation, movement and pulse normal. Other findings go into the notes.";
    button.addEventListener("click", () => this.enter(button, channel));
    this.list.append(button);
    const made = { button, age };
    this.buttons.set(channel, made);
    return made;
  }

  async enter(button, channel) {
    const form = this.notes.forms.get("limb_check");
    if (!form || button.ariaBusy === "true") return;
    button.ariaBusy = "true";
    await this.notes.enter(form.name, form.normal, "", channel);
    button.ariaBusy = null;
  }
}
