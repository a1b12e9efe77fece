#!/usr/bin/env bash
# Proxies that connect all at once over TLS with their tokens, a minute in which nothing happens, and an endpoint that changes: `meshop run`
# as its image has it on a real API server, then go-control-plane's caches over TLS under the same client.
#
#   storm.sh [STREAMS] [SERVICES] [PODS]     MESH_ENVTEST names the start.sh of a Kubernetes API server, MESH_XDSCHECK the xDS client
#
# PODS is how many injected pods there are behind each service; each stream is the proxy of one. With MESHTEST_DIR the API server keeps its
# data there, and is filled once.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
streams=${1:-1000} services=${2:-200} pods=${3:-10}
envtest=${MESH_ENVTEST:?names the start.sh of a Kubernetes API server}
xdscheck=${MESH_XDSCHECK:?names the xDS client}
data=$(mktemp -d)
pids=()
stop() {
    for pid in "${pids[@]+"${pids[@]}"}"; do kill "$pid" 2>/dev/null || true; done
    [ -z "${kubeconfig:-}" ] || "$envtest" stop "$kubeconfig"
    rm -rf "$data"
}
trap stop EXIT

wait_for() { # WHAT COMMAND...
    local what=$1 tries=0
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || { echo "$what did not start" >&2; exit 1; }
        sleep 0.1
    done
}

milliseconds() { awk '{print ($14 + $15) * 10}' "/proc/$1/stat"; } # of CPU that a process has taken

load() { # ADDRESS PID ARGUMENTS...
    local address=$1 pid=$2
    shift 2
    "$xdscheck" load --server "$address" --streams "$streams" --pattern 'pod-{i}.big' --server-pid "$pid" --timeout 240s "$@" 2>&1 |
        grep -E 'streams on|all configured|initial bytes|server:|last ACK' | cut -c1-160 || echo 'some streams failed' >&2
}

benchmarks() { dotnet "$data/benchmarks/MeshOperator.Benchmarks.dll" "$@"; }

"$root/operator/publish.sh" "$data/app"
"$root/operator/publish.sh" "$data/benchmarks" "" "$root/tests/MeshOperator.Benchmarks"
kubeconfig=$("$envtest" start)
export KUBECONFIG=$kubeconfig
benchmarks fill "$kubeconfig" "$services" "$pods"
kubectl proxy --port=18002 >/dev/null &
pids+=("$!")
wait_for 'kubectl proxy' curl -sf http://127.0.0.1:18002/version
"$data/app/meshop" run --kubeconfig "$kubeconfig" --namespace mesh-system --log-level Error --xds-port 18012 --webhook-port 0 --metrics-port 18080 --replica-port 0 &
ours=$!
pids+=("$ours")
wait_for 'the operator' curl -sf http://127.0.0.1:18080/readyz
mkdir "$data/tokens"
benchmarks tokens "$kubeconfig" "$data/tokens" "$streams"
connect=(--ca "$data/tokens/ca.pem" --token "$data/tokens/{i}")

echo "meshop run, $streams streams, $services services x $pods pods: all at once"
load localhost:18012 "$ours" "${connect[@]}" --hold 130s &
holding=$!
sleep 60
before=$(milliseconds "$ours")
sleep 60
echo "a minute in which nothing happens: $(($(milliseconds "$ours") - before)) ms of CPU"
wait "$holding"

echo 'an endpoint changes'
patch="{\"endpoints\":[{\"addresses\":[\"10.77.0.'\$K'\"],\"conditions\":{\"ready\":true},\"targetRef\":{\"kind\":\"Pod\",\"name\":\"pod-5\",\"namespace\":\"big\"}}]}"
load localhost:18012 "$ours" "${connect[@]}" --repeat 7 --trigger "curl -sf -o /dev/null -X PATCH -H 'Content-Type: application/merge-patch+json' -d '$patch' http://127.0.0.1:18002/apis/discovery.k8s.io/v1/namespaces/big/endpointslices/s5"
kill "$ours"

echo 'go-control-plane, the same'
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout "$data/peer.key" -out "$data/peer.crt" 2>/dev/null
"$xdscheck" serve-peer --services "$services" --endpoints "$pods" --tls-cert "$data/peer.crt" --tls-key "$data/peer.key" >/dev/null 2>&1 &
peer=$!
pids+=("$peer")
wait_for 'the peer' curl -sf http://127.0.0.1:18001/stats
load localhost:18000 "$peer" --ca "$data/peer.crt" --repeat 7 --trigger-url 'http://127.0.0.1:18001/touch?kind=endpoint&svc={k}'
