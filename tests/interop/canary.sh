#!/usr/bin/env bash
# The story of samples/canary, as a user lives it: `meshop local` with the sample, the real kubectl, and an xDS client that decodes with
# Envoy's own definitions.
#
#   canary.sh          MESHOP is the command (default: as the README has it, built before), MESH_XDSCHECK the xDS client
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
xdscheck=${MESH_XDSCHECK:?names the xDS client}
cd "$here/../.."
unset KUBECONFIG
MESHOP=${MESHOP:-dotnet run --no-build --project operator/MeshOperator --}
local_args="--apply samples/canary"
. "$here/local.sh"
ok "meshop local is configured"

read_json() { node -e 'console.log(JSON.parse(require("fs").readFileSync(process.argv[1]))[process.argv[2]])' "$1" "$2"; }
check "it names the kubeconfig that it wrote" test -s "$(read_json "$data/ready" kubeconfig)"
xds=$(read_json "$data/ready" xds)
xds_tls=$(read_json "$data/ready" xdsTls)
ca=$(read_json "$data/ready" ca)

for kind in mtlspolicy retrypolicy trafficsplit; do
    expect "kubectl get meshpolicies lists $kind" "$kind.meshoperator.io/" kubectl get meshpolicies -A
done
expect "with the columns of their kind" "SHIFT   ACCEPTED   PROGRAMMED   PROXIES   AGE" kubectl get meshpolicies -A
expect "nothing is programmed while no proxy is connected" "model-v1 90% · model-v2 10%           True       Unknown      0/0" kubectl get trafficsplits -n serving

gateway=$(kubectl get pods -n serving -l app=gateway -o jsonpath='{.items[0].metadata.name}')
model=$(kubectl get service model -n serving -o jsonpath='{.spec.clusterIP}')
expect "pods of the sample have the sidecar" "mesh-init mesh-proxy gateway" kubectl get pod "$gateway" -n serving -o jsonpath='{.spec.initContainers[*].name} {.spec.containers[*].name}'
kubectl apply -f - >/dev/null <<POD
apiVersion: v1
kind: Pod
metadata:
  name: own
  labels: {meshoperator.io/inject: "true"}
spec:
  containers: [{name: app, image: registry.example.com/app:1}]
POD
expect "a pod with the label comes back with the sidecar" "mesh-init mesh-proxy app" kubectl get pod own -o jsonpath='{.spec.initContainers[*].name} {.spec.containers[*].name}'

# What this Envoy is known to take though xdscheck, which knows an older one, does not (see XdsCheck.cs of the tests).
known='HttpProtocolOptions has unknown fields: field 8 |Http2ProtocolOptions has unknown fields: field 21 \(bytes, [0-9]+ bytes\), field 22 '
known+='|route\.v3\.Route has unknown fields: field 20 |LocalRateLimit has unknown fields: field 18 |\.max_grpc_timeout: deprecated '
known+='|: descriptors without a token bucket |<FilterConfig>.config: empty type_url: '
validate() {
    local output status
    output=$("$xdscheck" validate --strict "$@" 2>&1) && return
    status=$?
    printf '%s\n' "$output"
    [ "$status" -eq 1 ] && grep -qE '^ *(ERROR|WARN) ' <<<"$output" && ! grep -E '^ *(ERROR|WARN) ' <<<"$output" | grep -vqE "$known"
}

for mode in delta sotw; do
    check "xdscheck validate, $mode" validate --server "$xds" --plaintext --node-id "$gateway.serving" --mode $mode
done
kubectl create token gateway -n serving --audience meshoperator.io --bound-object-kind Pod --bound-object-name "$gateway" >"$data/token"
check "xdscheck validate over TLS with the pod's token" validate --server "$xds_tls" --ca "$ca" --token "$data/token" --node-id "$gateway.serving"
expect "another node id with that token is refused" "PermissionDenied" "$xdscheck" validate --server "$xds_tls" --ca "$ca" --token "$data/token" --node-id "other.serving"
kubectl create token gateway -n serving >"$data/foreign"
expect "a token of another audience is refused" "Unauthenticated" "$xdscheck" validate --server "$xds_tls" --ca "$ca" --token "$data/foreign" --node-id "$gateway.serving"

shares() {
    "$xdscheck" route --server "$xds" --plaintext --node-id "$gateway.serving" --listener "$model:80" --method "${1:-GET}" --host model.serving --path / |
        node -e 'const r = JSON.parse(require("fs").readFileSync(0)); for (const o of r.outcomes) for (const c of o.clusters ?? []) console.log(c.name, (o.probability * c.probability).toFixed(2))'
}
expect "0.90 of the requests go to model-v1" "outbound/80/model-v1.serving 0.90" shares
expect "0.10 go to model-v2" "outbound/80/model-v2.serving 0.10" shares
expect "and so do POSTs" "outbound/80/model-v2.serving 0.10" shares POST

patch() { kubectl patch trafficsplit model -n serving --type merge -p "{\"spec\":{\"backends\":[{\"service\":\"model-v1\",\"weight\":$1},{\"service\":\"$2\",\"weight\":$3}]}}"; }
# A proxy that stays: its streams are open while the weights change.
"$xdscheck" load --server "$xds" --plaintext --streams 1 --pattern "$gateway.serving" --repeat 3 --json "$data/load.json" \
    --trigger "kubectl patch trafficsplit model -n serving --type merge -p '{\"spec\":{\"backends\":[{\"service\":\"model-v1\",\"weight\":5'\$K'},{\"service\":\"model-v2\",\"weight\":50}]}}'" >"$data/load.txt" 2>&1 || true
pushes() { # one line: median milliseconds from the trigger's end to the ACK, then what was sent each time
    node -e 'const p = JSON.parse(require("fs").readFileSync(process.argv[1])).pushes;
        const ms = p.map(x => x.triggerExitToFirstAckMs.p50).sort((a, b) => a - b);
        console.log(ms[ms.length >> 1] < 200 ? "in time" : "late", ms.map(x => x.toFixed(1)).join(" "), "ms;", p.map(x => JSON.stringify(x.responsesByType) + " " + x.resources).join(" "))' "$data/load.json"
}
echo "        from kubectl's end to the proxy's ACK: $(pushes)"
expect "a patch reaches a connected proxy within 200 ms" "in time" pushes
expect "and is one route, nothing else" '{"RDS":1} 1 {"RDS":1} 1 {"RDS":1} 1' pushes
patch 50 model-v2 50 >/dev/null
eventually "a patch to 50/50 is served" "outbound/80/model-v2.serving 0.50" shares

"$xdscheck" load --server "$xds" --plaintext --streams 1 --pattern "$gateway.serving" --hold 8s >/dev/null 2>&1 &
holder=$!
eventually "the status says Programmed when the connected proxy has acknowledged" "model-v1 50% · model-v2 50%           True       True         1/1" kubectl get trafficsplits -n serving
wait "$holder" || true

expect "a weight of -1 is refused by the schema" "spec.backends[0].weight: Invalid value: -1: spec.backends[0].weight in body should be greater than or equal to 0" patch -1 model-v2 1
expect "an unknown field is refused" 'unknown field "spec.servce"' kubectl patch trafficsplit model -n serving --type merge -p '{"spec":{"servce":"model"}}'
expect "a field of the wrong type is refused" "must be of type" kubectl patch trafficsplit model -n serving --type merge -p '{"spec":{"service":7}}'
expect "backends without a weight above 0 are refused" "all weights are 0; set a weight above 0 for at least one backend" patch 0 model-v2 0
expect "a backend that does not exist is accepted" "patched" patch 90 model-v9 10
eventually "and named in ResolvedRefs=False" "False spec.backends[1]: the service 'model-v9' does not exist in namespace 'serving'" \
    kubectl get trafficsplit model -n serving -o 'jsonpath={.status.conditions[?(@.type=="ResolvedRefs")].status} {.status.conditions[?(@.type=="ResolvedRefs")].message}'
eventually "kubectl describe shows why, as an event" "BackendNotFound" kubectl describe trafficsplit model -n serving
kubectl patch mtlspolicy strict -n serving --type merge -p '{"spec":{"allow":[{"serviceAccounts":["gateway"],"methods":["GET"]}]}}' >/dev/null
score=$(kubectl get pods -n serving -l app=model -o jsonpath='{.items[0].metadata.name}')
access() { # METHOD SERVICE-ACCOUNT
    "$xdscheck" route --server "$xds" --plaintext --node-id "$score.serving" --inbound --port 8080 --alpn meshoperator \
        --peer "spiffe://cluster.local/ns/serving/sa/$2" --method "$1" --host model --path /
}
eventually "an access rule lets the gateway GET" 'policy \"00\" matches' access GET gateway
expect "and not POST" '"verdict": "deny"' access POST gateway
expect "and nobody else" '"verdict": "deny"' access GET feature-store
check "the samples of protection apply" kubectl apply -f samples/protection
for policy in circuitbreaker/model ratelimit/gateway; do
    eventually "$policy is accepted" "True True" kubectl get "$policy" -n serving \
        -o 'jsonpath={.status.conditions[?(@.type=="Accepted")].status} {.status.conditions[?(@.type=="ResolvedRefs")].status}'
done
limits() { "$xdscheck" dump --server "$xds" --plaintext --node-id "$gateway.serving" --type ecds; }
eventually "the gateway's proxy bounds its requests" '"maxTokens"' limits
breaker() { "$xdscheck" route --server "$xds" --plaintext --node-id "$gateway.serving" --listener "$model:80" --method GET --host model.serving --path /; }
expect "and its requests in flight to the model servers" '"maxRequests": 100' breaker
check "xdscheck validate with all policies" validate --server "$xds" --plaintext --node-id "$gateway.serving"
expect "a circuit breaker that bounds nothing is refused" "the circuit breaker sets no limit" kubectl create -f - <<BREAKER
apiVersion: meshoperator.io/v1alpha1
kind: CircuitBreaker
metadata: {name: idle, namespace: serving}
spec: {targetRefs: [{kind: Service, name: model}]}
BREAKER
expect "kubectl explain shows the fields" "one with the number, or else the name" kubectl explain trafficsplit.spec.backends.port

kill -TERM "$mesh"
if wait "$mesh"; then ok "SIGTERM stops it cleanly"; else not_ok "SIGTERM stops it cleanly" "exit status $?"; fi
mesh=
if grep -q -i 'exception\|token:\|PRIVATE KEY' "$data/log"; then not_ok "the log is clean" "$(cat "$data/log")"; else ok "the log is clean"; fi
finish
