# syntax=docker/dockerfile:1
# Flowkeep in a container: docker build -t flowkeep . && docker compose up

# The dashboard and GraphiQL, from web/ into graph/http/static.
FROM node:24-slim AS page
WORKDIR /src/web
COPY web/package.json web/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY web ./
COPY schema.graphql ../
RUN npm run build

# The wheel, and a virtual environment with it at the locked versions; nothing is compiled.
FROM python:3.13-slim AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/flowkeep
COPY pyproject.toml hatch_build.py requirements.lock README.md LICENSE schema.graphql ./
COPY flowkeep ./flowkeep
COPY db ./db
COPY graph ./graph
COPY migrations ./migrations
COPY --from=page /src/graph/http/static ./graph/http/static
RUN pip wheel --no-deps --wheel-dir dist .
RUN /opt/flowkeep/bin/pip install --only-binary :all: --constraint requirements.lock "$(ls dist/*.whl)[telemetry]"
RUN /opt/flowkeep/bin/pip uninstall --yes pip

# What runs: Python, the environment, and a user who owns nothing.
FROM python:3.13-slim
LABEL org.opencontainers.image.title="Flowkeep" org.opencontainers.image.licenses="MIT"
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin flowkeep
COPY --from=build /opt/flowkeep /opt/flowkeep
ENV PATH=/opt/flowkeep/bin:$PATH PYTHONUNBUFFERED=1 FLOWKEEP_HOST=0.0.0.0 FLOWKEEP_LOG_FORMAT=json
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ.get('FLOWKEEP_PORT', '8000') + '/livez', timeout=4)"]
ENTRYPOINT ["flowkeep"]
CMD ["serve"]
