# rejoin-server. `docker build -t rejoin-server .`, then see docs/deploy.md.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
# What debuggers need is four fifths of the program.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --package rejoin-server --release --locked \
    && strip --strip-debug -o /rejoin-server target/release/rejoin-server

FROM debian:bookworm-slim
# The certificates of public authorities, for an agent, a model's endpoint or a Redis behind TLS.
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin rejoin && install -d -o rejoin -g rejoin /data
COPY --from=build /rejoin-server /usr/local/bin/rejoin-server
COPY --chmod=755 scripts/docker-health.sh /usr/local/bin/docker-health
USER 10001
VOLUME /data
EXPOSE 8787
ENV REJOIN_LISTEN=0.0.0.0:8787 REJOIN_STORE=embedded:/data/rejoin.redb
# 503 while the store does not answer, or the process drains.
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["docker-health", "8787", "/api/chat/health"]
# SIGTERM drains; nothing stands between the signal and the program.
ENTRYPOINT ["rejoin-server"]
