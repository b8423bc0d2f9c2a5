"""What is wrong, in the words of a sentence."""

import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, field_validator

from broker.program.validation_errors import describe_error, first_error
from broker.topics import ID_RULE, SensorId


class Window(BaseModel):
    model_config = ConfigDict(extra="forbid")

    width: int

    @field_validator("width")
    @classmethod
    def check(cls, width: int) -> int:
        if width < 0:
            raise ValueError("Nothing is that narrow")
        return width


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "it is missing"),
        ({"width": 1, "height": 2}, "there is no such setting"),
        ({"width": -1}, "nothing is that narrow"),
        ({"width": "wide"}, "input should be a valid integer, unable to parse string as an integer"),
    ],
)
def test_error_is_a_clause_for_people(given: object, sentence: str) -> None:
    with pytest.raises(ValidationError) as error:
        Window.model_validate(given)
    assert describe_error(first_error(error.value)) == sentence


def test_bad_id_is_told_the_rule_and_a_caller_may_have_its_own_sentence() -> None:
    with pytest.raises(ValidationError) as error:
        TypeAdapter(SensorId).validate_python("a/b")
    detail = first_error(error.value)
    assert describe_error(detail) == ID_RULE
    assert describe_error(detail, {"string_pattern_mismatch": "Not like this"}) == "not like this"
