"""What the brokers are told."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from aimass.broker.cluster import Cluster, load_cluster, merge, new_cluster
from aimass.broker.config import broker_command, java_options, log4j2_xml, render_properties, server_properties
from aimass.broker.errors import ClusterMismatch, NoSuchBroker
from aimass.broker.java import write_args
from aimass.broker.processes import marker
from aimass.broker.spec import KafkaSpec


def cluster_of(brokers: int, home: Path) -> Cluster:
    cluster = new_cluster(KafkaSpec(home=home, brokers=brokers), "4.4.0")
    ports = tuple(range(9092, 9092 + brokers))
    return replace(cluster, ports=ports, controller_ports=tuple(port + 100 for port in ports))


@pytest.mark.parametrize(("brokers", "copies", "in_sync"), [(1, "1", "1"), (3, "3", "2")])
def test_replication_follows_the_number_of_brokers(tmp_path: Path, brokers: int, copies: str, in_sync: str) -> None:
    cluster = cluster_of(brokers, tmp_path)
    settings = server_properties(cluster, cluster.node(0), tmp_path)
    for name in ("default", "offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
        assert settings[f"{name}.replication.factor"] == copies
    for name in ("min.insync.replicas", "transaction.state.log.min.isr", "share.coordinator.state.topic.min.isr"):
        assert settings[name] == in_sync


def test_every_broker_knows_the_same_voters_and_listens_on_loopback_only(tmp_path: Path) -> None:
    cluster = cluster_of(3, tmp_path)
    all_settings = [server_properties(cluster, node, node.data) for node in cluster.nodes]
    assert {settings["controller.quorum.voters"] for settings in all_settings} == {
        "0@127.0.0.1:9192,1@127.0.0.1:9193,2@127.0.0.1:9194"
    }
    assert [settings["node.id"] for settings in all_settings] == ["0", "1", "2"]
    for settings in all_settings:
        addresses = f"{settings['listeners']},{settings['advertised.listeners']}".split(",")
        assert all("://127.0.0.1:" in address for address in addresses)


def test_a_large_record_can_be_replicated(tmp_path: Path) -> None:
    cluster = cluster_of(1, tmp_path)
    settings = server_properties(cluster, cluster.node(0), tmp_path)
    assert int(settings["replica.fetch.max.bytes"]) >= int(settings["message.max.bytes"]) == 8 * 1024 * 1024


def test_a_home_with_any_letter_reaches_kafka() -> None:
    assert render_properties({"log.dirs": "/home/zoë/a\\b"}) == "log.dirs=/home/zo\\u00eb/a\\\\b\n"


def test_memory_is_bounded(tmp_path: Path) -> None:
    cluster = cluster_of(1, tmp_path)
    assert "-Xmx512m" in java_options(cluster, cluster.node(0))


def test_the_marker_is_the_first_argument(tmp_path: Path) -> None:
    node = cluster_of(1, tmp_path).node(0)
    assert broker_command(Path("java"), node)[1] == marker(node.folder)


def test_the_class_path_names_each_jar(tmp_path: Path) -> None:
    write_args(tmp_path / "java.args", ["-Da=b c"], [Path("/x y/one.jar"), Path("/two.jar")])
    assert (tmp_path / "java.args").read_text() == '"-Da=b c"\n"-cp"\n"/x y/one.jar:/two.jar"\n'


def test_logs_are_bounded(tmp_path: Path) -> None:
    node = cluster_of(1, tmp_path / "a&b").node(0)
    root = ElementTree.fromstring(log4j2_xml(node))
    assert root.find(".//RollingFile").attrib["fileName"] == str(node.log_file)  # type: ignore[union-attr]
    assert root.find(".//SizeBasedTriggeringPolicy") is not None


def test_a_description_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    cluster = cluster_of(3, tmp_path)
    cluster.save()
    assert load_cluster(tmp_path) == cluster


def test_a_home_that_moved_is_described_where_it_is(tmp_path: Path) -> None:
    cluster_of(1, tmp_path / "old").save()
    (tmp_path / "old").rename(tmp_path / "new")
    found = load_cluster(tmp_path / "new")
    assert found is not None
    assert found.node(0).folder == tmp_path / "new" / "kafka" / "node-0"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"spec": {}}', '{"spec": {"home": "x", "colour": 1}}'])
def test_a_damaged_description_says_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "cluster.json").write_text(text)
    with pytest.raises(ClusterMismatch, match="move"):
        load_cluster(tmp_path)


def test_data_without_a_description_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "kafka" / "node-0" / "data").mkdir(parents=True)
    with pytest.raises(ClusterMismatch, match="Put it back"):
        load_cluster(tmp_path)


def test_a_home_keeps_its_number_of_brokers(tmp_path: Path) -> None:
    with pytest.raises(ClusterMismatch, match="--brokers 1"):
        merge(cluster_of(1, tmp_path), KafkaSpec(home=tmp_path, brokers=3), "4.4.0")


def test_three_brokers_will_do_for_who_wants_one(tmp_path: Path) -> None:
    assert merge(cluster_of(3, tmp_path), KafkaSpec(home=tmp_path), "4.4.0").spec.brokers == 3


def test_other_wishes_change_with_each_start(tmp_path: Path) -> None:
    before = cluster_of(1, tmp_path)
    after = merge(before, KafkaSpec(home=tmp_path, heap_mb=700), "4.5.0")
    assert (after.cluster_id, after.spec.heap_mb, after.version) == (before.cluster_id, 700, "4.5.0")


def test_there_is_no_fourth_broker_of_three(tmp_path: Path) -> None:
    with pytest.raises(NoSuchBroker, match="0 to 2"):
        cluster_of(3, tmp_path).node(3)


@pytest.mark.parametrize("wish", [{"brokers": 2}, {"port": -1}, {"port": 70_000}])
def test_impossible_wishes_are_refused(wish: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="choose"):
        KafkaSpec(home=Path(), **wish)  # type: ignore[arg-type]
