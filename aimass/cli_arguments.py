"""The arguments of the `aimass` command: one function a command, each with its examples."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aimass.cli_alerts import add_alerts
from aimass.cli_audit import add_audit
from aimass.cli_collect import add_collect
from aimass.cli_contracts import add_contract
from aimass.cli_deliveries import add_deliveries
from aimass.cli_help import Commands, add_action, add_json
from aimass.cli_quality import add_quality
from aimass.cli_recommend import add_profile, add_recommend
from aimass.cli_report import add_report
from aimass.cli_review import add_review
from aimass.cli_rules import add_backtest, add_rules, add_why
from aimass.cli_types import agents, port, positive, start_of
from aimass.settings import AGENTS, Settings

_SUMMARY = """\
Event-sourced stream processing for online machine learning on Kafka.

{commands}
Start here:
  aimass demo                        the whole thing on real data, in a minute or two
  aimass run pipeline.toml           your own pipeline, with a Kafka of its own
  aimass produce my.events f.jsonl   events into it
  aimass tail my-pipeline.alerts     what comes out

Each command explains itself: aimass COMMAND --help
Settings are environment variables (AIMASS_…): docs/reference/settings.md
"""


def build_parser(version: str) -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    parser = argparse.ArgumentParser(prog="aimass", formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="version", version=f"aimass {version}")
    commands = Commands(parser)
    pipelines = (_run, _worker, _validate, _try, _replay)
    for add in (_demo, _up, _down, _status, add_alerts, *pipelines, _produce, _tail, _links, _topics, _deadletters):
        add(commands)
    add_contract(commands)
    for add in (add_quality, add_report):
        add(commands)
    for add in (add_rules, add_why, add_backtest, add_profile, add_recommend, add_deliveries):
        add(commands)
    for add in (add_review, add_collect, add_audit):
        add(commands)
    parser.usage = "aimass COMMAND [options]"
    parser.description = _SUMMARY.format(commands=commands.describe())
    return parser


def _demo(commands: Commands) -> None:
    def run(settings: Settings, given: Any) -> int:
        from aimass.commands.demo import demo

        return demo(settings, keep=given.keep, rate=given.rate, as_json=given.json)

    command = commands.add(
        "See it work",
        "demo",
        "stream 49,097 rows of space-shuttle telemetry through Kafka into anomalies and alerts",
        "aimass demo\naimass demo --keep     # leave everything running, to look around\naimass demo --rate 2000",
        run,
    )
    command.add_argument("--keep", action="store_true", help="leave Kafka, the worker and the topics afterwards")
    command.add_argument("--rate", type=positive, metavar="N", help="produce N events a second (default: all at once)")
    add_json(command)


def _up(commands: Commands) -> None:
    def run(settings: Settings, given: Any) -> int:
        from aimass.commands.broker import up

        return up(settings, brokers=given.brokers, port=given.port, as_json=given.json)

    command = commands.add(
        "Kafka",
        "up",
        "start the embedded Kafka (a real Apache Kafka, from pip alone)",
        "aimass up\naimass up --brokers 3 --port 19092",
        run,
    )
    command.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="1, or 3 with replication (default 1)")
    command.add_argument("--port", type=port, help="the first broker's port (default 9092; 0: a free one)")
    add_json(command)


def _down(commands: Commands) -> None:
    def run(settings: Settings, given: Any) -> int:
        from aimass.commands.broker import down

        return down(settings, as_json=given.json)

    add_json(commands.add("Kafka", "down", "stop the embedded Kafka; its data stays", "aimass down", run))


def _topics(commands: Commands) -> None:
    command = commands.add(
        "Kafka",
        "topics",
        "list, create, show and delete topics",
        "aimass topics list\naimass topics create pipeline.toml\naimass topics show shuttle.alerts",
        lambda settings, given: 2,
    )
    sub = command.add_subparsers(metavar="ACTION", required=True)

    def action(name: str, help: str, examples: str) -> argparse.ArgumentParser:
        def run(settings: Settings, given: Any) -> int:
            from aimass.commands import topics

            if name == "list":
                return topics.list_all(settings, as_json=given.json)
            return int(getattr(topics, name)(settings, given.what, as_json=given.json))

        made = add_action(sub, name, help, examples, run)
        add_json(made)
        return made

    action("list", "list all topics", "aimass topics list --json")
    files = action("create", "create the topics that pipelines need", "aimass topics create pipeline.toml")
    _pipelines(files, dest="what")
    shown = action("show", "show a topic's partitions and settings", "aimass topics show shuttle.alerts")
    shown.add_argument("what", metavar="TOPIC", help="its name")
    doomed = action("delete", "delete topics with all their records", "aimass topics delete old.events")
    doomed.add_argument("what", metavar="TOPIC", nargs="+", help="its name")


def _status(commands: Commands) -> None:
    def run(settings: Settings, given: Any) -> int:
        from aimass.commands.status import status

        return status(settings, pipeline=given.pipeline, watch=given.watch, as_json=given.json)

    command = commands.add(
        "Watch",
        "status",
        "Kafka, workers and pipelines at a glance: lag, throughput, restore progress, commit age",
        "aimass status\naimass status shuttle --watch\naimass status --json",
        run,
    )
    command.add_argument("pipeline", nargs="?", metavar="PIPELINE", help="only this one, by its name")
    command.add_argument("--watch", action="store_true", help="again every second, until Ctrl-C")
    add_json(command)


def _run(commands: Commands) -> None:
    def run(settings: Settings, given: Any) -> int:
        from aimass.commands.run import run

        return run(settings, given.files)

    command = commands.add(
        "Pipelines",
        "run",
        "run pipelines with all they need: Kafka, topics and a worker, until Ctrl-C",
        "aimass run pipeline.toml\nAIMASS_BOOTSTRAP_SERVERS=kafka:9092 aimass run a.toml b.toml",
        run,
    )
    _pipelines(command)


def _worker(commands: Commands) -> None:
    def run(settings: Settings, given: Any) -> int:
        from aimass.commands.run import worker

        return worker(settings, given.files, given.agents)

    command = commands.add(
        "Pipelines",
        "worker",
        "run one worker; several share the partitions of a pipeline",
        "aimass worker pipeline.toml\naimass worker pipeline.toml --agents score,decide",
        run,
    )
    _pipelines(command)
    command.add_argument(
        "--agents",
        type=agents,
        default=agents(",".join(AGENTS)),
        metavar="A,B",
        help=f"which of {', '.join(AGENTS)} it runs (default: all)",
    )


def _validate(commands: Commands) -> None:
    def run(settings: Settings, given: Any) -> int:
        from aimass.commands.run import validate

        return validate(settings, given.files, as_json=given.json)

    command = commands.add(
        "Pipelines", "validate", "check pipeline files; nothing is started", "aimass validate pipeline.toml", run
    )
    _pipelines(command)
    add_json(command)


def _replay(commands: Commands) -> None:
    def run(settings: Settings, given: Any) -> int:
        from aimass.commands.replay import replay

        return replay(settings, given.file, from_=given.start, compared=given.compare, as_json=given.json)

    command = commands.add(
        "Pipelines",
        "replay",
        "run a pipeline again over its log, into separate topics, and compare",
        "aimass replay pipeline.toml --compare\naimass replay pipeline.toml --from 2026-05-01T12:00:00Z",
        run,
    )
    command.add_argument("file", type=Path, metavar="PIPELINE.toml", help="the pipeline")
    _from(command, "beginning")
    command.add_argument("--compare", action="store_true", help="compare with what the pipeline said the first time")
    add_json(command)


def _produce(commands: Commands) -> None:
    def run(settings: Settings, given: Any) -> int:
        from aimass.commands.produce import produce

        return produce(
            settings,
            given.topic,
            given.file,
            form=given.format,
            key=given.key,
            time=given.time,
            rate=given.rate,
            speed=given.speed,
            create=given.create,
            as_json=given.json,
        )

    command = commands.add(
        "Data",
        "produce",
        "send a file's lines to a topic",
        """aimass produce sensors readings.jsonl --key pump --create 4
        aimass produce sensors readings.csv --key pump --rate 500
        aimass produce sensors readings.jsonl --time ts --speed 10    # ten times as fast as it happened
        tail -f app.log.jsonl | aimass produce logs -""",
        run,
    )
    command.add_argument("topic", metavar="TOPIC", help="where to")
    command.add_argument(
        "file", metavar="FILE", help="JSON lines (.jsonl, .ndjson, .json) or .csv; - is standard input"
    )
    command.add_argument("--format", choices=("jsonl", "csv"), help="when the file's name does not say it")
    command.add_argument("--key", metavar="FIELD", help="path of the field that is the record's key, such as device.id")
    command.add_argument("--time", metavar="FIELD", help="path of the field that is the event's time, for --speed")
    command.add_argument("--rate", type=positive, metavar="N", help="at most N records a second")
    command.add_argument("--speed", type=positive, metavar="X", help="X times as fast as the events happened")
    command.add_argument("--create", type=int, metavar="N", help="create the topic with N partitions, if it is missing")
    add_json(command)


def _try(commands: Commands) -> None:
    def run(settings: Settings, given: Any) -> int:
        from aimass.commands.trying import try_out

        return try_out(given.pipeline, given.file, topic=given.topic, limit=given.limit, as_json=given.json)

    command = commands.add(
        "Pipelines",
        "try",
        "run a file's events through a pipeline in memory: what models see and say of the last ones",
        "aimass try pipeline.toml readings.jsonl\naimass try pipeline.toml readings.csv -n 1 --json",
        run,
    )
    command.add_argument("pipeline", type=Path, metavar="PIPELINE.toml", help="the pipeline")
    command.add_argument("file", type=Path, metavar="FILE", help="its events: JSON lines or CSV, in their order")
    command.add_argument("--topic", help="the source that they are of (default: the pipeline's first)")
    command.add_argument("-n", "--limit", type=int, default=3, metavar="N", help="how many to show (default 3)")
    add_json(command)


def _links(commands: Commands) -> None:
    def run(settings: Settings, given: Any) -> int:
        from aimass.commands.links import show

        return show(settings, given.pipeline, group=given.group, as_json=given.json)

    command = commands.add(
        "Data",
        "links",
        "show which series move together, with what lag, since when",
        "aimass links plant\naimass links plant --group north --json",
        run,
    )
    command.add_argument("pipeline", metavar="PIPELINE", help="the pipeline's name; it has a [[correlation]]")
    command.add_argument("--group", help="only the links of one group")
    add_json(command)


def _tail(commands: Commands) -> None:
    def run(settings: Settings, given: Any) -> int:
        from aimass.commands.tail import tail

        return tail(
            settings,
            given.topic,
            from_=given.start,
            key=given.key,
            limit=given.limit,
            as_json=given.json,
            until_end=given.until_end,
        )

    command = commands.add(
        "Watch",
        "tail",
        "print what comes on a topic, as it is committed",
        """aimass tail shuttle.alerts
        aimass tail shuttle.predictions --from beginning -n 5
        aimass tail shuttle.alerts --json --key vehicle-3 --from beginning --until-end | jq .value""",
        run,
    )
    command.add_argument("topic", metavar="TOPIC", help="such as shuttle.alerts")
    _from(command, "end")
    command.add_argument("--key", help="only records of this key")
    command.add_argument("-n", dest="limit", type=int, metavar="N", help="stop after N records")
    command.add_argument("--until-end", action="store_true", help="stop after all that is there now")
    add_json(command)


def _deadletters(commands: Commands) -> None:
    command = commands.add(
        "Data",
        "deadletters",
        "list, show and send back what no stage could accept",
        """aimass deadletters list shuttle
        aimass deadletters show shuttle --id shuttle.deadletters-0-3
        aimass deadletters redrive shuttle --all --reason "not JSON\"""",
        lambda settings, given: 2,
    )
    sub = command.add_subparsers(metavar="ACTION", required=True)
    listed = add_action(
        sub, "list", "list dead letters", "aimass deadletters list shuttle --json", _deadletters_run("list")
    )
    shown = add_action(
        sub,
        "show",
        "show one dead letter whole",
        "aimass deadletters show shuttle --id shuttle.deadletters-0-3",
        _deadletters_run("show"),
    )
    sent = add_action(
        sub,
        "redrive",
        "send dead letters back as they came",
        "aimass deadletters redrive shuttle --all",
        _deadletters_run("redrive"),
    )
    for made in (listed, shown, sent):
        made.add_argument("pipeline", metavar="PIPELINE", help="its name")
        add_json(made)
    for made in (listed, sent):
        made.add_argument("--reason", metavar="TEXT", help="only those whose reason contains this")
    shown.add_argument("--id", required=True, help="TOPIC-PARTITION-OFFSET, as `list` shows it")
    sent.add_argument("--id", help="one of them: TOPIC-PARTITION-OFFSET, as `list` shows it")
    sent.add_argument("--all", action="store_true", help="all that were not sent back before")


def _deadletters_run(action: str) -> Callable[[Settings, Any], int]:
    def run(settings: Settings, given: Any) -> int:
        from aimass.commands import deadletters

        if action == "list":
            return deadletters.list_all(settings, given.pipeline, reason=given.reason, as_json=given.json)
        if action == "show":
            return deadletters.show(settings, given.pipeline, given.id, as_json=given.json)
        return deadletters.redrive(
            settings, given.pipeline, wanted=given.id, everything=given.all, reason=given.reason, as_json=given.json
        )

    return run


def _pipelines(command: argparse.ArgumentParser, dest: str = "files") -> None:
    command.add_argument(dest, nargs="+", type=Path, metavar="PIPELINE.toml", help="one or several pipelines")


def _from(command: argparse.ArgumentParser, default: str) -> None:
    command.add_argument(
        "--from",
        dest="start",
        type=start_of,
        default=default,
        metavar="WHERE",
        help=f"beginning, end, an offset, or a time (ISO 8601; UTC unless it says otherwise); default {default}",
    )
