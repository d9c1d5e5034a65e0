# Two stages: the first installs and collects, the second only runs. tests/house/test_image.py runs these very commands.
FROM python:3.13-slim AS build
WORKDIR /app
RUN python -m venv /venv
# EXTRAS=sso adds what single sign-on needs.
ARG EXTRAS=
COPY requirements.txt requirements-sso.txt constraints.txt ./
RUN /venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check -r "requirements${EXTRAS:+-$EXTRAS}.txt"
COPY . .
# The key is for this one command: without one the settings refuse to load, and nothing of it stays.
RUN SECRET_KEY=only-to-collect-files-while-the-image-is-built /venv/bin/python manage.py collectstatic --noinput

FROM python:3.13-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DATABASE_URL=sqlite:////data/db.sqlite3
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /app stitch \
    && install -d -o stitch -g stitch /data
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
USER 10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('PORT') or 8000), timeout=3); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
CMD ["gunicorn", "-c", "gunicorn.conf.py", "cms_project.asgi:application"]
