#!/usr/bin/env node
// Infer a JSON Schema (draft 2020-12) from samples. Exit 0, or 2 when the input cannot be read.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

const USAGE = `usage: node infer_schema.mjs [--lines] [--items] [--enum N] [--closed] [--title TEXT] FILE…

Prints one JSON Schema that every sample satisfies. Each FILE is one sample; - is standard input.
  --lines    each line of a file is a sample (JSON Lines)
  --items    each element of a file's array is a sample
  --enum N   a string with at most N distinct values in at least 3 N places is an enum (default 0: never)
  --closed   refuse properties that no sample has (additionalProperties: false)
  --title    title of the schema
`;

const FORMATS = [
  ["uuid", /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i],
  ["date-time", /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/],
  ["date", /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/],
  ["email", /^[^\s@"<>]+@[a-z0-9-]+(\.[a-z0-9-]+)+$/i],
  ["uri", /^[a-z][a-z0-9+.-]*:\/\/[^\s"<>]+$/i],
];

/** Ends the program with a message that says what is wrong. */
function fail(message) {
  process.stderr.write(`infer_schema: ${message}\n`);
  process.exit(2);
}

/** An empty summary of the values seen at one place. */
function newShape() {
  return { types: new Map(), formats: null, strings: new Map(), properties: new Map(), objects: 0, items: null, lengths: null };
}

/** Adds one value, and all below it, to a summary. */
function observe(shape, value) {
  const type = typeOf(value);
  shape.types.set(type, (shape.types.get(type) ?? 0) + 1);
  if (type === "string") {
    const fitting = FORMATS.filter(([, pattern]) => pattern.test(value)).map(([name]) => name);
    shape.formats = shape.formats === null ? fitting : shape.formats.filter((name) => fitting.includes(name));
    shape.strings.set(value, (shape.strings.get(value) ?? 0) + 1);
  } else if (type === "array") {
    shape.items ??= newShape();
    value.forEach((item) => observe(shape.items, item));
  } else if (type === "object") {
    shape.objects += 1;
    for (const [key, inner] of Object.entries(value)) {
      if (!shape.properties.has(key)) shape.properties.set(key, { seen: 0, shape: newShape() });
      const property = shape.properties.get(key);
      property.seen += 1;
      observe(property.shape, inner);
    }
  }
}

function typeOf(value) {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return Number.isInteger(value) ? "integer" : typeof value;
}

/** The schema of one summary. */
function schemaOf(shape, options) {
  const types = new Set(shape.types.keys());
  if (types.has("number")) types.delete("integer");
  const order = ["object", "array", "string", "number", "integer", "boolean", "null"].filter((type) => types.has(type));
  const schema = order.length === 0 ? {} : { type: order.length === 1 ? order[0] : order };
  if (types.has("string")) {
    const count = [...shape.strings.values()].reduce((sum, n) => sum + n, 0);
    if (shape.strings.size <= options.enum && count >= 3 * options.enum && order.length === 1) {
      schema.enum = [...shape.strings.keys()].sort();
    } else if (shape.formats.length > 0) {
      schema.format = shape.formats[0];
    }
  }
  if (types.has("object")) {
    const names = [...shape.properties.keys()];
    // fromEntries defines own properties, so that a key called __proto__ stays a key.
    schema.properties = Object.fromEntries(names.map((name) => [name, schemaOf(shape.properties.get(name).shape, options)]));
    const required = names.filter((name) => shape.properties.get(name).seen === shape.objects);
    if (required.length > 0) schema.required = required;
    if (options.closed) schema.additionalProperties = false;
  }
  if (types.has("array") && shape.items.types.size > 0) schema.items = schemaOf(shape.items, options);
  return schema;
}

/** The samples in one file, or the end of the program. */
function samplesOf(file, options) {
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(file === "-" ? 0 : file));
  } catch (error) {
    fail(`${file}: ${error.code === "ENOENT" ? "no such file" : error.code === "ERR_ENCODING_INVALID_ENCODED_DATA" ? "not UTF-8" : error.message}`);
  }
  const rows = options.lines ? text.split("\n").map((line, index) => [`${file}:${index + 1}`, line]) : [[file, text]];
  const samples = rows.filter(([, row]) => !options.lines || row.trim() !== "").map(([place, row]) => {
    try {
      return JSON.parse(row);
    } catch (error) {
      return fail(`${place}: not JSON: ${error.message}`);
    }
  });
  if (!options.items) return samples;
  return samples.flatMap((sample) => (Array.isArray(sample) ? sample : fail(`${file}: --items needs an array, this is ${typeOf(sample)}`)));
}

process.on("uncaughtException", (error) => {
  if (error.code === "EPIPE") process.exit(0);
  fail(error instanceof RangeError ? "nested too deeply" : error.message);
});

let parsed;
try {
  parsed = parseArgs({
    allowPositionals: true,
    options: {
      lines: { type: "boolean", default: false },
      items: { type: "boolean", default: false },
      enum: { type: "string", default: "0" },
      closed: { type: "boolean", default: false },
      title: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
} catch (error) {
  fail(error.message);
}
const { values, positionals } = parsed;
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
if (!/^\d+$/.test(values.enum)) fail(`--enum takes a whole number, not ${values.enum}`);
if (positionals.length === 0) fail("name at least one file; see --help");
const options = { ...values, enum: Number(values.enum) };
const root = newShape();
let count = 0;
for (const file of positionals) {
  for (const sample of samplesOf(file, options)) {
    observe(root, sample);
    count += 1;
  }
}
if (count === 0) fail("there is no sample in the input");
const schema = { $schema: "https://json-schema.org/draft/2020-12/schema", ...(values.title ? { title: values.title } : {}), ...schemaOf(root, options) };
process.stdout.write(`${JSON.stringify(schema, null, 2)}\n`);
process.stderr.write(`infer_schema: from ${count} samples\n`);
