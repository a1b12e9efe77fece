#!/usr/bin/env bash
# The software bill of materials of the operator's image, in CycloneDX's JSON: the NuGet packages of the program that publish.sh publishes, with
# versions, licenses and hashes. What the base image has in it is not in the list; ask the image itself.
#
#   sbom.sh FILE
set -euo pipefail
cd "$(dirname "$0")/.."
file=${1:?the file to write}
project=operator/MeshOperator/MeshOperator.csproj
# Without `meshop local`, as in the image. As a property, the platform holds for each project, so that the lock files stay as they are and need not fit.
image=(-p:RuntimeIdentifier=linux-x64 -p:LocalMesh=false)
trap 'dotnet restore "$project" -v quiet' EXIT
dotnet tool restore >/dev/null
dotnet restore "$project" -v quiet "${image[@]}"
dotnet dotnet-CycloneDX "$project" --disable-package-restore --output "$(dirname "$file")" --filename "$(basename "$file")" \
    --output-format Json --set-name mesh-operator --set-version "$(dotnet msbuild "$project" -getProperty:Version)" >/dev/null
