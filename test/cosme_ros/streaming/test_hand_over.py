# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import threading
import time

from cosme_ros.streaming.hand_over import HandOver


def taking(hand_over, taken):
    def work():
        while (item := hand_over.take()) is not None:
            taken.append(item)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def giving(hand_over, item, given):
    thread = threading.Thread(target=lambda: given.append(hand_over.give(item)))
    thread.start()
    return thread


def test_all_is_taken_in_order():
    hand_over, taken = HandOver(), []
    thread = taking(hand_over, taken)
    for item in range(1, 5001):
        assert hand_over.give(item)
    while len(taken) < 5000:
        time.sleep(0.001)
    assert hand_over.close() is None
    thread.join()
    assert taken == list(range(1, 5001))


def test_who_gives_waits_until_the_item_before_is_done_with():
    hand_over, given = HandOver(), []
    assert hand_over.give("first")
    thread = giving(hand_over, "second", given)
    time.sleep(0.05)
    assert given == [], "the first lies there"
    assert hand_over.take() == "first"
    time.sleep(0.05)
    assert given == [], "the first is being worked on"
    assert hand_over.take() == "second"
    thread.join()
    assert given == [True]


def test_there_is_no_wait_where_nothing_is_under_way():
    hand_over, taken = HandOver(), []
    thread = taking(hand_over, taken)
    for item in ("first", "second"):
        assert hand_over.give(item)
        while item not in taken:
            time.sleep(0.001)
    hand_over.close()
    thread.join()


def test_close_ends_a_waiting_give_and_gives_back_what_lies_there():
    hand_over, given = HandOver(), []
    assert hand_over.give("first")
    thread = giving(hand_over, "second", given)
    time.sleep(0.05)
    assert hand_over.close() == "first"
    thread.join()
    assert given == [False]
    assert not hand_over.give("third")
    assert hand_over.take() is None


def test_close_ends_a_waiting_take():
    hand_over, taken = HandOver(), []
    thread = taking(hand_over, taken)
    time.sleep(0.05)
    assert hand_over.close() is None
    thread.join()
    assert taken == []
