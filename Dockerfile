# syntax=docker/dockerfile:1
# An app of this repository as an image that holds its binary and no other program: for servers, and with --target lambda for
# AWS Lambda. An app of your own has a Dockerfile of its own, which `tollgate new --deploy` or `tollgate deploy init` writes.
ARG BUILDER=docker.io/library/rust:1.95-slim-bookworm
ARG RUNTIME=gcr.io/distroless/cc-debian12:nonroot
# Authorities that no base knows: `rds` fetches those of Amazon's databases.
ARG AUTHORITIES=none

FROM scratch AS authorities-none
FROM scratch AS authorities-rds
ADD --chmod=644 https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem /rds-global-bundle.pem
# One of the two above, which have no tag.
# hadolint ignore=DL3006
FROM authorities-${AUTHORITIES} AS authorities

FROM ${BUILDER} AS build
# The package of the app, features to build it with, the folder with its `config`, its `migrations` and its `certificates`: of
# further authorities.
ARG PACKAGE=lorem-ipsum
ARG FEATURES=""
ARG FOLDER=apps/lorem-ipsum

# What the binary is made of is written into it, where scanners look for it (https://github.com/rust-secure-code/cargo-auditable).
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    cargo install --locked --root /usr/local cargo-auditable@0.7.7

WORKDIR /source
COPY . .
# What was compiled before is kept beside the layers, so that a change of the app compiles the app alone.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo auditable build --release --locked --package "$PACKAGE" --bin "$PACKAGE" --features "$FEATURES" \
    && mkdir -p /image/app/data /image/certificates \
    && cp "target/release/$PACKAGE" /image/app/app \
    && for part in config migrations; do if [ -d "$FOLDER/$part" ]; then cp -r "$FOLDER/$part" /image/app/; fi; done \
    && if [ -d "$FOLDER/certificates" ]; then cp "$FOLDER"/certificates/*.pem /image/certificates/; fi \
    # Lambda reads them as a user of its own, also where whoever wrote them keeps files to themselves.
    && chmod -R a+rX /image

FROM ${RUNTIME} AS base
ARG PREFIX=LOREM_IPSUM
ARG PACKAGE=lorem-ipsum
ARG VERSION=unknown
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="$PACKAGE" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.source="$SOURCE"
COPY --from=authorities / /etc/ssl/certs/
COPY --from=build /image/certificates /etc/ssl/certs
COPY --from=build /image/app /app
WORKDIR /app
# Closed unless it is configured: outside `dev`, an app does not start without an issuer.
ENV ${PREFIX}_ENV=prod \
    ${PREFIX}_SERVER__HOST=0.0.0.0
ENTRYPOINT ["/app/app"]

# The runtime of Lambda starts the image as a user of its own, with a file system that is read only.
FROM base AS lambda

FROM base AS server
COPY --from=build --chown=65532:65532 /image/app/data /app/data
USER 65532:65532
EXPOSE 8000
# Where SQLite keeps its file, if that is where rows live. All the rest may be read only.
VOLUME /app/data
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/app/app", "health"]
