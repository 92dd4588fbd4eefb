# One recipe for both services. APP is the folder below apps/, PORT what it listens on:
#   docker build --build-arg APP=auth --build-arg PORT=4000 --tag gatehouse-auth .
FROM node:24-trixie-slim AS build
WORKDIR /workspace
ENV CI=true
# the version of pnpm is the one in package.json
COPY package.json ./
RUN npm install --global "$(node --print 'JSON.parse(fs.readFileSync("package.json")).packageManager')"
COPY . .
# Both images need this same step; locked, the second one to come finds what the first one downloaded. Fewer connections
# than pnpm opens by itself: behind some proxies it then waits for minutes.
RUN --mount=type=cache,id=gatehouse-pnpm,target=/pnpm,sharing=locked \
    pnpm install --frozen-lockfile --store-dir=/pnpm --network-concurrency=16 \
      --filter gatehouse --filter '@gatehouse/auth...' --filter '@gatehouse/mcp...' \
 && node_modules/.bin/tsc -b apps/auth apps/mcp
ARG APP
RUN --mount=type=cache,id=gatehouse-pnpm,target=/pnpm,sharing=locked \
    pnpm deploy --prod --store-dir=/pnpm --filter "@gatehouse/$APP" /deployed \
 && rm -rf /deployed/src /deployed/node_modules/.pnpm/@gatehouse*/node_modules/@gatehouse/*/src

FROM node:24-trixie-slim
ARG PORT
# HOST: in a container nobody can reach a service that listens on the container's own loopback
ENV HOST=0.0.0.0 PORT=$PORT DATA_DIR=/data
RUN install --directory --owner=1000 --group=1000 --mode=0700 /data
WORKDIR /app
COPY --from=build /deployed ./
COPY deploy/healthcheck.mjs /usr/local/lib/gatehouse/
USER 1000:1000
EXPOSE $PORT
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 CMD ["node", "/usr/local/lib/gatehouse/healthcheck.mjs"]
CMD ["node", "--enable-source-maps", "--disable-warning=ExperimentalWarning", "dist/main.js"]
