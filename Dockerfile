# syntax=docker/dockerfile:1
# Two images: `--target operator` (the last, and so the default) and `--target init`, which redirects the traffic of injected pods.
ARG VERSION=0.1.0

FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /src
COPY global.json Directory.Build.props Directory.Packages.props .editorconfig ./
COPY operator/ operator/
COPY crds/ crds/
ARG TARGETARCH
RUN operator/publish.sh /app "$TARGETARCH"

FROM docker.io/library/alpine:3.22 AS init
ARG VERSION
LABEL org.opencontainers.image.title="mesh-init" \
      org.opencontainers.image.description="Redirects a pod's connections to its sidecar" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN apk add --no-cache iproute2-minimal nftables
COPY --chmod=0755 operator/init/capture.sh /usr/local/bin/capture.sh
# Only root can be given NET_ADMIN; the pod takes everything else from it.
USER 0:0
ENTRYPOINT ["/usr/local/bin/capture.sh"]
CMD ["set"]

FROM mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiseled AS operator
ARG VERSION
LABEL org.opencontainers.image.title="mesh-operator" \
      org.opencontainers.image.description="A service mesh that is one Kubernetes operator" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
# The root file system is read-only: no diagnostics socket.
ENV DOTNET_EnableDiagnostics=0 DOTNET_gcServer=0
COPY --from=build /app /app
# The image's unprivileged user.
USER 1654:1654
EXPOSE 15012 9443 8080
ENTRYPOINT ["dotnet", "/app/meshop.dll"]
CMD ["run"]
