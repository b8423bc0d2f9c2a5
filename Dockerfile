# One image for all processes of the Energy Monitor: sensor-node, ingestor, monitor, and the command broker.
FROM python:3.13.11-slim-trixie AS build
WORKDIR /build
RUN python3 -m venv /venv
COPY requirements.lock ./
RUN /venv/bin/pip install -qq --no-cache-dir --no-deps --require-hashes -r requirements.lock
COPY pyproject.toml README.md ./
COPY broker broker
COPY sensor_node sensor_node
COPY ingestor ingestor
COPY monitor monitor
COPY stack stack
# What only installing needs stays behind.
RUN /venv/bin/pip install -qq --no-cache-dir --no-deps --no-build-isolation . \
 && /venv/bin/pip uninstall -qq -y setuptools pip

FROM python:3.13.11-slim-trixie
# For mosquitto_passwd, which hashes the passwords of the broker's users.
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends mosquitto >/dev/null \
 && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin energy \
 && install -d -o energy -g energy /var/lib/sensor-node
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER energy
CMD ["ingestor"]
