// The tiny face detector of @vladmandic/face-api, whose weights are in its package:
// as it is, with identities between its blocks, and with one block wider.
'use strict';
const fs = require('fs');
const path = require('path');
const tf = require('@tensorflow/tfjs');
const { check, draw, read, run, same } = require('./common.js');

const model = path.join(process.env.NODE_PATH, '@vladmandic/face-api/model');
const manifest = path.join(model, 'tiny_face_detector_model-weights_manifest.json');
const blob = path.join(model, 'tiny_face_detector_model.bin');
const SIZE = 128;

// A face: an oval with eyes and a mouth, on noise.
function picture() {
  const pixels = new Float32Array(SIZE * SIZE * 3);
  const x0 = draw(50, 78), y0 = draw(50, 78), r = draw(25, 40);
  for (let y = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++) {
      const u = (x - x0) / r, v = (y - y0) / (1.3 * r);
      const eye = Math.min(Math.hypot(u - 0.4, v + 0.3), Math.hypot(u + 0.4, v + 0.3)) < 0.15;
      const mouth = Math.abs(u) < 0.4 && Math.abs(v - 0.5) < 0.08;
      const skin = Math.hypot(u, v) < 1;
      const color = skin ? (eye || mouth ? [40, 20, 20] : [220, 170, 140]) : [90, 100, 120];
      color.forEach((c, k) => { pixels[(y * SIZE + x) * 3 + k] = c + draw(-8, 8); });
    }
  }
  return tf.tensor(pixels, [1, SIZE, SIZE, 3]);
}

// As the package's own code has it, and an identity behind each block if there is one.
function detect(image, net) {
  const weight = (name) => net[name] && tf.tensor(net[name].values, net[name].shape);
  const leaky = (x) => {
    const low = tf.mul(x, tf.scalar(0.10000000149011612));
    return tf.add(tf.relu(tf.sub(x, low)), low);
  };
  let x = tf.div(tf.sub(image, tf.tensor1d([117.001, 114.697, 97.404])), 255);
  for (let n = 0; n <= 5; n++) {
    if (n === 0) {
      x = tf.conv2d(x, weight('conv0/filters'), 1, 'valid');
    } else {
      x = tf.separableConv2d(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]),
        weight(`conv${n}/depthwise_filter`), weight(`conv${n}/pointwise_filter`), 1, 'valid');
    }
    x = leaky(tf.add(x, weight(`conv${n}/bias`)));
    const identity = weight(`identity${n}/filters`);
    if (identity) x = tf.conv2d(x, identity, 1, 'same');
    x = tf.maxPool(x, 2, n < 5 ? 2 : 1, 'same');
  }
  return tf.add(tf.conv2d(x, weight('conv8/filters'), 1, 'valid'), weight('conv8/bias'));
}

async function main() {
  await tf.setBackend('cpu');
  run('node/face.lua', manifest, blob);
  const [small, deep, wide] = ['small', 'deep', 'wide'].map((name) => read(`${name}.safetensors`));

  const { weights } = JSON.parse(fs.readFileSync(manifest))[0];
  const own = tf.io.decodeWeights(new Uint8Array(fs.readFileSync(blob)).buffer, weights);
  check(same(Object.keys(own).sort(), Object.keys(small).sort()), 'other names');
  for (const [name, t] of Object.entries(own)) {
    check(same(t.shape, small[name].shape) && same(t.dataSync(), small[name].values),
      'read otherwise:', name);
  }

  const image = picture();
  const y = detect(image, small).dataSync();
  check(same(detect(image, deep).dataSync(), y), 'deeper, it computes something else');
  const most = y.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  const error = detect(image, wide).dataSync().reduce((m, v, k) => Math.max(m, Math.abs(v - y[k])), 0);
  check(error > 0 && error <= 1e-5 * most, 'wider, it differs by', error / most);
  console.log(`wider, it differs by ${(error / most).toPrecision(2)} of the largest output`);
}

main().catch((error) => { console.error(error); process.exit(1); });
