#!/usr/bin/env bash
# The chart as an OCI artifact: packaged and pushed by charts/package.sh to a registry of its own (Debian's docker-registry, which REGISTRY
# names), pulled again, and rendered from there.
#
#   REGISTRY   the registry's program; by default docker-registry
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
. "$here/release.sh"
mkdir "$data/pulled"

# It does not print which port it took, so a free one is looked for.
port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); });')
cat >"$data/config.yaml" <<YAML
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $data/storage}}
http: {addr: "127.0.0.1:$port"}
YAML
start "${REGISTRY:-docker-registry}" serve "$data/config.yaml" >"$data/log" 2>&1
answers() { curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/v2/"; }
eventually "the registry answers" "200" answers

# Helm speaks HTTP without TLS to this machine only.
registry=oci://localhost:$port/charts
version=$(sed -n 's/^version: //p' "$chart/Chart.yaml")
check "the chart is packaged and pushed" "$root/charts/package.sh" "$data" "$registry"
tags() { curl -s "http://127.0.0.1:$port/v2/charts/mesh-operator/tags/list"; }
expect "the registry has its version" "\"$version\"" tags
check "it is pulled" "$helm" pull "$registry/mesh-operator" --version "$version" --destination "$data/pulled"
check "and is what was pushed" cmp "$data/mesh-operator-$version.tgz" "$data/pulled/mesh-operator-$version.tgz"
expect "helm show chart" "name: mesh-operator" "$helm" show chart "$registry/mesh-operator" --version "$version"
# Helm 3.10 prints what it pulled among the manifests.
from() { "$helm" template mesh-operator "$@" --namespace mesh-system | grep -vE '^(Pulled|Digest): '; }
check "it is rendered as the folder is" diff <(from "$chart") <(from "$registry/mesh-operator" --version "$version")
expect "a version that is not there" "not found" "$helm" pull "$registry/mesh-operator" --version 99.0.0 --destination "$data"
finish
