#!/usr/bin/env bash
# Streams configured and a route pushed, against go-control-plane's caches under the same client in the same run.
#
#   pushes.sh [STREAMS] [SERVICES]     MESH_XDSCHECK names the xDS client, which also holds the peer
#
# Ours is the whole of `meshop local` in Release: API server, operator, SERVICES x 10 pods; a push begins with `kubectl patch`. The peer
# serves ready-made resources and a push begins with an HTTP request to it.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
streams=${1:-1000} services=${2:-200}
xdscheck=${MESH_XDSCHECK:?names the xDS client}
data=$(mktemp -d)
pids=()
stop() {
    for pid in "${pids[@]+"${pids[@]}"}"; do kill "$pid" 2>/dev/null || true; done
    rm -rf "$data"
}
trap stop EXIT

load() { # ADDRESS PID ARGUMENTS...
    local address=$1 pid=$2
    shift 2
    "$xdscheck" load --server "$address" --plaintext --streams "$streams" --pattern 'pod-{i}.big' --server-pid "$pid" --repeat 3 "$@" 2>&1 |
        grep -E 'all configured|initial bytes|server:|last ACK|exit to first ACK'
}

{
    printf 'apiVersion: v1\nkind: Namespace\nmetadata: {name: big, labels: {meshoperator.io/injection: enabled}}\n'
    for ((i = 0; i < services; i++)); do
        printf -- '---\napiVersion: v1\nkind: Service\nmetadata: {name: s%d, namespace: big}\nspec: {selector: {app: s%d}, ports: [{name: http, port: 80, targetPort: 8080}]}\n' $i $i
        printf -- '---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: s%d, namespace: big}\nspec:\n  replicas: 10\n  selector: {matchLabels: {app: s%d}}\n  template:\n    metadata: {labels: {app: s%d}}\n    spec: {containers: [{name: a, image: registry.example.com/a:1}]}\n' $i $i $i
    done
    printf -- '---\napiVersion: meshoperator.io/v1alpha1\nkind: TrafficSplit\nmetadata: {name: t, namespace: big}\nspec: {service: s0, backends: [{service: s1, weight: 90}, {service: s2, weight: 10}]}\n'
} >"$data/big.yaml"
dotnet publish "$root/operator/MeshOperator" -c Release -o "$data/app" -p:UseAppHost=false -v quiet -nologo
dotnet "$data/app/meshop.dll" local --apply "$data/big.yaml" --data "$data/mesh" --xds-port 0 --output json >"$data/ready" &
ours=$!
pids+=("$ours")
tries=0
until [ -s "$data/ready" ]; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] && kill -0 "$ours" || { echo "meshop local did not start" >&2; exit 1; }
    sleep 0.2
done
xds=$(sed -E 's/.*"xds":"([^"]*)".*/\1/' "$data/ready")
export KUBECONFIG=$data/mesh/kubeconfig
echo "MeshOperator, $streams streams, $services services x 10 endpoints"
load "$xds" "$ours" --trigger "kubectl patch trafficsplit t -n big --type merge -p '{\"spec\":{\"backends\":[{\"service\":\"s1\",\"weight\":5'\$K'},{\"service\":\"s2\",\"weight\":50}]}}'"
kill "$ours"

"$xdscheck" serve-peer --services "$services" --endpoints 10 >/dev/null 2>&1 &
peer=$!
pids+=("$peer")
tries=0
until (exec 3<>/dev/tcp/127.0.0.1/18001) 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || { echo "the peer did not start" >&2; exit 1; }
    sleep 0.1
done
echo "go-control-plane, the same"
load 127.0.0.1:18000 "$peer" --trigger-url 'http://127.0.0.1:18001/touch?kind=route&svc={k}'
