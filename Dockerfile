# The worker's image. Build it from a clone: docker build -t aimass .
FROM python:3.11-slim AS build
WORKDIR /src
COPY . .
RUN pip install --no-cache-dir build && python -m build --wheel --outdir /wheels

FROM python:3.11-slim
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir /wheels/*.whl && rm -r /wheels \
    && useradd --create-home --uid 1000 aimass \
    && install -d -o aimass /var/lib/aimass
ENV AIMASS_HOME=/var/lib/aimass \
    PYTHONUNBUFFERED=1
USER aimass
VOLUME /var/lib/aimass
ENTRYPOINT ["aimass"]
CMD ["--help"]
