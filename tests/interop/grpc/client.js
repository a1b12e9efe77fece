// The Node client of grpc.sh; client.py does the same with gRPC's C core. Calls TARGET and prints as JSON what came of it.
//
//   client.js TARGET calls COUNT [PATH] [NAME=VALUE...]    COUNT calls with that metadata
//   client.js TARGET forever                               calls until SIGTERM; a line each 200 ms, then the sum
//   client.js TARGET ask PATH TEXT                         one call; prints the answer
'use strict';
const grpc = require('@grpc/grpc-js');
require('@grpc/grpc-js-xds').register();
const { service } = require('./echo');

const PARALLEL = 32;
const DEADLINE_MS = 10000;

const [target, command, ...rest] = process.argv.slice(2);
const client = new grpc.Client(target, grpc.credentials.createInsecure());
const { requestSerialize, responseDeserialize } = service.Say;

function call(path, text, metadata = {}) {
  const headers = new grpc.Metadata();
  for (const [name, value] of Object.entries(metadata)) headers.set(name, value);
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, text, headers, { deadline: Date.now() + DEADLINE_MS },
      (error, answer) => resolve({ code: grpc.status[error ? error.code : grpc.status.OK], answer, details: error?.details }));
  });
}

const tally = () => ({ codes: {}, from: {}, slowestMs: 0, error: undefined });

async function timed(into, path, metadata) {
  const begin = performance.now();
  const { code, answer, details } = await call(path, 'hello', metadata);
  for (const sum of into) {
    sum.codes[code] = (sum.codes[code] ?? 0) + 1;
    if (answer !== undefined) sum.from[answer] = (sum.from[answer] ?? 0) + 1;
    else sum.error ??= details;
    sum.slowestMs = Math.max(sum.slowestMs, Math.round(performance.now() - begin));
  }
}

async function parallel(workers, step) {
  await Promise.all(Array.from({ length: workers }, async () => { while (await step()); }));
}

async function calls(count, path = service.Say.path, ...pairs) {
  const metadata = Object.fromEntries(pairs.map((pair) => pair.split('=', 2)));
  const sum = tally();
  let begun = 0;
  await parallel(Math.min(PARALLEL, count), async () => {
    if (begun >= count) return false;
    const own = metadata.call ? { ...metadata, call: `${metadata.call}-${begun}` } : metadata;
    begun += 1;
    await timed([sum], path, own);
    return true;
  });
  console.log(JSON.stringify(sum));
}

async function forever() {
  const sum = tally();
  let window = tally();
  let ended = false;
  process.on('SIGTERM', () => { ended = true; });
  const timer = setInterval(() => { console.log(JSON.stringify(window)); window = tally(); }, 200);
  await parallel(4, async () => { await timed([sum, window], service.Say.path); return !ended; });
  clearInterval(timer);
  console.log(JSON.stringify(sum));
}

async function ask(path, text) {
  console.log((await call(path, text)).answer);
}

// The xDS client keeps the process alive.
({ calls: (count, ...more) => calls(Number(count), ...more), forever, ask })[command](...rest).then(() => process.exit(0));
