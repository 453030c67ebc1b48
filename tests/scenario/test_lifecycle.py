"""Start, signals and end."""
import os
import resource
import signal
import socket
import threading
import time

import pytest
from gurnard import Daemon, Sink, event, free_port, record, request, value_of, wait_for


@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_stop_signal_ends_it_with_0(signo):
    daemon = Daemon()
    with daemon:
        assert daemon.stop(signo) == 0
        assert "gurnardd.stopped code=0" in daemon.whole_log()


def test_a_signal_during_the_start_is_obeyed_too():
    def holds_sigterm():
        for line in open(f"/proc/{daemon.process.pid}/status"):
            if line.startswith("SigBlk:"):
                return int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1

    daemon = Daemon(wait_ready=False).start()
    wait_for(holds_sigterm, "SIGTERM to be held")
    assert daemon.stop() == 0
    assert "gurnardd.stopped code=0" in daemon.log()


def test_what_is_queued_goes_out_before_the_end():
    with Daemon() as daemon, Sink() as sink:
        daemon.subscribe(sink.url)
        sink.hold.clear()
        for number in range(20):
            daemon.post_event(event(record(number)))
        daemon.process.send_signal(signal.SIGTERM)
        wait_for(lambda: "gurnardd.stopping" in daemon.log(), "the drain")
        sink.hold.set()
        assert daemon.stop(None) == 0
        assert len(sink.events) == 20


def test_the_drain_has_its_limit_and_what_is_left_goes_out_later():
    with Daemon("--shutdown-drain=300ms") as daemon, Sink() as sink:
        daemon.subscribe(sink.url)
        sink.hold.clear()
        daemon.post_event(event())
        assert daemon.stop() == 0
        assert "gurnardd.drain_over events=1" in daemon.whole_log()
        sink.hold.set()
        daemon.start()
        sink.wait(1)


def test_the_end_of_the_drain_with_many_attempts_under_way():
    # tearing down takes a while then: nothing that still ticks may touch what is gone
    for drain in ("40ms", "47ms", "54ms"):
        with Daemon(f"--shutdown-drain={drain}") as daemon, Sink() as sink:
            for number in range(60):
                daemon.subscribe(f"http://127.0.0.1:{sink.port}/{number}")
            sink.hold.clear()
            for number in range(4):
                daemon.post_event(event(record(number)), f"/webhook/b{number}")
            assert daemon.stop() == 0


def test_the_end_in_the_middle_of_commits():
    for _ in range(6):
        with Daemon("--shutdown-drain=0ms") as daemon:
            over = threading.Event()

            def create(number):
                for turn in range(1000):
                    if over.is_set():
                        return
                    try:
                        daemon.v1("POST", "/subscriptions", {"resource": f"/{number}/{turn}"})
                    except OSError:
                        return

            threads = [threading.Thread(target=create, args=(n,)) for n in range(8)]
            for thread in threads:
                thread.start()
            wait_for(lambda: daemon.log().count("subscription.created") > 20, "some records")
            code = daemon.stop()
            over.set()
            for thread in threads:
                thread.join()
            assert code == 0


def test_a_second_signal_ends_it_at_once():
    with Daemon("--shutdown-drain=10m") as daemon, Sink() as sink:
        daemon.subscribe(sink.url)
        sink.hold.clear()
        daemon.post_event(event())
        daemon.process.send_signal(signal.SIGTERM)
        wait_for(lambda: "gurnardd.stopping" in daemon.log(), "the drain")
        assert daemon.stop() == 0


def test_while_draining_it_is_alive_but_not_ready():
    with Daemon() as daemon, Sink() as sink:
        daemon.subscribe(sink.url)
        sink.hold.clear()
        daemon.post_event(event())
        daemon.process.send_signal(signal.SIGTERM)
        wait_for(lambda: request(daemon.admin, "GET", "/readyz")[0] == 503, "not ready")
        assert request(daemon.admin, "GET", "/livez")[0] == 200
        sink.hold.set()


def test_a_probe_under_way_does_not_hold_the_end():
    with Daemon() as daemon, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(4)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/e"
        answers = []
        thread = threading.Thread(target=lambda: answers.append(
            daemon.v1("POST", "/subscriptions", {"endpointUri": url, "resource": "/r"})[0]))
        thread.start()
        silent.accept()
        assert daemon.stop() == 0
        thread.join()
        assert answers == [503]


def test_it_starts_with_few_descriptors_and_recovers():
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (96, 96))

    with Daemon(preexec=few) as daemon, Sink() as sink:
        daemon.subscribe(sink.url)
        socks = [socket.create_connection(("127.0.0.1", daemon.webhook), timeout=30)
                 for _ in range(150)]
        for sock in socks:
            sock.close()
        assert daemon.post_event(event())[0] == 200
        sink.wait(1)


def test_a_store_that_cannot_be_made_is_one_clear_line():
    daemon = Daemon("--store-path=/proc/nope", wait_ready=False).start()
    assert daemon.process.wait(60) == 1
    assert "store.open_failed" in daemon.log()
    daemon.process = None
    daemon._tmp.cleanup()


def test_the_process_does_not_grow_under_load(daemon):
    with Sink() as sink:
        daemon.subscribe(sink.url)

        def descriptors():
            return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))

        for number in range(50):
            daemon.post_event(event(record(number)))
        sink.wait(50)
        before = descriptors()
        for number in range(50, 550):
            daemon.post_event(event(record(number)))
        sink.wait(550)
        wait_for(lambda: descriptors() <= before + 4, "as few descriptors as before")
