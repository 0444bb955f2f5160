# An image around the release:
#
#   npm run package
#   docker build --build-arg VERSION=0.1.0 --tag sluice:0.1.0 .
#   docker run --read-only --tmpfs /var/cache/sluice:uid=10001 --cap-drop ALL --stop-timeout 35 \
#     --publish 9092-9094:9092-9094 --volume "$PWD/sluice.yaml:/etc/sluice/sluice.yaml:ro" sluice:0.1.0
#
# Not built by any test of ours, for want of a container engine. What is tested is the same release in an empty
# root folder with the C and C++ libraries of Debian 12 (test/deploy/tarball.test.ts).

FROM debian:bookworm-slim AS unpacked
ARG VERSION
WORKDIR /release
COPY dist/sluice-${VERSION}-linux-x64.tar.gz dist/sluice-${VERSION}-linux-x64.tar.gz.sha256 ./
RUN sha256sum --check --strict sluice-${VERSION}-linux-x64.tar.gz.sha256 \
  && mkdir /opt/sluice \
  && tar --extract --gzip --strip-components=1 --directory=/opt/sluice --file=sluice-${VERSION}-linux-x64.tar.gz

FROM debian:bookworm-slim
ARG VERSION
LABEL org.opencontainers.image.title="Sluice" \
  org.opencontainers.image.description="A Kafka gateway that gathers batches of many producers into few requests" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.licenses="Apache-2.0"
COPY --from=unpacked /opt/sluice /opt/sluice
# Where Node keeps what it made of the sources. Where nobody can write there, each start takes a little longer.
ENV CACHE_DIRECTORY=/var/cache/sluice
USER 10001:10001
# Kafka: the bootstrap port and one for each cluster. 9090: admin, if configured off loopback. 9091: health.
EXPOSE 9092 9093 9094 9090 9091
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=2 CMD ["/opt/sluice/runtime/bin/node", "-e", \
  "fetch('http://127.0.0.1:9091/readyz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# SIGTERM drains it: it is the first process, and starts no others than its own workers.
ENTRYPOINT ["/opt/sluice/bin/sluice"]
CMD ["run", "--config", "/etc/sluice/sluice.yaml"]
