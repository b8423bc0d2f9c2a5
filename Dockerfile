# Two images: `ingestor` has what the ingestor needs and nothing else; `all`, the usual one, adds to it what the
# others need: sensor-node, monitor, and the command broker. Both have the layer with the ingestor's libraries.
FROM python:3.13.11-slim-trixie AS locked
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends binutils >/dev/null
WORKDIR /build
# What installs is in a venv of its own, which stays behind.
RUN python3 -m venv /tools && python3 -m venv --without-pip /venv
ENV INSTALL="/tools/bin/pip --python /venv/bin/python install -qq --no-cache-dir --no-deps" \
    UNINSTALL="/tools/bin/pip --python /venv/bin/python uninstall -qq -y"
COPY ingestor/requirements.lock ./
RUN $INSTALL --require-hashes -r requirements.lock

FROM locked AS libraries
RUN $UNINSTALL setuptools \
 && find /venv -name '*.so*' -type f -exec strip --strip-unneeded {} +

# What `all` has besides. Left out: the libraries' own tests, what only compilers read, and those parts of pyarrow
# that speak with services on the network.
FROM libraries AS additions
RUN cp -a /venv /before
COPY requirements.lock ./
RUN $INSTALL --require-hashes -r requirements.lock \
 && $UNINSTALL setuptools \
 && cd /venv/lib/python*/site-packages \
 && rm -rf pandas/tests numpy/tests numpy/*/tests numpy/f2py pyarrow/tests pyarrow/include pyarrow/src \
      pyarrow/*flight* pyarrow/libarrow_s3* demandlib/vdi/resources_weather \
 && find . \( -name '*.py[xi]' -o -name '*.px[di]' -o -name '*.a' \) -delete \
 && find . -name '*.so*' -type f -exec strip --strip-unneeded {} + \
 && /venv/bin/python -c 'import pandas, pyarrow.csv, pyarrow.parquet, demandlib.bdew, nicegui' \
 && cd /before && find . ! -type d -exec sh -c 'cd /venv && rm -f "$@"' sh {} + \
 && find /venv -type d -empty -delete

FROM locked AS program
RUN cp -a /venv /before
COPY pyproject.toml README.md ./
COPY broker broker
COPY sensor_node sensor_node
COPY ingestor ingestor
COPY monitor monitor
COPY stack stack
RUN $INSTALL --no-build-isolation . \
 && cd /before && find . ! -type d -exec sh -c 'cd /venv && rm -f "$@"' sh {} + \
 && find /venv -type d -empty -delete

FROM python:3.13.11-slim-trixie AS runtime
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin energy \
 && install -d -o energy -g energy /var/lib/sensor-node
COPY --from=libraries /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER energy

FROM runtime AS ingestor
COPY --from=program /venv /venv
CMD ["ingestor"]

FROM runtime AS all
COPY --from=additions /venv /venv
COPY --from=program /venv /venv
