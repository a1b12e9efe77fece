#!/usr/bin/env bash
# The program `meshop` with `meshop local`, for developers: as a .NET tool, and as one file for each platform that needs no .NET.
#
#   pack.sh FOLDER [PLATFORM...]
#
# PLATFORM is linux-x64, linux-arm64, osx-arm64 or win-x64; by default all of them. Writes FOLDER/meshop.VERSION.nupkg and
# FOLDER/PLATFORM/meshop.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:?the folder to write to}
shift
platforms=("$@")
[ ${#platforms[@]} -gt 0 ] || platforms=(linux-x64 linux-arm64 osx-arm64 win-x64)
project=$root/operator/MeshOperator
dotnet pack "$project" -c Release -o "$folder" -v quiet -nologo -p:Tool=true
for platform in "${platforms[@]}"; do
    case $platform in
        linux-x64 | linux-arm64 | osx-arm64 | win-x64) ;;
        *) echo "pack.sh: PLATFORM is linux-x64, linux-arm64, osx-arm64 or win-x64, not '$platform'" >&2; exit 1 ;;
    esac
    dotnet publish "$project" -c Release -r "$platform" --self-contained -o "$folder/$platform" -v quiet -nologo \
        -p:PublishSingleFile=true -p:PublishReadyToRun=false -p:IncludeNativeLibrariesForSelfExtract=true -p:DebugType=none \
        -p:PublishDocumentationFile=false -p:PublishReferencesDocumentationFiles=false \
        -p:StaticWebAssetsEnabled=false -p:IsTransformWebConfigDisabled=true
done
