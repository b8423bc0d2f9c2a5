"""What is checked of the REST interface besides: what its description allows is rejected only for a reason
that a description cannot tell, such as a time that ends before it begins."""

from typing import Any, get_args

import schemathesis
from schemathesis import Case, CheckContext, Response

from monitor.web.api.errors import InvalidQueryKind


@schemathesis.check
def rejects_only_what_does_not_fit(_: CheckContext, response: Response, case: Case[Any]) -> None:
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    if is_valid and response.status_code == 422:
        assert response.json()["kind"] in get_args(InvalidQueryKind), response.text
