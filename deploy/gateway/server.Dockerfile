# A server of npm that speaks Streamable HTTP, in an image of its own.
#   docker build --build-arg SERVER=some-server@1.2.3 --file server.Dockerfile .
FROM node:24-trixie-slim
ARG SERVER
WORKDIR /server
RUN npm install --no-audit --no-fund --no-update-notifier "$SERVER"
ENV PATH=/server/node_modules/.bin:$PATH
USER 1000:1000
