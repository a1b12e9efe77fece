# syntax=docker/dockerfile:1
# Two images: `--target operator` (the last, and so the default) and `--target init`, which redirects the traffic of injected pods.
ARG VERSION=0.1.0

FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /src
COPY global.json Directory.Build.props Directory.Packages.props .editorconfig ./
ARG TARGETARCH
# The linker, and for another platform than this one its libraries.
RUN case "$TARGETARCH/$(dpkg --print-architecture)" in \
        arm64/amd64) other=gcc-aarch64-linux-gnu ;; \
        amd64/arm64) other=gcc-x86-64-linux-gnu ;; \
    esac; \
    apt-get update && apt-get install -y --no-install-recommends clang llvm ${other:-gcc} libc6-dev && rm -rf /var/lib/apt/lists/*
COPY operator/ operator/
COPY crds/ crds/
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

FROM mcr.microsoft.com/dotnet/runtime-deps:10.0-noble-chiseled AS operator
ARG VERSION
LABEL org.opencontainers.image.title="mesh-operator" \
      org.opencontainers.image.description="A service mesh that is one Kubernetes operator" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
# The root file system is read-only: no diagnostics socket.
ENV DOTNET_EnableDiagnostics=0
COPY --from=build /app /app
# The image's unprivileged user.
USER 1654:1654
EXPOSE 15012 9443 8080
ENTRYPOINT ["/app/meshop"]
CMD ["run"]
