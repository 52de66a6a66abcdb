"""HTTP's word for every error of core: the one place where status codes stand."""

from http import HTTPStatus

from getapi.core import errors

STATUSES: dict[type[errors.PackagingError], HTTPStatus] = {
    errors.PackagingError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.RequestError: HTTPStatus.BAD_REQUEST,
    errors.AuthorizationError: HTTPStatus.FORBIDDEN,
    errors.TooManyFailures: HTTPStatus.TOO_MANY_REQUESTS,
    errors.TooManyDeliveries: HTTPStatus.TOO_MANY_REQUESTS,
    errors.TooManyPackages: HTTPStatus.TOO_MANY_REQUESTS,
    errors.TooManyPlans: HTTPStatus.TOO_MANY_REQUESTS,
    errors.TooManyPreparations: HTTPStatus.TOO_MANY_REQUESTS,
    errors.PackagePreparing: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.PreparationError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.PackageNotFound: HTTPStatus.NOT_FOUND,
    errors.DownloadNotFound: HTTPStatus.NOT_FOUND,
    errors.DownloadSlotsTaken: HTTPStatus.TOO_MANY_REQUESTS,
    errors.DownloadsBusy: HTTPStatus.TOO_MANY_REQUESTS,
    errors.DownloadTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.TooManyMedia: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.ProgressTokenTaken: HTTPStatus.CONFLICT,
    errors.PackageGone: HTTPStatus.GONE,
    errors.LimitExceeded: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.SourceError: HTTPStatus.BAD_GATEWAY,
    errors.ObjectNotFound: HTTPStatus.NOT_FOUND,
    errors.DatastreamNotFound: HTTPStatus.NOT_FOUND,
    errors.AmbiguousName: HTTPStatus.NOT_FOUND,
    errors.ContentMissing: HTTPStatus.NOT_FOUND,
    errors.ContentChanged: HTTPStatus.CONFLICT,
    errors.SourceUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DeliveryError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.DatabaseUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ServerUnsuitable: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.XmlRefused: HTTPStatus.BAD_GATEWAY,
}
"""A class stands for its subclasses that are not listed themselves."""


def status(error: errors.PackagingError) -> HTTPStatus:
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


PAUSE = 30
"""Seconds after which what cannot be read at the moment may be asked for again."""


def headers(error: errors.PackagingError) -> dict[str, str]:
    unavailable = status(error) is HTTPStatus.SERVICE_UNAVAILABLE
    retry_after = error.facts.get("retry_after", PAUSE if unavailable else None)
    return {} if retry_after is None else {"Retry-After": str(retry_after)}


def document(error: errors.PackagingError) -> dict[str, object]:
    """RFC 9457 problem details; an XML answer shows their ``detail`` alone."""
    code = status(error)
    return {"type": "about:blank", "title": code.phrase, "status": int(code), "detail": error.sentence, "code": error.code, **error.facts}


_REFUSALS = {
    HTTPStatus.BAD_REQUEST: ("bad-request", "The request cannot be understood"),
    HTTPStatus.FORBIDDEN: ("forbidden", "This may not be asked from here"),
    HTTPStatus.NOT_FOUND: ("not-found", "There is nothing at this address"),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method-not-allowed", "This address does not answer that method"),
    HTTPStatus.REQUEST_TIMEOUT: ("request-timeout", "The request's body did not arrive in time"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("body-too-large", "The request's body is too large"),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: ("unsupported-media-type", "Parameters come urlencoded, multipart or as a JSON object"),
    HTTPStatus.INTERNAL_SERVER_ERROR: ("server-error", "The service made an error; its administrators can read more in its log"),
}


def plain(code: int) -> dict[str, object]:
    """The problem document of an HTTP status alone, for what Django and DRF refuse themselves."""
    phrase = HTTPStatus(code).phrase
    word, sentence = _REFUSALS.get(HTTPStatus(code), (f"http-{code}", phrase))
    return {"type": "about:blank", "title": phrase, "status": code, "detail": sentence, "code": word}
