// What the pages do with a script: search, tabs, copying, filters, the theme. Without it everything can be read.
// Text is only ever set as text, never as markup: it comes out of skills.
const root = new URL(document.documentElement.dataset.root || "./", location.href);

const make = (tag, fields = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), fields);
  made.append(...children);
  return made;
};

const attribute = (element, fields) => {
  for (const [name, value] of Object.entries(fields)) element.setAttribute(name, value);
  return element;
};

// A browser may refuse storage; a choice then holds for one page.
const remember = {
  get(key) {
    try {
      return localStorage.getItem(`skillpress.${key}`);
    } catch {
      return null;
    }
  },
  set(key, value) {
    try {
      localStorage.setItem(`skillpress.${key}`, value);
    } catch {
      // Nothing is lost but the choice.
    }
  },
};

// --- theme ---------------------------------------------------------------------------------------------

const THEMES = ["auto", "light", "dark"];

const themes = (header) => {
  const button = make("button", { type: "button", className: "theme" });
  const show = (theme) => {
    document.documentElement.dataset.theme = theme;
    button.replaceChildren(make("span", { textContent: "Theme: " }), theme);
    button.setAttribute("aria-label", `Theme: ${theme}`);
  };
  const known = remember.get("theme");
  show(THEMES.includes(known) ? known : "auto");
  button.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
    remember.set("theme", next);
    show(next);
  });
  header.append(button);
};

// --- copying -------------------------------------------------------------------------------------------

const copying = (pre, status) => {
  const button = make("button", { type: "button", className: "copy", textContent: "Copy" });
  attribute(button, { "aria-label": "Copy to the clipboard" });
  button.addEventListener("click", async () => {
    const text = pre.textContent.replace(/\n$/, "");
    const done = await written(text, pre);
    button.textContent = done ? "Copied" : "Press Ctrl+C";
    status.textContent = done ? "Copied to the clipboard" : "Selected: press Ctrl+C to copy";
    setTimeout(() => {
      button.textContent = "Copy";
      status.textContent = "";
    }, 2000);
  });
  const box = make("div", { className: "copyable" });
  pre.replaceWith(box);
  box.append(pre, button);
};

// Without https there is no clipboard; the text is selected then, and the old command tried.
const written = async (text, pre) => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection().selectAllChildren(pre);
    return document.execCommand("copy");
  }
};

// --- tabs ----------------------------------------------------------------------------------------------

const tabs = (section, group) => {
  section.classList.add("ready");
  const panels = [...section.children].filter((child) => child.matches("section") && child.querySelector("h3"));
  if (panels.length < 2) return;
  const list = attribute(make("div", { className: "tabs" }), { role: "tablist" });
  attribute(list, { "aria-label": "Client" });
  const buttons = panels.map((panel, at) => {
    const heading = panel.querySelector("h3");
    const [tab, id] = [`tab-${group}-${at}`, panel.id || `panel-${group}-${at}`];
    const button = make("button", { type: "button", id: tab, textContent: heading.textContent.trim() });
    attribute(button, { role: "tab", "aria-controls": id });
    attribute(panel, { id, role: "tabpanel", "aria-labelledby": tab, tabindex: 0 });
    heading.hidden = true;
    list.append(button);
    return button;
  });
  const choose = (chosen) => {
    panels.forEach((panel, at) => {
      panel.hidden = at !== chosen;
      attribute(buttons[at], { "aria-selected": at === chosen, tabindex: at === chosen ? 0 : -1 });
    });
  };
  const pick = (at) => {
    choose(at);
    remember.set("client", buttons[at].textContent);
  };
  list.addEventListener("click", (event) => {
    const at = buttons.indexOf(event.target.closest("[role=tab]"));
    if (at >= 0) pick(at);
  });
  list.addEventListener("keydown", (event) => {
    const [at, count] = [buttons.indexOf(document.activeElement), buttons.length];
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: count - 1 }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    pick((to + count) % count);
    buttons[(to + count) % count].focus();
  });
  panels[0].before(list);
  choose(Math.max(0, buttons.findIndex((button) => button.textContent === remember.get("client"))));
};

// --- filters -------------------------------------------------------------------------------------------

const FIELDS = [
  ["type", "Type"],
  ["tags", "Tag"],
  ["collections", "Collection"],
  ["licence", "Licence"],
  ["state", "State"],
];

const SEVERAL = ["tags", "collections"];

const valuesOf = (item, field) => {
  const text = item.dataset[field] || "";
  return (SEVERAL.includes(field) ? text.split(", ") : [text]).filter(Boolean);
};

const filters = (list) => {
  const items = [...list.children];
  const asked = new URLSearchParams(location.search);
  const form = attribute(make("form", { className: "filters" }), { "aria-label": "Filter" });
  const selects = FIELDS.flatMap(([field, label]) => {
    const counts = new Map();
    for (const one of items.flatMap((item) => valuesOf(item, field))) counts.set(one, (counts.get(one) || 0) + 1);
    if (counts.size < 2) return [];
    const select = make("select", { name: field }, make("option", { value: "", textContent: "any" }));
    for (const one of [...counts.keys()].sort()) {
      select.append(make("option", { value: one, textContent: `${one} (${counts.get(one)})` }));
    }
    if (counts.has(asked.get(field))) select.value = asked.get(field);
    form.append(make("label", {}, `${label} `, select));
    return [select];
  });
  if (!selects.length) return;
  const status = attribute(make("p", { className: "count" }), { role: "status" });
  form.append(status);
  const apply = () => {
    const wanted = selects.filter((select) => select.value);
    let left = 0;
    for (const item of items) {
      item.hidden = !wanted.every((select) => valuesOf(item, select.name).includes(select.value));
      left += !item.hidden;
    }
    const place = document.querySelector(".pages") ? " on this page" : "";
    status.textContent = wanted.length ? `${left} of ${items.length}${place}` : "";
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", () => {
    apply();
    address(Object.fromEntries(selects.map((select) => [select.name, select.value])));
  });
  list.before(form);
  apply();
};

const address = (fields) => {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(fields)) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  history.replaceState(history.state, "", url);
};

// --- search: the index (registry_builder/emit/search_index.py) -----------------------------------------

const LONGEST = 32;
const SHARDS = 6;
const LISTED = 2000;
const WHOLE = "9";
const LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz";
const BASE_32 = "abcdefghijklmnopqrstuvwxyz234567";
const UNSPACED = /[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u{20000}-\u{3ffff}]+/gu;

const parts = new Map();
const load = (part) => {
  if (!parts.has(part)) {
    const answer = fetch(new URL(`search/${part}.json`, root)).then((got) => {
      if (!got.ok) throw new Error(`${got.status} for ${got.url}`);
      return got.json();
    });
    answer.catch(() => parts.delete(part));
    parts.set(part, answer);
  }
  return parts.get(part);
};

const pairs = (run) => {
  const letters = [...run];
  const found = letters.slice(0, Math.max(1, letters.length - 1)).map((letter, at) => letter + (letters[at + 1] || ""));
  return ` ${found.join(" ")} `;
};

const wordsOf = (text) => {
  const plain = text.normalize("NFKD").toLowerCase().replace(/[\u0300-\u036f]/g, "").normalize("NFC");
  const found = plain.replace(UNSPACED, pairs).match(/[\p{L}\p{N}]+/gu) || [];
  return found.map((word) => [...word].slice(0, LONGEST).join(""));
};

const placeOf = (word) =>
  [...word].map((letter) => (/[a-z0-9]/.test(letter) ? letter : LETTERS[letter.codePointAt(0) % 36])).join("");

const shardsFor = (word, index, open) => {
  const place = placeOf(word);
  const whole = place.padEnd(LONGEST, "_");
  const fitting = index.shards.filter((prefix) => (open ? place : whole).startsWith(prefix));
  const longest = fitting.reduce((best, prefix) => (prefix.length > best.length ? prefix : best), "");
  const below = open && place.length > 1 ? index.shards.filter((prefix) => prefix.startsWith(place)) : [];
  const exact = index.shards.filter((prefix) => whole.startsWith(prefix)).pop();
  return [...new Set([longest, exact, ...below])].slice(0, SHARDS);
};

// Changes of one letter, or two neighbours swapped, from `typed` to `word`, or to its beginning when `open`.
const distance = (typed, word, open, most) => {
  if (!open && Math.abs(typed.length - word.length) > most) return most + 1;
  const width = Math.min(word.length, typed.length + most);
  let [older, old] = [[], Array.from({ length: width + 1 }, (_, at) => at)];
  for (let row = 1; row <= typed.length; row += 1) {
    const now = [row];
    for (let at = 1; at <= width; at += 1) {
      const same = typed[row - 1] === word[at - 1];
      now[at] = Math.min(old[at] + 1, now[at - 1] + 1, old[at - 1] + (same ? 0 : 1));
      const swapped = row > 1 && at > 1 && typed[row - 1] === word[at - 2] && typed[row - 2] === word[at - 1];
      if (swapped) now[at] = Math.min(now[at], older[at - 2] + 1);
    }
    if (Math.min(...now) > most) return most + 1;
    [older, old] = [old, now];
  }
  return open ? Math.min(...old) : old[width] + (word.length - width);
};

const meant = (typed, shards, open) => {
  const found = [];
  for (const shard of shards) {
    for (const word of Object.keys(shard)) {
      if (word === typed) found.push([1, shard[word]]);
      else if (open && word.startsWith(typed)) found.push([0.5 + (0.4 * typed.length) / word.length, shard[word]]);
    }
  }
  const most = typed.length < 3 ? 0 : typed.length < 7 ? 1 : 2;
  if (found.length || !most) return found;
  for (const shard of shards) {
    for (const word of Object.keys(shard)) {
      const far = distance(typed, word, open, most);
      if (far <= most) found.push([0.4 / far, shard[word]]);
    }
  }
  return found;
};

// Id → weight, the best of all words that `typed` can mean.
const weigh = (found, documents) => {
  const weights = new Map();
  for (const [nearness, entry] of found) {
    const groups = entry.split(" ");
    const counted = groups.at(-1).startsWith("+") ? Number(groups.pop()) : 0;
    const listed = groups.reduce((sum, group) => sum + (group.length - 1) / 6, 0);
    const rarity = Math.log(1 + documents / (counted || listed));
    for (const group of groups) {
      const weight = nearness * rarity * Number(group[0]) * (group[0] === WHOLE ? 3 : 1);
      for (let at = 1; at < group.length; at += 6) {
        const id = group.slice(at, at + 6);
        if (weight > (weights.get(id) || 0)) weights.set(id, weight);
      }
    }
  }
  return weights;
};

// A first letter that is wrong leads to another shard, so it is looked for where nothing else was found.
const elsewhere = (word) =>
  word.length < 4 ? [] : [word[1] + word[0] + word.slice(2), word.slice(1), ...(word.length > 4 ? [word.slice(2)] : [])];

const shardsOf = (word, index, open) =>
  Promise.all(shardsFor(word, index, open).map((prefix) => load(`terms-${prefix}`)));

// The names that have `word`, or one that begins so when `open`, or else one that is nearly so.
const lookUp = async (word, index, open) => {
  for (const tried of [word, ...elsewhere(word)]) {
    const shards = await shardsOf(tried, index, open && tried === word);
    const weights = weigh(meant(word, shards, open), index.documents);
    if (weights.size) return weights;
  }
  return new Map();
};

// The name that is just these words comes first.
const named = async (typed, index) => {
  const name = typed.join("-");
  const shards = typed.length > 1 ? await shardsOf(name, index, false) : [];
  return weigh(shards.filter((shard) => Object.hasOwn(shard, name)).map((shard) => [1, shard[name]]), index.documents);
};

const find = async (query) => {
  const index = await load("index");
  const typed = [...new Set(wordsOf(query))];
  const last = /[\p{L}\p{N}]$/u.test(query.normalize("NFC")) ? typed.at(-1) : undefined;
  const asked = typed.filter((word) => !index.ignored.includes(word) || typed.length === 1);
  const each = await Promise.all(asked.map((word) => lookUp(word, index, word === last || word.length > 3)));
  const totals = new Map();
  for (const weights of each) {
    for (const [id, weight] of weights) {
      const [count, sum] = totals.get(id) || [0, 0];
      totals.set(id, [count + 1, sum + weight]);
    }
  }
  for (const [id, weight] of await named(typed, index)) if (totals.has(id)) totals.get(id)[1] += weight;
  const most = Math.max(0, ...[...totals.values()].map(([count]) => count));
  const best = [...totals].filter(([, [count]]) => count === most);
  best.sort(([one, [, more]], [other, [, less]]) => less - more || (one < other ? -1 : 1));
  return { ids: best.map(([id]) => id), whole: most === asked.length, asked };
};

const numberOf = (id) => [...id].reduce((sum, letter) => sum * 32 + BASE_32.indexOf(letter), 0);

const rowsOf = async (ids) => {
  const { chunks } = await load("index");
  const found = await Promise.all(ids.map(async (id) => (await load(`names-${numberOf(id) % chunks}`))[id] || []));
  return found.flat();
};

// --- search: the page ----------------------------------------------------------------------------------

const SHOWN = 10;

const option = ([name, type, state, title, description]) => {
  const url = new URL(`skills/${encodeURIComponent(name)}/index.html`, root);
  const heading = make("p", { className: "name" }, make("a", { href: url.href, textContent: name }));
  if (title) heading.append(" ", make("bdi", { className: "count", textContent: title }));
  if (state !== "active") heading.append(" ", make("span", { className: `badge ${state}`, textContent: state }));
  const about = attribute(make("p", { className: "about", textContent: description }), { dir: "auto" });
  return make("li", {}, heading, about, make("p", { className: "meta", textContent: type }));
};

const told = (count, whole, asked) => {
  if (!asked.length) return "";
  if (!count) return "Nothing found";
  const number = `${count.toLocaleString("en")}${count < LISTED ? "" : " or more"} found`;
  return whole ? number : `Nothing has all of these words; ${number} with some`;
};

const searching = (form, results) => {
  const input = form.elements.q;
  const status = attribute(make("p", { className: "count" }), { role: "status" });
  const list = make("ol");
  const more = make("button", { type: "button", textContent: "Show more", hidden: true });
  attribute(results, { role: "region", "aria-label": "Search results" }).append(status, list, more);
  attribute(input, { autocomplete: "off", "aria-keyshortcuts": "/" });
  let run = 0;
  let ready = Promise.resolve();
  let rest = [];

  const show = async (ids) => {
    rest = ids.slice(SHOWN);
    return (await rowsOf(ids.slice(0, SHOWN))).map(option);
  };
  const search = async (query) => {
    const mine = (run += 1);
    try {
      const { ids, whole, asked } = await find(query);
      if (mine !== run) return;
      const options = await show(ids);
      if (mine !== run) return;
      list.replaceChildren(...options);
      status.textContent = told(ids.length, whole, asked);
      results.hidden = !asked.length;
    } catch {
      if (mine !== run) return;
      list.replaceChildren();
      status.textContent = "The search index could not be read";
      results.hidden = false;
    }
    more.hidden = !rest.length;
  };
  const typed = () => {
    address({ q: input.value.trim() });
    ready = search(input.value);
  };
  const links = () => [...list.querySelectorAll("a")];
  const close = () => {
    results.hidden = true;
    input.focus();
  };

  input.addEventListener("focus", () => load("index").catch(() => undefined), { once: true });
  input.addEventListener("input", typed);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await ready;
    const [first] = links();
    if (first && !results.hidden) first.click();
  });
  more.addEventListener("click", async () => {
    const before = links().length;
    list.append(...(await show(rest)));
    more.hidden = !rest.length;
    links()[before]?.focus();
  });
  const step = (event) => {
    const all = [input, ...links()];
    const to = all.indexOf(document.activeElement) + { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (Number.isNaN(to) || results.hidden || !all.includes(document.activeElement)) return;
    event.preventDefault();
    all[Math.min(Math.max(to, 0), all.length - 1)].focus();
  };
  for (const place of [input, results]) {
    place.addEventListener("keydown", (event) => {
      const dialog = form.closest("dialog");
      if (event.key !== "Escape" || (results.hidden && !dialog)) return void step(event);
      event.preventDefault();
      if (dialog) dialog.close();
      else close();
    });
  }
  const asked = new URLSearchParams(location.search).get("q");
  if (asked) {
    input.value = asked;
    ready = search(asked);
  }
  return input;
};

// Pages without a search box of their own get one that `/` opens.
const boxed = (header) => {
  const input = make("input", { type: "search", name: "q", spellcheck: false });
  const form = attribute(make("form", { className: "search" }, input), { role: "search" });
  const results = make("div", { className: "results", hidden: true });
  attribute(input, { "aria-label": "Search all assets" });
  const dialog = attribute(make("dialog", { className: "finder" }, form, results), { "aria-label": "Search" });
  const button = make("button", { type: "button", textContent: "Search" });
  const open = () => {
    if (!dialog.open) dialog.showModal();
  };
  button.addEventListener("click", open);
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  header.append(button);
  document.body.append(dialog);
  dialog.addEventListener("close", () => address({ q: "" }));
  searching(form, results);
  if (input.value) open();
  return { input, open };
};

const shortcut = (input, open) => {
  document.addEventListener("keydown", (event) => {
    const writing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || writing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    open();
    input.focus();
    input.select();
  });
};

// --- the page ------------------------------------------------------------------------------------------

const tools = document.querySelector("header nav") || document.querySelector("header");
const form = document.querySelector("form[data-search]");
const commands = document.querySelectorAll("pre[data-copy]");

// Pages that stand in for any key name their root in full, which may be another host than this one.
if (root.origin === location.origin) {
  if (form) shortcut(searching(form, document.querySelector("[data-results]")), () => undefined);
  else if (tools) {
    const { input, open } = boxed(tools);
    shortcut(input, open);
  }
}
if (tools) themes(tools);
if (commands.length) {
  const status = attribute(make("p", { className: "unseen" }), { role: "status" });
  document.body.append(status);
  for (const pre of commands) copying(pre, status);
}
document.querySelectorAll("[data-tabs]").forEach(tabs);
document.querySelectorAll("ul[data-filter]").forEach(filters);
