// What the checks in Node.js share: seeds, files, and the way to Lua and back.
'use strict';
const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');

const folder = process.env.FOLDER;
const seed = Number(process.env.IDINIT_SEED) || 1 + Math.floor(Math.random() * 2 ** 30);
console.log(`IDINIT_SEED=${seed}`);

// Whole numbers from `low` to `high`, the same for the same seed.
let state = seed % 2147483646 + 1;
function draw(low, high) {
  state = state * 16807 % 2147483647;
  return low + Math.floor(state / 2147483647 * (high - low + 1));
}
const pick = (list) => list[draw(0, list.length - 1)];
const normal = (count) => Float32Array.from({ length: count }, () => draw(-2000000, 2000000) / 1e6);
const product = (list) => list.reduce((a, b) => a * b, 1);

// A value as Lua source.
function lua(value) {
  if (Array.isArray(value)) return `{${value.map(lua).join(', ')}}`;
  if (value !== null && typeof value === 'object') {
    return `{${Object.entries(value).map(([k, v]) => `[${lua(k)}] = ${lua(v)}`).join(', ')}}`;
  }
  return JSON.stringify(value);
}

// Runs a Lua script of the folder of hosts with `folder` and more arguments.
function run(script, ...args) {
  execFileSync('luajit', [path.join(__dirname, '..', script), folder, ...args],
    { stdio: ['ignore', 'inherit', 'inherit'] });
}

// The tensors of a .safetensors file of float32, by name.
function read(name) {
  const data = fs.readFileSync(path.join(folder, name));
  const size = Number(data.readBigUInt64LE(0));
  const tensors = JSON.parse(data.subarray(8, 8 + size).toString());
  delete tensors.__metadata__;
  for (const [key, t] of Object.entries(tensors)) {
    const [begin, end] = t.data_offsets.map((offset) => 8 + size + offset);
    const values = new Float32Array(data.buffer.slice(data.byteOffset + begin, data.byteOffset + end));
    tensors[key] = { shape: t.shape, values };
  }
  return tensors;
}

// The weights of cases {layer, letters, keywords}, in their order.
function weights(cases) {
  const list = cases.map(({ layer, letters, keywords }) => `${lua({ layer, letters, keywords })},\n`);
  fs.writeFileSync(path.join(folder, 'cases.lua'), `return {\n${list.join('')}}\n`);
  run('weights.lua');
  const tensors = read('weights.safetensors');
  return cases.map((_, k) => tensors[k + 1]);
}

function check(good, ...why) {
  if (good) return;
  console.error(...why.map((w) => (typeof w === 'string' ? w : JSON.stringify(w))));
  process.exit(1);
}

// Whether two lists hold the same numbers.
const same = (a, b) => a.length === b.length && a.every((v, k) => v === b[k]);

module.exports = { check, draw, folder, normal, pick, product, read, run, same, weights };
