"""Calibrations that a run begins with, and a board that starts anew in the middle of them."""

from concurrent.futures import Future

import pytest

from turgor_host.calibrate.certificate import Certificate
from turgor_host.commands import Commands
from turgor_host.errors import TurgorError
from turgor_host.hand_over import HandOver


def certificate(channel: str = "calf_l") -> Certificate:
    return Certificate("e6613852835f1c2e", channel, "NAU7802", (0, 0, 0, 0), 0.0)


class Answers(Commands):
    """Two parts for every calibration and two for a configuration, whose answers the test gives."""

    def __init__(self) -> None:
        super().__init__(1)
        self.given: list[Future[str]] = []

    def calibrate(self, certificate: Certificate) -> list["Future[str]"]:
        answers: list[Future[str]] = [Future(), Future()]
        self.given += answers
        return answers

    def configure(self, image: bytes) -> list["Future[str]"]:
        return self.calibrate(certificate())


@pytest.fixture
def both() -> tuple[HandOver, Answers]:
    answers = Answers()
    return HandOver(answers, b"", [certificate()]), answers


def test_by_hand(both: tuple[HandOver, Answers]) -> None:
    hand_over, answers = both
    assert not hand_over.is_under_way
    hand_over.greeted(is_new_boot=True)
    hand_over.greeted(is_new_boot=False)
    for answer in answers.given:
        assert hand_over.is_under_way
        answer.set_result("")
        assert list(hand_over.look()) == []
    assert not hand_over.is_under_way
    assert len(answers.given) == 2


def test_a_configuration_is_handed_over_once() -> None:
    answers = Answers()
    hand_over = HandOver(answers, b"image", [])
    for _ in range(2):
        hand_over.greeted(is_new_boot=True)
    for answer in answers.given:
        answer.set_result("")
    assert list(hand_over.look()) == ["the configuration is kept; it is in force when the board is restarted"]
    assert len(answers.given) == 2


def test_what_is_refused_at_the_start_ends_the_run(both: tuple[HandOver, Answers]) -> None:
    hand_over, answers = both
    hand_over.greeted(is_new_boot=True)
    answers.given[0].set_result("channel 0 has no sensor here")
    with pytest.raises(TurgorError, match="has not taken the calibration of calf_l: channel 0 has no sensor here"):
        list(hand_over.look())


def test_a_board_that_starts_anew_gets_it_from_the_beginning(both: tuple[HandOver, Answers]) -> None:
    hand_over, answers = both
    hand_over.greeted(is_new_boot=True)
    answers.given[0].set_result("")
    assert list(hand_over.look()) == []
    hand_over.greeted(is_new_boot=True)
    assert answers.given[1].cancelled()
    for answer in answers.given[2:]:
        answer.set_result("")
    assert list(hand_over.look()) == []
    assert not hand_over.is_under_way


@pytest.mark.parametrize("answer", ["does not go on", TimeoutError()])
def test_once_it_was_taken_a_refusal_is_told_alone(both: tuple[HandOver, Answers], answer: str | TimeoutError) -> None:
    hand_over, answers = both
    hand_over.greeted(is_new_boot=True)
    for given in answers.given:
        given.set_result("")
    assert list(hand_over.look()) == []
    hand_over.greeted(is_new_boot=True)
    if isinstance(answer, str):
        answers.given[2].set_result(answer)
    else:
        answers.given[2].set_exception(answer)
    (told,) = hand_over.look()
    assert "has not taken the calibration of calf_l" in told
