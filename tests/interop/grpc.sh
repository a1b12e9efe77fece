#!/usr/bin/env bash
# Proxyless gRPC: real gRPC clients (Node's own implementation, and the C core in Python) that know nothing but `meshop local` as their
# xDS server, call real gRPC servers through splits, matches, retries, time-outs and faults.
#
#   grpc.sh          PYTHON names a Python with grpcio (default: /usr/bin/python3); without one its checks are left out
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
unset KUBECONFIG
. "$here/local.sh"
PYTHON=${PYTHON:-/usr/bin/python3}
started=()

stop_grpc() {
    for pid in "${started[@]+"${started[@]}"}"; do kill -TERM "$pid" 2>/dev/null || true; done
    for pid in "${started[@]+"${started[@]}"}"; do wait "$pid" 2>/dev/null || true; done
    stop_local
}
trap stop_grpc EXIT

mkdir "$data/npm"
cp "$here/grpc/package.json" "$here/grpc/package-lock.json" "$data/npm"
if ! (cd "$data/npm" && npm ci --silent --ignore-scripts --no-audit --no-fund >"$data/npm.log" 2>&1); then
    echo "left out: all of it, as npm could not install the gRPC library: $(tail -n 1 "$data/npm.log")"
    finish
    exit
fi
export NODE_PATH=$data/npm/node_modules
clients=(node)
if "$PYTHON" -c 'import grpc' 2>/dev/null; then
    clients+=(python)
else
    echo "left out: gRPC's C core, as $PYTHON has no grpcio (apt-get install python3-grpcio)"
fi

json() { node -p "const x = JSON.parse(require('fs').readFileSync(0)); $1"; }
xds=$(json x.xds <"$data/ready")

client() { # LANGUAGE ARGUMENT...: runs a client, whose node id is client-LANGUAGE.shop
    local run="$PYTHON $here/grpc/client.py"
    [ "$1" = python ] || run="node $here/grpc/client.js"
    # shellcheck disable=SC2086
    GRPC_XDS_BOOTSTRAP_CONFIG='{"xds_servers":[{"server_uri":"'$xds'","channel_creds":[{"type":"insecure"}],"server_features":["xds_v3"]}],"node":{"id":"client-'$1'.shop","locality":{}}}' \
        exec $run "${@:2}"
}
calls() { (client "$1" xds:///"$2".shop:80 calls "${@:3}"); }
# Whether a share of COUNT calls lies within three standard deviations of what was told.
within() { json "const n = $1, p = $2, seen = ($3) / n; (Math.abs(seen - p) <= 3 * Math.sqrt(p * (1 - p) / n) ? 'within ' : 'beyond ') + seen + ' ' + JSON.stringify(x)"; }

node "$here/grpc/server.js" echo-v1 echo-v2 flaky >"$data/ports" &
started+=($!)
tries=0
until [ -s "$data/ports" ] || [ $tries -gt 100 ]; do tries=$((tries + 1)); sleep 0.1; done
port() { json "x['$1']" <"$data/ports"; }

service() { # NAME SERVER: a service without selector, whose endpoint is one of the servers
    cat <<YAML
---
apiVersion: v1
kind: Service
metadata: {name: $1, namespace: shop}
spec: {ports: [{name: grpc, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: $1-servers, namespace: shop, labels: {kubernetes.io/service-name: $1}}
addressType: IPv4
ports: [{name: grpc, port: $(port "$2")}]
endpoints: [{addresses: [127.0.0.1], conditions: {ready: true}}]
YAML
}
kubectl create namespace shop >/dev/null
{ service echo echo-v1; service echo-v1 echo-v1; service echo-v2 echo-v2; service partial echo-v1; service flaky flaky; } | kubectl apply -f - >/dev/null
check "the manifests apply" kubectl apply -f "$here/grpc/manifests.yaml"
eventually "the split is accepted" "True" kubectl get trafficsplit echo -n shop -o 'jsonpath={.status.conditions[?(@.type=="Accepted")].status}'

say=/echo.Echo/Say
split() { calls "$1" echo 10000 | within 10000 0.9 "x.codes.OK === 10000 ? x.from['echo-v1'] : 0"; }
partial() { calls "$1" partial 3000 | within 3000 0.3 "x.codes.UNAVAILABLE + x.codes.OK === 3000 ? x.codes.UNAVAILABLE : 0"; }
# Calls that fail FAILURES times before they would succeed: what came of them, and how many attempts the server saw of each.
retried() {
    calls "$1" flaky 50 $say call="$1-$2" fail="$2" | json "'codes ' + JSON.stringify(x.codes)"
    (client "$1" "127.0.0.1:$(port flaky)" ask /echo.Echo/Attempts "$1-$2-") | json "'calls ' + x.length + ' attempts ' + [...new Set(x)]"
}
timing() { calls "$1" echo 5 $say x-rule="$2" ${3:+"$3"} | json "Object.entries(x.codes) + (x.slowestMs > $4 && x.slowestMs < $4 + 1500 ? ' in time' : ' late') + ' ' + x.slowestMs"; }

for c in "${clients[@]}"; do
    expect "$c: of 10,000 calls 0.9 go to one backend and 0.1 to the other" "within" split "$c"
    expect "$c: a header sends calls to their backend" '"from":{"echo-v2":20}' eval "calls $c echo 20 $say x-rule=canary | json 'JSON.stringify(x)'"
    expect "$c: so does a prefix of the path" '"from":{"echo-v2":20}' eval "calls $c echo 20 /echo.Other/Say | json 'JSON.stringify(x)'"
    expect "$c: a call that fails twice succeeds at the second retry" $'codes {"OK":50}\ncalls 50 attempts 3' retried "$c" 2
    expect "$c: one that goes on failing is tried three times and no more" $'codes {"UNAVAILABLE":50}\ncalls 50 attempts 3' retried "$c" 9
    expect "$c: a slow backend runs into the rule's time-out" "DEADLINE_EXCEEDED,5 in time" timing "$c" timeout slow=1 499
    expect "$c: an abort with 403 is PERMISSION_DENIED" "PERMISSION_DENIED,5" timing "$c" abort "" 0
    expect "$c: a delay delays" "OK,5 in time" timing "$c" delay "" 399
    expect "$c: a missing backend fails its share with UNAVAILABLE" "within" partial "$c"
done

for c in "${clients[@]}"; do
    client "$c" xds:///echo.shop:80 forever >"$data/$c.out" 2>"$data/$c.err" &
    started+=($!)
done
all=${#clients[@]}/${#clients[@]}
eventually "kubectl counts the clients among the proxies: $all" "True True $all" \
    kubectl get trafficsplit echo -n shop -o 'jsonpath={.status.conditions[?(@.type=="Accepted")].status} {.status.conditions[?(@.type=="Programmed")].status} {.status.proxies.acknowledged}/{.status.proxies.targeted}'
expect "and shows them" " $all " kubectl get trafficsplit echo -n shop
kubectl patch trafficsplit echo -n shop --type json -p '[{"op": "replace", "path": "/spec/rules/6/backends", "value": [{"service": "echo-v1", "weight": 0}, {"service": "echo-v2", "weight": 3}]}]' >/dev/null
last() { tail -n 1 "$data/$1.out" | json "'only ' + Object.keys(x.from)"; }
for c in "${clients[@]}"; do eventually "$c: a new weight takes effect while calls run" "only echo-v2" last "$c"; done
for pid in "${started[@]:1}"; do kill -TERM "$pid"; wait "$pid" || true; done
for c in "${clients[@]}"; do
    expect "$c: and none of them failed" "codes OK of " eval "tail -n 1 '$data/$c.out' | json \"'codes ' + Object.keys(x.codes) + ' of ' + x.codes.OK\""
done
eventually "clients that have gone are counted no more" "0/0" kubectl get trafficsplit echo -n shop -o 'jsonpath={.status.proxies.acknowledged}/{.status.proxies.targeted}'
if grep -i 'rejected\|exception' "$data/log" >"$data/refused"; then not_ok "no client refused a resource" "$(cat "$data/refused")"; else ok "no client refused a resource"; fi
finish
