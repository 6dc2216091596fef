# The export as an image: the binary, the certificates to trust, and a user that owns nothing. Credentials come in at run time
# (environment or a mounted file); none is built in.
FROM rust:1-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY benches benches
COPY schemas schemas
COPY src src
RUN cargo build --release --locked --bin callake

FROM debian:12-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin callake
COPY --from=build /src/target/release/callake /usr/local/bin/callake
# As a number, so that Kubernetes can tell that it is not root.
USER 10001
ENTRYPOINT ["callake"]
CMD ["--help"]
