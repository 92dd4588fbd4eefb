# One recipe for both services. APP is the folder below apps/, PORT what it listens on:
#   docker build --build-arg APP=auth --build-arg PORT=4000 --tag gatehouse-auth .
FROM node:24-trixie-slim AS tools
WORKDIR /workspace
ENV CI=true TURBO_TELEMETRY_DISABLED=1
# the versions are those of package.json and of the catalog
COPY package.json pnpm-workspace.yaml ./
RUN npm install --global "$(node --print 'JSON.parse(fs.readFileSync("package.json")).packageManager')" \
      "turbo@$(sed -n 's/^  turbo: //p' pnpm-workspace.yaml)"

# The packages that the app is made of, and its part of the lockfile.
FROM tools AS pruned
ARG APP
COPY . .
RUN turbo prune "@gatehouse/$APP" --docker --out-dir /pruned

FROM tools AS build
ARG APP
# Installed before any source is there: a change of source alone installs nothing. Locked, the image that comes second
# finds what the first one downloaded. Fewer connections than pnpm opens by itself: behind some proxies it then waits for
# minutes.
COPY --from=pruned /pruned/json/ ./
RUN --mount=type=cache,id=gatehouse-pnpm,target=/pnpm,sharing=locked \
    pnpm install --frozen-lockfile --store-dir=/pnpm --network-concurrency=16 \
      --filter gatehouse --filter-prod "@gatehouse/$APP..."
COPY --from=pruned /pruned/full/ ./
COPY tsconfig.base.json ./
RUN node_modules/.bin/tsc -b "apps/$APP"
RUN --mount=type=cache,id=gatehouse-pnpm,target=/pnpm,sharing=locked \
    pnpm deploy --prod --store-dir=/pnpm --filter "@gatehouse/$APP" /deployed \
 && rm -rf /deployed/src /deployed/node_modules/.pnpm/@gatehouse*/node_modules/@gatehouse/*/src

FROM node:24-trixie-slim AS service
ARG PORT
# HOST: in a container nobody can reach a service that listens on the container's own loopback
# NODE_OPTIONS: what was made a moment ago takes 16 MB at most, where V8 would take up to 128. Another value replaces it.
# MALLOC_ARENA_MAX: of each thread's own pool of memory, most would be empty
ENV HOST=0.0.0.0 PORT=$PORT DATA_DIR=/data NODE_OPTIONS=--max-semi-space-size=8 MALLOC_ARENA_MAX=2
RUN install --directory --owner=1000 --group=1000 --mode=0700 /data
WORKDIR /app
COPY --from=build /deployed ./
COPY deploy/healthcheck.mjs /usr/local/lib/gatehouse/
USER 1000:1000
EXPOSE $PORT
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 CMD ["node", "/usr/local/lib/gatehouse/healthcheck.mjs"]
CMD ["node", "--enable-source-maps", "--disable-warning=ExperimentalWarning", "dist/main.js"]

# Servers that speak stdio, and what they need: put in here and not when the service runs. Their install scripts run in a
# stage that has nothing of ours. The versions are pinned, those of what they depend on are npm's choice of the day.
FROM node:24-trixie-slim AS servers
ARG SERVERS
WORKDIR /servers
# word splitting is meant: several, such as "one@1.2.3 other@4.5.6"
RUN mkdir -p node_modules/.bin \
 && if [ -n "$SERVERS" ]; then npm install --no-audit --no-fund --no-update-notifier $SERVERS; fi

# The MCP server with these beside it, for a gateway that runs commands. `user: servers` in the gateway's file then runs them as
# another user than the service, which for that has to be root: see deploy/gateway/compose.yml.
#   docker build --target stdio --build-arg APP=mcp --build-arg PORT=3000 --build-arg SERVERS="some-server@1.2.3" --tag gatehouse-mcp-stdio .
FROM service AS stdio
USER 0:0
# /data has the folders of that user's commands
RUN useradd --uid 2000 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin servers \
 && chmod 0711 /data
COPY --from=servers /servers /servers
ENV PATH=/servers/node_modules/.bin:$PATH
USER 1000:1000

# what is built if no target is named
FROM service
