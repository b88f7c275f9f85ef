# One image for all roles: RINGBACK_ROLE says which. docs/operations.md tells how it was tried, and what was not.

FROM node:26-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No script of a package is needed: the embedded PostgreSQL makes its links itself when they are missing.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
# The JavaScript, the models and the dashboard; then away with what only building needs, and with the binaries of other
# platforms.
RUN node scripts/build.ts \
 && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
 && find dist/node_modules/onnxruntime-node/bin/napi-v6 -mindepth 2 -maxdepth 2 \
      ! -path "*/linux/$(node -p process.arch)" -exec rm -r {} +

FROM node:26-bookworm-slim
# Long m4a, mp4, flac, ogg and webm files need ffmpeg; the others are decoded without. It is most of the image's size:
# --build-arg FFMPEG= leaves it out.
ARG FFMPEG=ffmpeg
# hadolint ignore=DL3008
RUN if [ -n "$FFMPEG" ]; then \
      apt-get update \
      && apt-get install -y --no-install-recommends "$FFMPEG" \
      && rm -rf /var/lib/apt/lists/*; \
    fi \
 && install -d -o node -g node -m 0700 /data
WORKDIR /app
COPY --from=build /app/package.json /app/LICENSE /app/NOTICE ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/web/dist ./web/dist
COPY --from=build /app/test/fixtures/jfk.wav ./test/fixtures/jfk.wav
ENV NODE_ENV=production \
    RINGBACK_HOST=0.0.0.0 \
    RINGBACK_DATA_DIR=/data
USER node
VOLUME /data
EXPOSE 4747
# For a container with the api role; the others listen nowhere (docs/operations.md, health).
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:4747/readyz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/cli/bin.js"]
CMD ["serve"]
