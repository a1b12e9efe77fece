#!/usr/bin/env bash
# One object that changes as fast as a real API server takes it, and `meshop run` as its image has it: how soon changes of another namespace
# reach a proxy meanwhile, and what CPU and memory the operator takes.
#
#   flood.sh [SECONDS] [WRITERS]     MESH_ENVTEST names the start.sh of a Kubernetes API server
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
seconds=${1:-60} writers=${2:-1}
envtest=${MESH_ENVTEST:?names the start.sh of a Kubernetes API server}
data=$(mktemp -d)
kubeconfig=$("$envtest" start)
stop() {
    "$envtest" stop "$kubeconfig"
    rm -rf "$data"
}
trap stop EXIT

"$root/operator/publish.sh" "$data/app"
dotnet run -c Release --project "$root/tests/MeshOperator.Benchmarks" -- flood "$kubeconfig" "$data/app/meshop" "$seconds" "$writers"
