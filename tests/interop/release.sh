# Sourced after checks.sh by what installs or packages the chart: a folder `data` with Helm's own folders in it, and processes in the
# background, all of which go at the end.
#
#   HELM     the command; by default helm
#   MESHOP   the operator's command; by default the built one
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
helm=${HELM:-helm}
meshop=${MESHOP:-dotnet $root/operator/MeshOperator/bin/Debug/net10.0/meshop.dll}
chart=$root/charts/mesh-operator
data=$(mktemp -d)
export HELM_CACHE_HOME=$data/helm/cache HELM_CONFIG_HOME=$data/helm/config HELM_DATA_HOME=$data/helm/data
started=()

# start COMMAND...: in the background; its process id is in $last.
start() {
    "$@" &
    last=$!
    started+=("$last")
}

# end PROCESS: asks it to end, and waits until it has.
end() {
    if kill -0 "$1" 2>/dev/null; then kill -TERM "$1"; wait "$1" || true; fi
}

end_all() {
    local process
    for process in "${started[@]+"${started[@]}"}"; do end "$process"; done
    rm -rf "$data"
}
trap end_all EXIT
