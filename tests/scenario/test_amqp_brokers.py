"""AMQP against brokers of others: Qpid Proton's example broker, RabbitMQ with its AMQP plugin."""
import signal
import threading

import pytest
from amqp import Application
from amqp_messages import attribute, cne_message
from brokers import ProtonBroker, RabbitMQ
from gurnard import NODE, SYSTEMS, Sink, wait_for
from test_amqp import (DELIVERED, NEWS, OTHER, firsts, number_of, on_bus, post, publish, publisher,
                       said)

KEY = f"cluster.node.{NODE}.redfish.v1.Systems"
NEWS_KEY = "news-service.sports"


@pytest.fixture(scope="module", autouse=True)
def starting():
    """RabbitMQ takes its time: it starts while the other broker's tests run."""
    broker = RabbitMQ()
    try:
        yield broker.begin()
    finally:
        broker.close()


@pytest.fixture
def rabbit(starting):
    return starting.start()


def test_the_proton_broker_carries_events_both_ways():
    with ProtonBroker() as broker, Sink() as app, on_bus(broker.port) as producer, \
            on_bus(broker.port) as consumer:
        consumer.subscribe(app.url)
        for number in range(60):
            post(producer, number, f"bmc-{number % 5}")
        app.wait(60)
        wait_for(lambda: producer.metric(DELIVERED) == 60, "all outcomes")
        assert len(app.events) == 60


def test_the_proton_broker_may_go_and_come_back():
    broker = ProtonBroker()
    with on_bus(broker.port) as daemon, Sink() as app:
        daemon.subscribe(app.url, NEWS)
        try:
            for start in (0, 20, 40):
                for number in range(start, start + 20):
                    post(daemon, number)
                broker.start()
                with Application(broker.port) as reader:
                    got = reader.receive(SYSTEMS)
                    wait_for(lambda: set(map(number_of, got.arrivals)) >=
                             set(range(start, start + 20)), "what was kept meanwhile")
                    assert firsts(map(number_of, got.arrivals)) == [*range(start, start + 20)]
                    reader.send(NEWS, cne_message(NEWS, start))
                    app.wait(start // 20 + 1)
                broker.stop()
        finally:
            broker.stop()
        assert said(app.events) == ["S0", "S20", "S40"]


def test_a_frozen_broker_is_waited_for_and_loses_nothing():
    with ProtonBroker() as broker, on_bus(broker.port) as daemon:
        post(daemon, 0)
        wait_for(lambda: daemon.metric(DELIVERED) == 1, "the first")
        broker.freeze()
        for number in range(1, 10):
            post(daemon, number)
        broker.process.send_signal(signal.SIGCONT)
        with Application(broker.port) as reader:
            got = reader.receive(SYSTEMS)
            got.wait(10)
            assert firsts(map(number_of, got.arrivals)) == [*range(10)]


def test_rabbitmq_topics_reach_all_who_listen(rabbit):
    with on_bus(rabbit.port, "--transport-amqp-pattern=rabbitmq-topic") as producer, \
            on_bus(rabbit.port, "--transport-amqp-pattern=rabbitmq-topic") as consumer, \
            Sink() as app, Application(rabbit.port) as reader:
        got = [reader.receive("/topic/" + KEY), reader.receive("/topic/cluster.#")]
        consumer.subscribe(app.url)
        wait_for(lambda: "bus.attached" in consumer.log(), "the consumer's receiver")
        for number in range(30):
            post(producer, number, f"bmc-{number % 3}")
        for inbox in got:
            assert sorted(map(number_of, inbox.wait(30))) == [*range(30)]
        assert got[0].arrivals[0].message.content_type == "application/json"
        assert attribute(got[0].arrivals[0].message, "source") == SYSTEMS
        app.wait(30)


@pytest.mark.parametrize("pattern, address", [
    ("rabbitmq-exchange:amq.direct", "/exchange/amq.direct/" + NEWS_KEY),
    ("/topic/mine.{key}", "/topic/mine." + NEWS_KEY)])
def test_rabbitmq_takes_the_address_that_the_pattern_makes(rabbit, pattern, address):
    with on_bus(rabbit.port, f"--transport-amqp-pattern={pattern}") as daemon, \
            Application(rabbit.port) as reader, Sink() as app:
        got = reader.receive(address)
        publish(daemon, publisher(daemon), 1)
        assert got.wait()[0].json()["values"][0]["value"] == "S1"
        daemon.subscribe(app.url, NEWS)
        wait_for(lambda: "bus.attached" in daemon.log(), "the receiver")
        reader.send(address, cne_message(NEWS, 2))
        wait_for(lambda: "S2" in said(app.events), "the event")


def test_an_address_that_rabbitmq_refuses_is_said_and_the_others_go_on(rabbit):
    good = "/topic/weather"
    with on_bus(rabbit.port) as daemon, Application(rabbit.port) as reader:
        got = reader.receive(good)
        bad, fine = publisher(daemon, NEWS), publisher(daemon, good)
        for number in range(5):
            publish(daemon, bad, number, NEWS)
            publish(daemon, fine, number, good)
        got.wait(5)
        wait_for(lambda: [line for line in daemon.log().splitlines()
                          if "unknown_destination" in line and f"address={NEWS} " in line],
                 "a line about it")


def test_a_queue_of_rabbitmq_keeps_events_for_a_daemon_that_is_killed(rabbit):
    queue = "/queue/news-service.weather"
    with Application(rabbit.port) as writer, Sink() as app:
        writer.receive(queue, credit=0, durable=True)
        with on_bus(rabbit.port, "--transport-amqp-pattern=/amq/queue/{key}",
                    "--transport-amqp-window=20") as daemon:
            daemon.subscribe(app.url, OTHER)
            for first in (0, 100):
                sent = writer.send("/amq" + queue,
                                   *[cne_message(OTHER, n) for n in range(first, first + 100)])
                app.wait(len(app.events) + 1)
                daemon.restart(signal.SIGKILL)
                assert {s.wait() for s in sent} == {"accepted"}
            wait_for(lambda: len(set(said(app.events))) == 200, "all")


def test_a_queue_of_rabbitmq_is_a_durable_one_whoever_made_it(rabbit):
    with on_bus(rabbit.port, "--transport-amqp-pattern=rabbitmq-queue") as daemon, \
            Application(rabbit.port) as reader, Sink() as app:
        made = reader.receive("/queue/made.before", durable=True)
        by = {name: publisher(daemon, "/made/" + name) for name in ("before", "after")}
        publish(daemon, by["before"], 1, "/made/before")
        made.wait()
        publish(daemon, by["after"], 2, "/made/after")
        wait_for(lambda: daemon.metric(DELIVERED) == 2, "both")
        reader.receive("/queue/made.after", durable=True).wait()
        kept = reader.receive("/queue/" + NEWS_KEY, credit=0, durable=True)
        daemon.subscribe(app.url, NEWS)
        reader.send("/amq/queue/" + NEWS_KEY, cne_message(NEWS, 3))
        app.wait(1)
        assert kept.refused is None


def test_a_restart_of_rabbitmq_under_load_loses_nothing_and_repeats_little(rabbit):
    window, count, queue = 10, 400, "/amq/queue/" + KEY
    with Application(rabbit.port) as maker:
        maker.receive("/queue/" + KEY, credit=0, durable=True)
    with on_bus(rabbit.port, "--transport-amqp-pattern=/amq/queue/{key}",
                f"--transport-amqp-window={window}") as daemon:
        def load():
            for number in range(count):
                post(daemon, number, f"bmc-{number % 20}")

        poster = threading.Thread(target=load)
        poster.start()
        wait_for(lambda: daemon.metric(DELIVERED) > 50, "the load")
        rabbit.stop()
        rabbit.start()
        poster.join()
        wait_for(lambda: daemon.metric(DELIVERED) == count, "all outcomes")
        with Application(rabbit.port) as reader:
            got = reader.receive(queue)
            wait_for(lambda: len(set(got.ids())) == count, "all events")
            assert len(got.arrivals) - count <= window
