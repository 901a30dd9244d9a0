import threading
import time

from cosme_ros.latest_slot import LatestSlot


def test_the_newest_wins_and_what_it_displaced_is_told():
    slot = LatestSlot()
    assert slot.put("first") is None
    assert slot.put("second") == "first"
    assert slot.put("third") == "second"
    assert slot.take() == "third"
    assert slot.put("fourth") is None


def test_take_waits_for_an_item():
    slot = LatestSlot()
    taken = []
    thread = threading.Thread(target=lambda: taken.append(slot.take()))
    thread.start()
    time.sleep(0.05)
    assert thread.is_alive()
    slot.put("late")
    thread.join(10)
    assert taken == ["late"]


def test_close_ends_a_waiting_take():
    slot = LatestSlot()
    taken = []
    thread = threading.Thread(target=lambda: taken.append(slot.take()))
    thread.start()
    assert slot.close() is None
    thread.join(10)
    assert taken == [None]


def test_what_a_closed_slot_holds_or_is_offered_is_given_back():
    slot = LatestSlot()
    slot.put("waiting")
    assert slot.close() == "waiting"
    assert slot.put("late") == "late"
    assert slot.take() is None


def test_every_item_is_taken_or_given_back_under_two_threads():
    slot = LatestSlot()
    taken = []

    def work():
        while (item := slot.take()) is not None:
            taken.append(item)

    thread = threading.Thread(target=work)
    thread.start()
    given_back = [item for n in range(1, 20001) if (item := slot.put(n)) is not None]
    leftover = slot.close()
    thread.join(10)
    assert sorted(taken + given_back + ([leftover] if leftover else [])) == list(range(1, 20001))
    assert taken == sorted(taken)
