# Two images: `ingestor` has what the ingestor needs and nothing else; `all`, the usual one, has every process:
# sensor-node, ingestor, monitor, and the command broker.
FROM python:3.13.11-slim-trixie AS venv
WORKDIR /build
RUN python3 -m venv /venv
COPY ingestor/requirements.lock ./
RUN /venv/bin/pip install -qq --no-cache-dir --no-deps --require-hashes -r requirements.lock

FROM venv AS wheel
COPY pyproject.toml README.md ./
COPY broker broker
COPY sensor_node sensor_node
COPY ingestor ingestor
COPY monitor monitor
COPY stack stack
RUN /venv/bin/pip wheel -qq --no-deps --no-build-isolation --wheel-dir /wheel .

FROM venv AS ingestor-venv
COPY --from=wheel /wheel /wheel
# What only installing needs stays behind.
RUN /venv/bin/pip install -qq --no-cache-dir --no-deps /wheel/*.whl \
 && /venv/bin/pip uninstall -qq -y setuptools pip

FROM venv AS all-venv
COPY requirements.lock ./
RUN /venv/bin/pip install -qq --no-cache-dir --no-deps --require-hashes -r requirements.lock
COPY --from=wheel /wheel /wheel
RUN /venv/bin/pip install -qq --no-cache-dir --no-deps /wheel/*.whl \
 && /venv/bin/pip uninstall -qq -y setuptools pip

FROM python:3.13.11-slim-trixie AS ingestor
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin energy
COPY --from=ingestor-venv /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER energy
CMD ["ingestor"]

FROM python:3.13.11-slim-trixie AS all
# For mosquitto_passwd, which hashes the passwords of the broker's users.
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends mosquitto >/dev/null \
 && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin energy \
 && install -d -o energy -g energy /var/lib/sensor-node
COPY --from=all-venv /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER energy
CMD ["ingestor"]
