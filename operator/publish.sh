#!/usr/bin/env bash
# The operator's program as its image has it: one file of machine code for one platform, which needs no .NET. clang compiles and links it
# (Debian and Ubuntu: clang, llvm, and for the other platform gcc-aarch64-linux-gnu or gcc-x86-64-linux-gnu).
#
#   publish.sh FOLDER [ARCHITECTURE] [PROJECT]
#
# ARCHITECTURE is amd64 or arm64, by default this machine's. PROJECT is by default the operator, without `meshop local`, the API server in
# memory that belongs to it, and `meshop generate`. It runs by `FOLDER/meshop`. Another one runs by `dotnet FOLDER/PROJECT.dll`.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:?the folder to publish to} architecture=${2:-} project=${3:-$root/operator/MeshOperator}
case ${architecture:-$(uname -m)} in
    amd64 | x86_64) runtime=linux-x64 ;;
    arm64 | aarch64) runtime=linux-arm64 ;;
    *) echo "publish.sh: ARCHITECTURE is amd64 or arm64, not '${architecture:-$(uname -m)}'" >&2; exit 1 ;;
esac
options=(-p:LocalMesh=false -p:PublishDocumentationFile=false -p:PublishReferencesDocumentationFiles=false -p:StaticWebAssetsEnabled=false -p:CopyOutputSymbolsToPublishDirectory=false)
[ -z "${3:-}" ] || options=(--self-contained false -p:UseAppHost=false)
dotnet publish "$project" -c Release -r "$runtime" -o "$folder" -p:DebugType=none -v quiet -nologo "${options[@]}"
