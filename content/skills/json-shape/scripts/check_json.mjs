#!/usr/bin/env node
// Check JSON documents against a JSON Schema. Exit 0 when all are valid, 1 when some are not, 2 on unreadable input.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

const USAGE = `usage: node check_json.mjs [--lines] SCHEMA FILE…

Checks each FILE (- is standard input) against SCHEMA and prints one problem a line, with its JSON Pointer.
  --lines   each line of a file is a document (JSON Lines)

It knows the keywords type, enum, const, properties, required, additionalProperties, items, minItems, maxItems,
minLength, maxLength, pattern, minimum, maximum, format (as a check), anyOf, allOf, not, $ref to #/$defs/…, and
refuses a schema with any other keyword that would restrict something.
`;

const FORMATS = {
  uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i,
  "date-time": /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i,
  date: /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/,
  email: /^[^\s@"<>]+@[a-z0-9-]+(\.[a-z0-9-]+)*$/i,
  uri: /^[a-z][a-z0-9+.-]*:[^\s"<>]+$/i,
};
const REMARKS = new Set(["$schema", "$id", "$comment", "$defs", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"]);
const CHECKED = new Set(["type", "enum", "const", "properties", "required", "additionalProperties", "items", "minItems", "maxItems",
  "minLength", "maxLength", "pattern", "minimum", "maximum", "format", "anyOf", "allOf", "not", "$ref"]);

function fail(message) {
  process.stderr.write(`check_json: ${message}\n`);
  process.exit(2);
}

function typeOf(value) {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function hasType(value, type) {
  return type === "integer" ? Number.isInteger(value) : typeOf(value) === type;
}

/** A text that is equal for equal JSON values, whatever the order of their keys. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join()}}`;
}

/** Every schema inside `schema`, itself first, with its place; ends the program at one that is not understood. */
function inspect(schema, place, root) {
  if (typeof schema === "boolean") return;
  if (typeOf(schema) !== "object") fail(`schema ${place}: a schema is an object or a boolean`);
  for (const [keyword, value] of Object.entries(schema)) {
    if (!REMARKS.has(keyword) && !CHECKED.has(keyword)) fail(`schema ${place}: the keyword ${keyword} is not supported`);
    if (keyword === "format" && !Object.hasOwn(FORMATS, value)) fail(`schema ${place}: the format ${value} is not supported`);
    if (keyword === "pattern") compile(value, place);
    if (keyword === "$ref") resolve(value, place, root);
    const below = `${place}/${keyword}`;
    if (keyword === "properties" || keyword === "$defs") Object.entries(value).forEach(([name, inner]) => inspect(inner, `${below}/${name}`, root));
    if (keyword === "anyOf" || keyword === "allOf") value.forEach((inner, index) => inspect(inner, `${below}/${index}`, root));
    if (["items", "additionalProperties", "not"].includes(keyword)) inspect(value, below, root);
  }
}

function compile(pattern, place) {
  try {
    return new RegExp(pattern, "u");
  } catch {
    return fail(`schema ${place}: the pattern ${pattern} is no regular expression`);
  }
}

function resolve(reference, place, root) {
  const name = /^#\/\$defs\/([^/]+)$/.exec(reference)?.[1]?.replaceAll("~1", "/").replaceAll("~0", "~");
  if (name === undefined || !Object.hasOwn(root.$defs ?? {}, name)) fail(`schema ${place}: $ref ${reference} leads nowhere (only #/$defs/NAME is supported)`);
  return root.$defs[name];
}

const escaped = (key) => String(key).replaceAll("~", "~0").replaceAll("/", "~1");

/** The problems of `value`, as [pointer, text] pairs. */
function problems(value, schema, pointer, root) {
  if (schema === true) return [];
  if (schema === false) return [[pointer, "is not allowed"]];
  const found = [];
  const say = (text) => found.push([pointer, text]);
  const types = [schema.type ?? []].flat();
  if (types.length > 0 && !types.some((type) => hasType(value, type))) return [[pointer, `is ${typeOf(value)}, not ${types.join(" or ")}`]];
  if (schema.enum && !schema.enum.some((item) => canonical(item) === canonical(value))) say(`${JSON.stringify(value)} is none of ${schema.enum.map((item) => JSON.stringify(item)).join(", ")}`);
  if (Object.hasOwn(schema, "const") && canonical(schema.const) !== canonical(value)) say(`is not ${JSON.stringify(schema.const)}`);
  if (typeof value === "string") {
    const length = [...value].length;
    if (length < schema.minLength) say(`has ${length} characters, at least ${schema.minLength} are needed`);
    if (length > schema.maxLength) say(`has ${length} characters, at most ${schema.maxLength} are allowed`);
    if (schema.pattern !== undefined && !compile(schema.pattern, pointer).test(value)) say(`does not match ${schema.pattern}`);
    if (schema.format !== undefined && !FORMATS[schema.format].test(value)) say(`is no ${schema.format}`);
  }
  if (typeof value === "number") {
    if (value < schema.minimum) say(`${value} is below ${schema.minimum}`);
    if (value > schema.maximum) say(`${value} is above ${schema.maximum}`);
  }
  if (Array.isArray(value)) {
    if (value.length < schema.minItems) say(`has ${value.length} items, at least ${schema.minItems} are needed`);
    if (value.length > schema.maxItems) say(`has ${value.length} items, at most ${schema.maxItems} are allowed`);
    if (schema.items !== undefined) value.forEach((item, index) => found.push(...problems(item, schema.items, `${pointer}/${index}`, root)));
  }
  if (typeOf(value) === "object") found.push(...objectProblems(value, schema, pointer, root));
  for (const inner of schema.allOf ?? []) found.push(...problems(value, inner, pointer, root));
  if (schema.anyOf && !schema.anyOf.some((inner) => problems(value, inner, pointer, root).length === 0)) say("fits none of anyOf");
  if (schema.not !== undefined && problems(value, schema.not, pointer, root).length === 0) say("is what not forbids");
  if (schema.$ref !== undefined) found.push(...problems(value, resolve(schema.$ref, pointer, root), pointer, root));
  return found;
}

function objectProblems(value, schema, pointer, root) {
  const found = [];
  for (const name of schema.required ?? []) {
    if (!Object.hasOwn(value, name)) found.push([pointer, `lacks ${name}`]);
  }
  for (const [name, inner] of Object.entries(value)) {
    const below = `${pointer}/${escaped(name)}`;
    if (Object.hasOwn(schema.properties ?? {}, name)) found.push(...problems(inner, schema.properties[name], below, root));
    else if (schema.additionalProperties !== undefined) found.push(...problems(inner, schema.additionalProperties, below, root));
  }
  return found;
}

function read(file) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(file === "-" ? 0 : file));
  } catch (error) {
    return fail(`${file}: ${error.code === "ENOENT" ? "no such file" : error.code === "ERR_ENCODING_INVALID_ENCODED_DATA" ? "not UTF-8" : error.message}`);
  }
}

function parse(text, place) {
  try {
    return JSON.parse(text);
  } catch (error) {
    return fail(`${place}: not JSON: ${error.message}`);
  }
}

process.on("uncaughtException", (error) => {
  if (error.code === "EPIPE") process.exit(0);
  fail(error instanceof RangeError ? "nested too deeply, or a $ref that leads to itself" : error.message);
});

let parsed;
try {
  parsed = parseArgs({ allowPositionals: true, options: { lines: { type: "boolean", default: false }, help: { type: "boolean", short: "h", default: false } } });
} catch (error) {
  fail(error.message);
}
if (parsed.values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const [schemaFile, ...files] = parsed.positionals;
if (files.length === 0) fail("name a schema and at least one file; see --help");
const schema = parse(read(schemaFile), schemaFile);
inspect(schema, "#", schema);
let documents = 0;
let invalid = 0;
for (const file of files) {
  const text = read(file);
  const rows = parsed.values.lines ? text.split("\n").map((line, index) => [`${file}:${index + 1}`, line]).filter(([, line]) => line.trim() !== "") : [[file, text]];
  for (const [place, row] of rows) {
    const found = problems(parse(row, place), schema, "", schema);
    documents += 1;
    if (found.length > 0) invalid += 1;
    for (const [pointer, problem] of found) process.stdout.write(`${place}: ${pointer || "(root)"}: ${problem}\n`);
  }
}
process.stdout.write(`documents: ${documents}, invalid: ${invalid}\n`);
process.exitCode = invalid > 0 ? 1 : 0;
