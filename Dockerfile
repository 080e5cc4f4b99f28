# The bot with its models inside: nothing is downloaded when it starts.
#   docker build -t article-bot . && docker run --env-file .env -v article-bot:/data article-bot
FROM python:3.13-slim AS build
# torch from PyTorch's own index for processors; PyPI's comes with gigabytes for GPUs.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /build
RUN python -m venv /venv
RUN /venv/bin/pip install --no-cache-dir --index-url "$TORCH_INDEX" torch==2.13.0
COPY pyproject.toml README.md LICENSE THIRD-PARTY.md ./
COPY bot bot
COPY index index
RUN /venv/bin/pip install --no-cache-dir '.[postgres]'

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin bot \
    && install -d -o bot -g bot /data
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    DATA_DIR=/data \
    HF_HUB_OFFLINE=1 \
    HTTP_ADDRESS=0.0.0.0:8080 \
    LOG_FORMAT=json \
    PYTHONUNBUFFERED=1
USER 10001
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD \
    ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:%s/livez' % os.environ['HTTP_ADDRESS'].rpartition(':')[2], timeout=4)"]
ENTRYPOINT ["article-bot"]
