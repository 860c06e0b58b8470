"""Why the gateway does not start, and why it answers a request with an error.

GatewayError             it cannot listen
Refused                  a request is answered with an error; `status` is the HTTP status
|- BadRequest            400  the request cannot be understood
|- NotFound              404  no such address, or what it names is not on this node
|- MethodNotAllowed      405  not GET or HEAD
|- NotAcceptable         406  a format this gateway does not make
|- PreconditionFailed    412  `If-Match` names another content, or `only-if-cached` what is not here
|- RangeNotSatisfiable   416  the range asked for is outside the file
|- Misdirected           421  the Host header names a host this gateway does not serve
|- HeadersTooLarge       431
|- Damaged               500  a block on this node is not what its CID says
|- NodeAway              503  the node does not answer, or takes too long
`- MirrorsUnknown        503  where the addresses of mirrors lead cannot be read
"""

from __future__ import annotations

from http import HTTPStatus


class GatewayError(Exception):
    """The gateway cannot listen where it was told to.

    Attributes:
        hint: what to do about it, or None.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.hint = hint
        super().__init__(message)


class Refused(Exception):
    """A request is answered with an error; the message is for the client, text from outside escaped.

    Attributes:
        status: of the answer.
        headers: further headers of the answer, (name, value).
    """

    status = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, message: str, *, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.headers = headers
        super().__init__(message)


class BadRequest(Refused):
    """The request cannot be understood."""

    status = HTTPStatus.BAD_REQUEST


class NotFound(Refused):
    """No such address, or what it names is not on this node."""

    status = HTTPStatus.NOT_FOUND


class MethodNotAllowed(Refused):
    """Only reading is offered."""

    status = HTTPStatus.METHOD_NOT_ALLOWED

    def __init__(self) -> None:
        super().__init__("this gateway answers GET and HEAD only", headers=(("Allow", "GET, HEAD"),))


class NotAcceptable(Refused):
    """A format this gateway does not make."""

    status = HTTPStatus.NOT_ACCEPTABLE


class PreconditionFailed(Refused):
    """A condition of the request does not hold."""

    status = HTTPStatus.PRECONDITION_FAILED


class RangeNotSatisfiable(Refused):
    """The range asked for is outside a file of `size` bytes."""

    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE

    def __init__(self, size: int) -> None:
        super().__init__(
            f"the range is outside the file, which has {size} bytes",
            headers=(("Content-Range", f"bytes */{size}"), ("Accept-Ranges", "bytes")),
        )


class Misdirected(Refused):
    """The request is for a host this gateway does not serve."""

    status = HTTPStatus.MISDIRECTED_REQUEST


class HeadersTooLarge(Refused):
    """The request's headers pass the limit."""

    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


class Damaged(Refused):
    """A block on this node is not what its CID says."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR


class NodeAway(Refused):
    """The node does not answer; the client may try again."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, message: str) -> None:
        super().__init__(message, headers=(("Retry-After", "5"),))


class MirrorsUnknown(Refused):
    """Where the addresses of mirrors lead cannot be read now."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, message: str) -> None:
        super().__init__(message, headers=(("Retry-After", "5"),))
