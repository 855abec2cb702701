"""Airflow DAG: one sync every half hour, on the machine that holds the shelf.

Airflow 3 with ``apache-airflow-providers-standard``. For Airflow 2 import ``DAG`` from ``airflow`` and
``BashOperator`` from ``airflow.operators.bash``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

OPENSHELF = "/opt/openshelf/.venv/bin/openshelf"
CONFIG = "/etc/openshelf/openshelf.yaml"

with DAG(
    dag_id="openshelf_sync",
    schedule="*/30 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,  # a sync brings everything up to date, however many were missed
    max_active_runs=1,  # no overlap
    tags=["openshelf"],
) as dag:
    BashOperator(
        task_id="sync",
        bash_command=f"{OPENSHELF} --log json sync",
        # Secrets are read from .env beside the YAML, so that Airflow neither stores nor shows them.
        env={"OPENSHELF_CONFIG": CONFIG},
        append_env=True,
        # 3: finished, but some documents failed. Shown as skipped; the next run tries those documents again.
        skip_on_exit_code=3,
        # 1: a source could not be synced. Every run goes on from what the last one committed, so trying again is cheap.
        retries=2,
        retry_delay=timedelta(minutes=5),
        execution_timeout=timedelta(hours=6),  # then SIGTERM: what was committed stays
        # On several workers: the queue of the one that has the shelf on its disk.
        queue="default",
    )
