// Between a client and the API server: forwards everything over plain HTTP, and notes which rights each request needs, one line each:
// GROUP RESOURCE VERB NAME NAMESPACE, with - for what a request has not. The first write of a status of each kind is answered with a conflict,
// so that what follows one is noted, too.
//
//   node requests.js KUBECONFIG.json NOTES   KUBECONFIG.json: of an administrator, for the server's address and CA. Prints its port when it listens.
const fs = require("fs"), http = require("http"), https = require("https");
const [, , kubeconfig, notes] = process.argv;
const cluster = JSON.parse(fs.readFileSync(kubeconfig)).clusters[0].cluster;
const target = new URL(cluster.server);
const ca = Buffer.from(cluster["certificate-authority-data"], "base64");
const out = fs.createWriteStream(notes, { flags: "a" });
const agent = new https.Agent({ ca, keepAlive: true });

// As the API server reads it: /api/v1 or /apis/GROUP/VERSION, then namespaces/NAMESPACE, RESOURCE, NAME, SUBRESOURCE.
function rightOf(method, url) {
    const { pathname, searchParams } = new URL(url, target);
    let parts = pathname.split("/").filter(p => p);
    const group = parts[0] === "api" ? "" : parts[1];
    if (!["api", "apis"].includes(parts[0])) return null;
    parts = parts.slice(parts[0] === "api" ? 2 : 3);
    let namespace = "";
    if (parts[0] === "namespaces" && parts.length > 2) [, namespace] = parts.splice(0, 2);
    const [resource, name, subresource] = parts;
    if (!resource) return null;
    const selected = /(?:^|,)metadata\.name=([^,]+)/.exec(searchParams.get("fieldSelector") ?? "");
    const verb = { GET: name ? "get" : ["1", "true"].includes(searchParams.get("watch")) ? "watch" : "list",
        POST: "create", PUT: "update", PATCH: "patch", DELETE: "delete" }[method];
    return [group, subresource ? `${resource}/${subresource}` : resource, verb, name ?? selected?.[1] ?? "", namespace].map(p => p || "-").join(" ");
}

const conflicted = new Set();

function isFirstStatus(request) {
    const kind = /\/([a-z]+)\/[^/]+\/status(\?|$)/.exec(request.url)?.[1];
    return request.method === "PATCH" && kind !== undefined && !conflicted.has(kind) && conflicted.add(kind);
}

const server = http.createServer((request, response) => {
    const right = rightOf(request.method, request.url);
    if (right) out.write(right + "\n");
    if (isFirstStatus(request)) {
        request.resume();
        response.writeHead(409, { "content-type": "application/json" });
        response.end(JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Failure", reason: "Conflict", code: 409, message: "changed meanwhile" }));
        return;
    }

    const forwarded = https.request(
        { agent, host: target.hostname, port: target.port, path: request.url, method: request.method, headers: { ...request.headers, host: target.host } },
        answer => {
            // What an apply creates must be allowed to be created.
            if (request.method === "PATCH" && answer.statusCode === 201) out.write(right.replace(" patch ", " create ") + "\n");
            response.writeHead(answer.statusCode, answer.headers);
            response.flushHeaders();
            answer.pipe(response);
        });
    forwarded.on("error", e => {
        if (!response.destroyed) console.error(`${request.method} ${request.url}: ${e.message}`);
        response.destroy();
    });
    response.on("close", () => forwarded.destroy());
    request.pipe(forwarded);
});
server.listen(0, "127.0.0.1", () => console.log(`listening on ${server.address().port}`));
