# The image for SageMaker: trains with `train`, hosts with `serve`; with any other arguments it is the command line.
# docs/container.md says how to build and run it. Only what scripts/replayDockerfile.mjs can replay is used here.

FROM node:22-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json LICENSE ./
COPY scripts/build.mjs scripts/
COPY src src
COPY console console
COPY test test
COPY examples examples
RUN npm run build
# The published package decides what belongs to it: no tests, nothing that only they need.
RUN npm pack
RUN mkdir /package
RUN tar -xzf ip-insights-*.tgz -C /package --strip-components=1
RUN npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:22-bookworm-slim
# For training on several hosts. Keys of sshd that were part of an image would be everybody's; each job makes its own.
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openmpi-bin openssh-client openssh-server && rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_* && mkdir -p /run/sshd
WORKDIR /opt/ip-insights
COPY --from=build /build/node_modules node_modules
COPY --from=build /package/package.json /package/LICENSE ./
COPY --from=build /package/dist dist
ENV NODE_ENV=production
LABEL org.opencontainers.image.title="ip-insights" \
      org.opencontainers.image.licenses="Apache-2.0"
LABEL com.amazonaws.sagemaker.capabilities.multi-models=true
LABEL com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true
EXPOSE 8080
# No USER: SageMaker runs containers as root and mounts folders that root owns. Elsewhere, give any other one
# with --user; it needs to write to /opt/ml alone.
ENTRYPOINT ["node", "/opt/ip-insights/dist/container/main.js"]
