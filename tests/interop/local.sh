# Sourced after checks.sh: unless KUBECONFIG names an API server, starts `meshop local` and lets KUBECONFIG name that. Sets `data` to a
# folder that goes at the end, and `is_local` to yes where workload controllers run.
#
#   MESHOP       the command; by default the built one
#   local_args   further arguments of `meshop local`
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
meshop=${MESHOP:-dotnet $root/operator/MeshOperator/bin/Debug/net10.0/meshop.dll}
data=$(mktemp -d)
mesh=
is_local=no

stop_local() {
    if [ -n "$mesh" ] && kill -0 "$mesh" 2>/dev/null; then kill -TERM "$mesh"; wait "$mesh" || true; fi
    rm -rf "$data"
}
trap stop_local EXIT

if [ -z "${KUBECONFIG:-}" ]; then
    is_local=yes
    # shellcheck disable=SC2086
    $meshop local --proxy None ${local_args:-} --xds-port 0 --data "$data/mesh" --output json >"$data/ready" 2>"$data/log" &
    mesh=$!
    tries=0
    until [ -s "$data/ready" ]; do
        tries=$((tries + 1))
        if [ $tries -gt 300 ] || ! kill -0 "$mesh" 2>/dev/null; then
            not_ok "meshop local is configured" "$(cat "$data/log")"
            finish
            exit 1
        fi
        sleep 0.2
    done
    KUBECONFIG=$data/mesh/kubeconfig
fi
# A copy: the checks change its context.
KUBECONFIG=$KUBECONFIG kubectl config view --raw --flatten >"$data/kubeconfig"
export KUBECONFIG=$data/kubeconfig
export KUBECACHEDIR=$data/cache
