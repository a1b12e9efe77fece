#!/usr/bin/env bash
# Proxyless gRPC: real gRPC clients (Node's own implementation, and the C core in Python) that know nothing but `meshop local` as their
# xDS server, call real gRPC servers through splits, matches, retries, timeouts and faults.
#
#   grpc.sh          PYTHON names a Python with grpcio (default: /usr/bin/python3); without one its checks are left out
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
unset KUBECONFIG
. "$here/local.sh"
ok "meshop local is configured"
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

# An expression of the JSON `x` on standard input. What fails says so in words of its own, so that it looks like no result.
json() {
    node -e 'try { const x = JSON.parse(require("fs").readFileSync(0)); console.log(eval(process.argv[1])); } catch (e) { console.log("no result:", e.message); }' "$1"
}
xds=$(json x.xds <"$data/ready")

client() { # LANGUAGE [ARGUMENT...]: runs a client, whose node id is client-LANGUAGE.shop
    local run="$PYTHON $here/grpc/client.py"
    [ "$1" = python ] || run="node $here/grpc/client.js"
    # shellcheck disable=SC2086
    GRPC_XDS_BOOTSTRAP_CONFIG='{"xds_servers":[{"server_uri":"'$xds'","channel_creds":[{"type":"insecure"}],"server_features":["xds_v3"]}],"node":{"id":"client-'$1'.shop","locality":{}}}' \
        exec $run "${@:2}"
}

node "$here/grpc/server.js" echo-v1 echo-v2 flaky broken >"$data/ports" &
started+=($!)
tries=0
until [ -s "$data/ports" ] || [ $tries -gt 100 ]; do tries=$((tries + 1)); sleep 0.1; done
port() { json "x['$1']" <"$data/ports"; }

service() { # NAME SERVER...: a service without selector, whose endpoints are those servers
    cat <<YAML
---
apiVersion: v1
kind: Service
metadata: {name: $1, namespace: shop}
spec: {ports: [{name: grpc, port: 80}]}
YAML
    local server
    for server in "${@:2}"; do
        cat <<YAML
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: $1-$server, namespace: shop, labels: {kubernetes.io/service-name: $1}}
addressType: IPv4
ports: [{name: grpc, port: $(port "$server")}]
endpoints: [{addresses: [127.0.0.1], conditions: {ready: true}}]
YAML
    done
}
kubectl create namespace shop >/dev/null
{ service echo echo-v1; service echo-v1 echo-v1; service echo-v2 echo-v2; service partial echo-v1; service flaky flaky; service ring echo-v1 echo-v2; service narrow echo-v1; service shelf echo-v1; service mixed echo-v1 broken; } | kubectl apply -f - >/dev/null
check "the manifests apply" kubectl apply -f "$here/grpc/manifests.yaml"
eventually "the split is accepted" "True" kubectl get trafficsplit echo -n shop -o 'jsonpath={.status.conditions[?(@.type=="Accepted")].status}'

# The C core before 1.52 crashes with any ring hash (grpc/grpc#31766).
can_hash() { [ "$1" = node ] || "$PYTHON" -c 'import grpc; exit([int(part) for part in grpc.__version__.split(".")[:2]] < [1, 52])'; }

# What each client is to call; the name of a line stands before its result.
requests() {
    local echo=xds:///echo.shop:80 say=/echo.Echo/Say
    cat <<LINES
$1-split $echo 10000 $say
$1-header $echo 20 $say x-rule=canary
$1-path $echo 20 /echo.Other/Say
$1-twice xds:///flaky.shop:80 50 $say fail=2
$1-always xds:///flaky.shop:80 50 $say fail=9
$1-seen-twice 127.0.0.1:$(port flaky) 1 /echo.Echo/Attempts of=$1-twice
$1-seen-always 127.0.0.1:$(port flaky) 1 /echo.Echo/Attempts of=$1-always
$1-mixed xds:///mixed.shop:80 200 $say
$1-slow $echo 5 $say x-rule=timeout slow=1
$1-ejected xds:///mixed.shop:80 100 $say
$1-abort $echo 20 $say x-rule=abort
$1-delay $echo 5 $say x-rule=delay
$1-partial xds:///partial.shop:80 3000 $say
LINES
    [ "$1" = node ] || echo "$1-narrow xds:///narrow.shop:80 20 $say slow=1"
    ! can_hash "$1" || cat <<LINES
$1-alice xds:///ring.shop:80 50 $say x-user=alice
$1-nobody xds:///ring.shop:80 50 $say
LINES
}
outcome() { sed -n "s/^$1 //p" "$data/outcomes"; }
# Whether a share SEEN of COUNT calls lies within three standard deviations of what was configured.
within() { # NAME COUNT SHARE SEEN
    outcome "$1" | json "n = $2, p = $3, seen = ($4) / n, (Math.abs(seen - p) <= 3 * Math.sqrt(p * (1 - p) / n) ? 'within ' : 'beyond ') + seen + ' ' + JSON.stringify(x)"
}
timing() { # NAME AT-LEAST BELOW: the codes, and whether each call took that many milliseconds
    outcome "$1" | json "Object.entries(x.codes) + (x.fastestMs >= $2 && x.slowestMs < $3 ? ' in time' : ' at another time') + ' ' + x.fastestMs + ' to ' + x.slowestMs"
}
narrow() { outcome "$1" | json "x.codes.UNAVAILABLE + ' refused of ' + (x.codes.UNAVAILABLE + x.codes.OK)"; }
servers() { outcome "$1" | json "x.codes.OK + ' at ' + Object.keys(x.from).length"; }

for c in "${clients[@]}"; do
    requests "$c" | (client "$c") >"$data/outcomes" 2>"$data/$c.err" || true
    # The C core counts a rule's timeout from up to two seconds before the call (grpc/grpc#34547).
    early=0
    [ "$c" = node ] || early=2000
    expect "$c: of 10,000 calls 0.9 go to one backend and 0.1 to the other" "within" within "$c-split" 10000 0.9 "x.codes.OK === 10000 ? x.from['echo-v1'] : 0"
    expect "$c: a header sends calls to their backend" '"from":{"echo-v2":20}' outcome "$c-header"
    expect "$c: so does a prefix of the path" '"from":{"echo-v2":20}' outcome "$c-path"
    expect "$c: a call that fails twice succeeds at the second retry" '"codes":{"OK":50}' outcome "$c-twice"
    expect "$c: with three attempts" '"50 calls of 3 attempts"' outcome "$c-seen-twice"
    expect "$c: one that goes on failing fails" '"codes":{"UNAVAILABLE":50}' outcome "$c-always"
    expect "$c: after three attempts, never more" '"50 calls of 3 attempts"' outcome "$c-seen-always"
    expect "$c: a slow backend runs into the rule's timeout" "DEADLINE_EXCEEDED,5 in time" timing "$c-slow" $((2990 - early)) 4900
    expect "$c: of two endpoints one of which fails each call takes its share at first" '"UNAVAILABLE":' outcome "$c-mixed"
    expect "$c: and is ejected a second later" '"codes":{"OK":100},"from":{"echo-v1":100}' outcome "$c-ejected"
    # Node counts a call once it has begun, so that calls of one moment do not see each other.
    [ "$c" = node ] || expect "$c: of 20 calls at once 4 are let through" '16 refused of 20' narrow "$c-narrow"
    expect "$c: an abort with 403 is PERMISSION_DENIED" '"codes":{"PERMISSION_DENIED":20}' outcome "$c-abort"
    expect "$c: a delay delays" "OK,5 in time" timing "$c-delay" 399 4900
    expect "$c: a missing backend fails its share with UNAVAILABLE" "within" within "$c-partial" 3000 0.3 "x.codes.UNAVAILABLE + x.codes.OK === 3000 ? x.codes.UNAVAILABLE : 0"
    if can_hash "$c"; then
        expect "$c: a sticky rule keeps who has the header at one of two endpoints" "50 at 1" servers "$c-alice"
        expect "$c: and spreads those without it" "50 at 2" servers "$c-nobody"
    else
        echo "left out: sticky rules in $c, as its gRPC is older than 1.52"
    fi
done

# A gradual shift of which nobody but libraries can report.
kubectl apply -f - >/dev/null <<YAML
apiVersion: meshoperator.io/v1alpha1
kind: TrafficSplit
metadata: {name: shelf, namespace: shop}
spec:
  service: shelf
  backends: [{service: echo-v1}, {service: echo-v2}]
  shift: {to: echo-v2, steps: [{weight: 50, hold: 1s, approval: Required}], checks: [{successRate: {min: 99}}], require: {requestsPerStep: 20}}
YAML
for c in "${clients[@]}"; do
    client "$c" forever xds:///shelf.shop:80 >"$data/$c-shelf.out" 2>"$data/$c.err" &
    started+=($!)
done
eventually "a gradual shift is judged by what gRPC libraries report" "AwaitingApproval successRate 100.00% of" \
    kubectl get trafficsplit shelf -n shop -o 'jsonpath={.status.shifts[0].phase} {.status.shifts[0].reason}'
for pid in "${started[@]:1}"; do kill -TERM "$pid"; wait "$pid" || true; done
started=("${started[0]}")
for c in "${clients[@]}"; do
    expect "$c: and none of its calls failed" "codes OK of " eval "tail -n 1 '$data/$c-shelf.out' | json \"'codes ' + Object.keys(x.codes) + ' of ' + x.codes.OK\""
done

for c in "${clients[@]}"; do
    client "$c" forever xds:///echo.shop:80 >"$data/$c.out" 2>"$data/$c.err" &
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
