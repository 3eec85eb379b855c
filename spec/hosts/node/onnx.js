// Operators of ONNX with idinit's weights: outputs equal inputs bit for bit, times
// the gain.
'use strict';
const ort = require('onnxruntime-web');
const { onnx } = require('onnx-proto');
const { check, draw, normal, pick, product, same, weights } = require('./common.js');

const CASES = 200;
const LETTERS = { 1: ['w'], 2: ['h', 'w'], 3: ['d', 'h', 'w'] };
const FLOAT = onnx.TensorProto.DataType.FLOAT;

const extents = (axes, low, high) => Array.from({ length: axes }, () => draw(low, high));

function matrix(operator) {
  const n = draw(1, 30);
  return { operator, layer: `ONNX ${operator}`, letters: { C: n, I: n }, keywords: {},
    attributes: {}, input: [draw(1, 4), n] };
}

function convolution(operator) {
  const axes = draw(1, 3), kernel = extents(axes, 1, axes === 3 ? 3 : 5);
  const per = draw(1, 4), groups = pick([1, 1, 2, 3, 0]); // 0: depthwise
  const channels = groups === 0 ? per : per * groups;
  const dilations = extents(axes, 1, 3);
  const named = { C: channels, I: channels, g: groups || channels };
  LETTERS[axes].forEach((letter, d) => { named[letter] = kernel[d]; });
  const attributes = { kernel_shape: kernel, group: groups || channels };
  const keywords = {};
  const same = operator === 'Conv' && pick([true, false]);
  if (same) { // where the runtime takes no dilation
    attributes.auto_pad = pick(['SAME_UPPER', 'SAME_LOWER']);
    keywords.center = attributes.auto_pad === 'SAME_UPPER' ? 'lo' : 'hi';
  } else { // the smaller half first, which of an even kernel fits dilation 1 alone
    attributes.dilations = dilations.map((d, k) => (kernel[k] % 2 ? d : 1));
    const totals = attributes.dilations.map((d, k) => d * (kernel[k] - 1));
    const halves = [totals.map((t) => Math.floor(t / 2)), totals.map((t) => Math.ceil(t / 2))];
    attributes.pads = halves.flat();
  }
  return { operator, layer: `ONNX ${operator}${axes}d`, letters: named, keywords, attributes,
    input: [draw(1, 3), channels, ...extents(axes, 5, 8)] };
}

function attribute(name, value) {
  const types = onnx.AttributeProto.AttributeType;
  if (Array.isArray(value)) return { name, type: types.INTS, ints: value };
  if (typeof value === 'string') return { name, type: types.STRING, s: Buffer.from(value) };
  return { name, type: types.INT, i: value };
}

function graph(c, weight) {
  const value = (name, rank) => ({ name, type: { tensorType: { elemType: FLOAT,
    shape: { dim: Array.from({ length: rank }, (_, d) => ({ dimParam: `${name}${d}` })) } } } });
  const model = onnx.ModelProto.create({
    irVersion: 7, opsetImport: [{ domain: '', version: 13 }],
    graph: {
      name: 'layer', input: [value('x', c.input.length)], output: [value('y', c.input.length)],
      initializer: [{ name: 'w', dataType: FLOAT, dims: weight.shape,
        rawData: Buffer.from(weight.values.buffer) }],
      node: [{ opType: c.operator, input: ['x', 'w'], output: ['y'],
        attribute: Object.entries(c.attributes).map(([name, v]) => attribute(name, v)) }],
    },
  });
  return onnx.ModelProto.encode(model).finish();
}

const makers = [() => matrix('Gemm'), () => matrix('MatMul'), () => convolution('Conv'),
  () => convolution('Conv'), () => convolution('ConvTranspose')];
const cases = Array.from({ length: CASES }, () => {
  const c = pick(makers)();
  c.gain = 2 ** draw(-3, 3);
  c.keywords.gain = c.gain;
  return c;
});

async function main() {
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';
  const all = weights(cases);
  for (const [k, c] of cases.entries()) {
    const x = normal(product(c.input));
    const session = await ort.InferenceSession.create(graph(c, all[k]));
    const { y } = await session.run({ x: new ort.Tensor('float32', x, c.input) });
    check(same(y.data, x.map((v) => c.gain * v)), 'no identity:', c);
    await session.release();
  }
  console.log(`${CASES} operators`);
}

main().catch((error) => { console.error(error); process.exit(1); });
