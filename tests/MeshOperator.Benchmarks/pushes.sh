#!/usr/bin/env bash
# Streams configured and a route pushed, against go-control-plane's caches under the same client in the same run.
#
#   pushes.sh [STREAMS] [SERVICES]     MESH_XDSCHECK names the xDS client, which also holds the peer
#
# Ours is the operator in Release, in a process of its own, on an API server in memory with SERVICES x 10 injected pods; each stream is the
# proxy of one of them, and a push begins with `kubectl patch`. The peer serves ready-made resources and a push begins with an HTTP request
# to it.
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
    "$xdscheck" load --server "$address" --plaintext --streams "$streams" --pattern 'pod-{i}.big' --server-pid "$pid" --repeat 5 --timeout 240s "$@" 2>&1 |
        grep -E 'streams on|all configured|initial bytes|server:|last ACK|exit to first ACK|error'
}

wait_for() { # FILE PID WHAT
    local tries=0
    until [ -s "$1" ]; do
        tries=$((tries + 1))
        [ $tries -lt 900 ] && kill -0 "$2" || { echo "$3 did not start" >&2; exit 1; }
        sleep 0.2
    done
}

"$root/operator/publish.sh" "$data/app" "" "$root/tests/MeshOperator.Benchmarks"
dotnet "$data/app/MeshOperator.Benchmarks.dll" cluster "$data/kubeconfig" "$services" 10 >&2 &
pids+=("$!")
wait_for "$data/kubeconfig" "$!" 'the API server'
dotnet "$data/app/MeshOperator.Benchmarks.dll" operator "$data/kubeconfig" >"$data/ready" &
ours=$!
pids+=("$ours")
wait_for "$data/ready" "$ours" 'the operator'
export KUBECONFIG=$data/kubeconfig
echo "MeshOperator, $streams streams, $services services x 10 endpoints: $(cut -d' ' -f2- "$data/ready")"
load "$(cut -d' ' -f1 "$data/ready")" "$ours" --trigger "kubectl patch trafficsplit t -n big --type merge -p '{\"spec\":{\"backends\":[{\"service\":\"s1\",\"weight\":5'\$K'},{\"service\":\"s2\",\"weight\":50}]}}'"
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
