#!/usr/bin/env bash
# The operator's program as its image has it: for one platform, and compiled beforehand.
#
#   publish.sh FOLDER [ARCHITECTURE] [PROJECT]
#
# ARCHITECTURE is amd64 or arm64, by default this machine's. PROJECT is by default the operator, without `meshop local` and the API server in
# memory that belongs to it. It runs by `dotnet FOLDER/meshop.dll`.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:?the folder to publish to} architecture=${2:-} project=${3:-$root/operator/MeshOperator}
case ${architecture:-$(uname -m)} in
    amd64 | x86_64) runtime=linux-x64 ;;
    arm64 | aarch64) runtime=linux-arm64 ;;
    *) echo "publish.sh: ARCHITECTURE is amd64 or arm64, not '${architecture:-$(uname -m)}'" >&2; exit 1 ;;
esac
options=()
[ -n "${3:-}" ] || options+=(-p:LocalMesh=false)
dotnet publish "$project" -c Release -r "$runtime" --self-contained false -o "$folder" -p:UseAppHost=false -p:DebugType=none -v quiet -nologo "${options[@]}"
