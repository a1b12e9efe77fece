// The Node client of grpc.sh; client.py does the same with gRPC's C core. Tells the outcome of calls as JSON.
//
//   client.js                   reads lines `NAME TARGET COUNT PATH [METADATA=VALUE]...`; makes the calls of each line, many at once, and
//                               prints NAME and what came of them. A call has the metadatum `call`, with a number of its own at the end.
//   client.js forever TARGET    calls until SIGTERM; prints what came of them each 200 ms, and at last of all
'use strict';
const readline = require('readline');
const grpc = require('@grpc/grpc-js');
require('@grpc/grpc-js-xds').register();
const { service } = require('./echo');

const PARALLEL = 32;
const DEADLINE_MS = 10000;

const { path: say, requestSerialize, responseDeserialize } = service.Say;
const channels = new Map();

function channel(target) {
  if (!channels.has(target)) channels.set(target, new grpc.Client(target, grpc.credentials.createInsecure()));
  return channels.get(target);
}

function call(target, path, metadata) {
  const headers = new grpc.Metadata();
  for (const [name, value] of Object.entries(metadata)) headers.set(name, value);
  return new Promise((resolve) => {
    const options = { deadline: Date.now() + DEADLINE_MS };
    channel(target).makeUnaryRequest(path, requestSerialize, responseDeserialize, 'hello', headers, options,
      (error, answer) => resolve({ code: grpc.status[error ? error.code : grpc.status.OK], answer, details: error?.details }));
  });
}

const tally = () => ({ codes: {}, from: {}, fastestMs: DEADLINE_MS, slowestMs: 0, error: undefined });

async function counted(sums, target, path, metadata) {
  const begin = performance.now();
  const { code, answer, details } = await call(target, path, metadata);
  const taken = Math.round(performance.now() - begin);
  for (const sum of sums) {
    sum.codes[code] = (sum.codes[code] ?? 0) + 1;
    if (code === 'OK') sum.from[answer] = (sum.from[answer] ?? 0) + 1;
    else sum.error ??= details;
    sum.fastestMs = Math.min(sum.fastestMs, taken);
    sum.slowestMs = Math.max(sum.slowestMs, taken);
  }
}

const parallel = (workers, step) => Promise.all(Array.from({ length: workers }, async () => { while (await step()); }));

async function line(text) {
  const [name, target, countText, path, ...pairs] = text.split(' ');
  const metadata = Object.fromEntries(pairs.map((pair) => pair.split('=', 2)));
  const count = Number(countText);
  const sum = tally();
  let begun = 0;
  await parallel(Math.min(PARALLEL, count), async () => {
    if (begun >= count) return false;
    begun += 1;
    await counted([sum], target, path, { ...metadata, call: `${name}-${begun}` });
    return true;
  });
  console.log(`${name} ${JSON.stringify(sum)}`);
}

async function lines() {
  for await (const text of readline.createInterface({ input: process.stdin })) await line(text);
}

async function forever(target) {
  const sum = tally();
  let window = tally();
  let ended = false;
  process.on('SIGTERM', () => { ended = true; });
  const timer = setInterval(() => { console.log(JSON.stringify(window)); window = tally(); }, 200);
  await parallel(4, async () => { await counted([sum, window], target, say, {}); return !ended; });
  clearInterval(timer);
  console.log(JSON.stringify(sum));
}

const [command, target] = process.argv.slice(2);
// The xDS client would keep the process alive.
(command === 'forever' ? forever(target) : lines()).then(() => process.exit(0));
