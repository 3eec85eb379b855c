// Keras' layers, as TensorFlow.js has them, with idinit's weights: outputs equal
// inputs bit for bit, times the gain.
'use strict';
const tf = require('@tensorflow/tfjs');
const { check, draw, normal, pick, product, same, weights } = require('./common.js');

const CASES = 300;
const LETTERS = { 1: ['w'], 2: ['h', 'w'], 3: ['d', 'h', 'w'] };

const extents = (axes, low, high) => Array.from({ length: axes }, () => draw(low, high));

function letters(channels, kernel) {
  const named = { C: channels, I: channels, g: 1 };
  LETTERS[kernel.length].forEach((letter, d) => { named[letter] = kernel[d]; });
  return named;
}

const dense = () => {
  const n = draw(1, 30);
  return { layer: 'Keras Dense', letters: { C: n, I: n }, make: tf.layers.dense,
    config: { units: n }, input: [draw(1, 4), n] };
};

// Of an even kernel, only dilation 1 has an identity.
function convolution() {
  const axes = draw(1, 3), kernel = extents(axes, 1, axes === 3 ? 3 : 5), channels = draw(1, 5);
  const dilation = axes === 3 ? 1 : kernel.some((k) => k % 2 === 0) ? 1 : draw(1, 3);
  return { layer: `Keras Conv${axes}D`, letters: letters(channels, kernel),
    make: tf.layers[`conv${axes}d`],
    config: { filters: channels, kernelSize: kernel, padding: 'same', dilationRate: dilation },
    input: [draw(1, 3), ...extents(axes, 5, 8), channels] };
}

function transposed() {
  const kernel = extents(2, 1, 5), channels = draw(1, 5);
  return { layer: 'Keras Conv2DTranspose', letters: letters(channels, kernel),
    make: tf.layers.conv2dTranspose,
    config: { filters: channels, kernelSize: kernel, padding: 'same' },
    input: [draw(1, 3), ...extents(2, 5, 8), channels] };
}

// Each output has one input. All of its copies pass it with "tile" and "mean", the
// first one with "pad".
function depthwise() {
  const kernel = extents(2, 1, 5), channels = draw(1, 5), m = draw(1, 3);
  const fit = pick(['tile', 'mean', 'split', 'pad']);
  return { layer: 'Keras DepthwiseConv2D', letters: { ...letters(channels, kernel), m },
    keywords: { fit }, make: tf.layers.depthwiseConv2d,
    config: { kernelSize: kernel, depthMultiplier: m, padding: 'same' },
    input: [draw(1, 3), ...extents(2, 5, 8), channels], copies: m, padded: fit === 'pad' };
}

// The second weight is that of a convolution of extent 1.
function separable() {
  const made = depthwise(), channels = made.letters.I, m = made.copies;
  return { ...made, make: tf.layers.separableConv2d,
    config: { ...made.config, filters: channels * m },
    pointwise: { layer: 'Keras Conv2D', keywords: {},
      letters: { C: channels * m, I: channels * m, g: 1, h: 1, w: 1 } } };
}

function embedding() {
  const entries = draw(1, 20), size = draw(1, 20);
  return { layer: 'Keras Embedding', letters: { I: entries, C: size }, entries, size };
}

// What the layer should give for `x`.
function expected(c, x) {
  const m = c.copies || 1, y = new Float32Array(x.length * m);
  x.forEach((value, k) => {
    for (let q = 0; q < (c.padded ? 1 : m); q++) y[k * m + q] = c.gain * value;
  });
  return y;
}

const makers = [dense, convolution, convolution, transposed, depthwise, separable, embedding];
const cases = Array.from({ length: CASES }, () => {
  const c = pick(makers)();
  c.gain = 2 ** draw(-3, 3);
  c.keywords = { ...c.keywords, gain: c.gain };
  return c;
});

const first = weights(cases);
const second = weights(cases.map((c) => c.pointwise || cases[0]));

tf.setBackend('cpu');
tf.ready().then(() => {
  cases.forEach((c, k) => tf.tidy(() => {
    const tensors = [first[k]];
    if (c.pointwise) tensors.push(second[k]);
    const values = tensors.map((t) => tf.tensor(t.values, t.shape));
    if (c.layer === 'Keras Embedding') {
      const layer = tf.layers.embedding({ inputDim: c.entries, outputDim: c.size, weights: values });
      const y = layer.apply(tf.tensor1d(Array.from({ length: c.entries }, (_, i) => i), 'int32'));
      check(same(y.dataSync(), tf.eye(c.entries, c.size).mul(c.gain).dataSync()), 'no identity:', c);
      return;
    }
    const x = normal(product(c.input));
    const layer = c.make({ ...c.config, useBias: false, weights: values });
    const y = layer.apply(tf.tensor(x, c.input));
    check(same(y.dataSync(), expected(c, x)), 'no identity:', c);
  }));
  console.log(`${CASES} layers`);
});
