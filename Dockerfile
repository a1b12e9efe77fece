# syntax=docker/dockerfile:1
FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /src
COPY global.json Directory.Build.props Directory.Packages.props .editorconfig ./
COPY operator/ operator/
COPY crds/ crds/
# Portable: the same files run on every architecture that the base image has.
RUN dotnet publish operator/MeshOperator -c Release -o /app -p:UseAppHost=false -p:DebugType=none

FROM mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiseled
LABEL org.opencontainers.image.title="mesh-operator" \
      org.opencontainers.image.description="A service mesh that is one Kubernetes operator" \
      org.opencontainers.image.licenses="Apache-2.0"
# The root file system is read-only: no diagnostics socket.
ENV DOTNET_EnableDiagnostics=0 DOTNET_gcServer=0
COPY --from=build /app /app
# The image's unprivileged user.
USER 1654:1654
EXPOSE 15012 9443 8080
ENTRYPOINT ["dotnet", "/app/meshop.dll"]
CMD ["run"]
