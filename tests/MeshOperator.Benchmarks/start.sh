#!/usr/bin/env bash
# From the start of `meshop run` to its readiness, on a real API server that is full.
#
#   start.sh [SERVICES] [PODS]     MESH_ENVTEST names the start.sh of a Kubernetes API server
#
# PODS is how many injected pods there are behind each service. The operator runs as its image has it.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
services=${1:-1000} pods=${2:-10}
envtest=${MESH_ENVTEST:?names the start.sh of a Kubernetes API server}
data=$(mktemp -d)
kubeconfig=$("$envtest" start)
stop() {
    "$envtest" stop "$kubeconfig"
    rm -rf "$data"
}
trap stop EXIT

"$root/operator/publish.sh" "$data/app"
dotnet run -c Release --project "$root/tests/MeshOperator.Benchmarks" -- start "$kubeconfig" "$data/app/meshop" "$services" "$pods"
