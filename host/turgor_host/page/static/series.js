// The buckets of a stretch of time, fetched from the server and kept up to date at their live end.

const COLUMNS = ["min", "max", "mean"];

export class Series {
  constructor() {
    this.clear();
  }

  clear() {
    this.step_s = 0;
    this.t = [];
    this.dbp = [];
    // Name -> {min, max, mean}: mmHg, and per cent of the baseline.
    this.channels = {};
    this.change = {};
    this.generation = (this.generation ?? 0) + 1;
  }

  get end() {
    return this.t.length ? this.t[this.t.length - 1] : null;
  }

  // Everything from `from` to `to` anew, in about `points` buckets. False when a newer question overtook this one.
  async load(from, to, points) {
    const generation = ++this.generation;
    const found = await ask(from, to, points);
    if (generation !== this.generation) return false;
    Object.assign(this, found);
    return true;
  }

  // The buckets from the last one on, which is asked for again because it was not full.
  async extend(to) {
    const { step_s, end, generation } = this;
    const count = Math.max(1, Math.ceil((to - end) / step_s));
    const found = await ask(end, end + count * step_s, count);
    if (generation !== this.generation || found.step_s !== step_s || !found.t.length) return false;
    this.cut(0, this.t.length - 1);
    // A stretch in which there was no board stays empty.
    if (this.t.length && found.t[0] > this.end + step_s) this.append(empty(this.end + step_s));
    this.append(found);
    return true;
  }

  trim(from) {
    let start = 0;
    while (start < this.t.length && this.t[start] < from - this.step_s) start++;
    // Now and then, not at every point.
    if (start > 60) this.cut(start, this.t.length);
  }

  cut(start, end) {
    this.t = this.t.slice(start, end);
    this.dbp = this.dbp.slice(start, end);
    for (const group of [this.channels, this.change]) {
      for (const part of Object.values(group)) for (const c of COLUMNS) part[c] = part[c].slice(start, end);
    }
  }

  append(found) {
    const before = this.t.length;
    this.t.push(...found.t);
    join(this, "dbp", found.dbp, before, found.t.length);
    for (const name of ["channels", "change"]) {
      const group = this[name];
      for (const key of new Set([...Object.keys(group), ...Object.keys(found[name])])) {
        group[key] ??= { min: [], max: [], mean: [] };
        for (const c of COLUMNS) join(group[key], c, found[name][key]?.[c] ?? [], before, found.t.length);
      }
    }
  }
}

// Append to a column that may be missing on either side.
function join(owner, key, values, before, count) {
  const column = owner[key];
  while (column.length < before) column.push(null);
  for (let i = 0; i < count; i++) column.push(values[i] ?? null);
}

const empty = (t) => ({ t: [t], dbp: [null], channels: {}, change: {} });

async function ask(from, to, points) {
  const response = await fetch(`/history?from=${from}&to=${to}&points=${points}`);
  if (!response.ok) throw new Error((await response.json()).error);
  return response.json();
}
