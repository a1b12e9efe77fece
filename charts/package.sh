#!/usr/bin/env bash
# Packages the chart, and pushes it to an OCI registry where one is named:
#
#   charts/package.sh FOLDER [oci://REGISTRY/PATH]
#
# Log in before with `helm registry login REGISTRY`. HELM names the command; by default helm.
set -euo pipefail
charts=$(cd "$(dirname "$0")" && pwd)
folder=${1:?charts/package.sh: which folder is the package for?}
helm=${HELM:-helm}
"$helm" lint --strict "$charts/mesh-operator"
"$helm" package "$charts/mesh-operator" --destination "$folder"
if [ $# -gt 1 ]; then
    version=$(sed -n 's/^version: //p' "$charts/mesh-operator/Chart.yaml")
    "$helm" push "$folder/mesh-operator-$version.tgz" "$2"
fi
