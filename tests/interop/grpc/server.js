// Real gRPC servers for grpc.sh, one for each name given; the one called `broken` fails every call. Prints the port of each as JSON once all listen.
'use strict';
const grpc = require('@grpc/grpc-js');
const { service } = require('./echo');

const PAUSE_MS = 5000;

/** Answers with the server's name. Metadata ask it to misbehave: `fail` how many attempts of a call fail first, `slow` to take its time.
 * `call` names the call, so that its attempts are counted; `of` asks for those of the calls that begin with a name. */
function handlers(name) {
  const attempts = new Map();
  return {
    say(call, callback) {
      const [id] = call.metadata.get('call');
      const attempt = (attempts.get(id) ?? 0) + 1;
      attempts.set(id, attempt);
      if (name === 'broken' || attempt <= Number(call.metadata.get('fail')[0] ?? 0)) {
        callback({ code: grpc.status.UNAVAILABLE, details: `attempt ${attempt} fails` });
      } else if (call.metadata.get('slow').length > 0) {
        setTimeout(() => callback(null, name), PAUSE_MS).unref();
      } else {
        callback(null, name);
      }
    },
    attempts(call, callback) {
      const counts = [...attempts].filter(([id]) => id?.startsWith(`${call.metadata.get('of')[0]}-`)).map(([, count]) => count);
      callback(null, `${counts.length} calls of ${[...new Set(counts)]} attempts`);
    },
  };
}

function listen(name) {
  const server = new grpc.Server();
  const { say, attempts } = handlers(name);
  server.addService(service, { Say: say, SayElsewhere: say, Attempts: attempts });
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve([name, port])));
  });
}

Promise.all(process.argv.slice(2).map(listen)).then((ports) => console.log(JSON.stringify(Object.fromEntries(ports))));
