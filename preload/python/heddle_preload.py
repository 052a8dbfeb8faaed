"""Links the calls of a program to the request that they are made for, by a context variable.

Servers are those that build on `http.server` (wsgiref and development servers of web frameworks do), calls those that pass through
`http.client` (urllib, urllib3 and requests do). Modules are changed when they are imported, so that nothing is loaded for nothing.
"""

import contextvars
import functools
import importlib.util
import re
import sys

_B3 = ("b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags")
# Version, trace, parent and flags (W3C Trace Context, section 3.2); a later version may go on after them.
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-[!-~]*)?")
# What may be written into a field without another look at it.
_PRINTABLE = re.compile(r"[ -~]{1,1024}")

# Fields by name in lower case, of the request that is being served; None for none.
_inbound = contextvars.ContextVar("heddle_inbound", default=None)


def fields_of(headers):
    """What of a request's headers is carried on, or None."""
    fields = {}
    for name in ("traceparent", "tracestate", "x-request-id", *_B3):
        value = headers.get(name)
        if value is not None and _PRINTABLE.fullmatch(value):
            fields[name] = value
    if not _TRACEPARENT.fullmatch(fields.get("traceparent", "")):
        fields.pop("traceparent", None)
        fields.pop("tracestate", None)
    return fields or None


def carried(names):
    """What a call must be given that has headers of these names, in lower case: nothing that the program set is replaced."""
    fields = _inbound.get() or {}
    given = dict(fields)
    for name in names:
        given.pop(name, None)
    if "traceparent" in names:
        given.pop("tracestate", None)
    if "traceparent" in names or any(name in names for name in _B3):
        for name in _B3:
            given.pop(name, None)
    return given


def _serve_with_context(module):
    handler = module.BaseHTTPRequestHandler
    parse_request = handler.parse_request
    finish = handler.finish

    @functools.wraps(parse_request)
    def parse(self):
        is_fine = parse_request(self)
        try:
            _inbound.set(fields_of(self.headers) if is_fine else None)
        except Exception:  # noqa: BLE001 - the request is served all the same
            _inbound.set(None)
        return is_fine

    @functools.wraps(finish)
    def end(self):
        _inbound.set(None)
        return finish(self)

    handler.parse_request = parse
    handler.finish = end


def _call_with_context(module):
    connection = module.HTTPConnection
    endheaders = connection.endheaders

    @functools.wraps(endheaders)
    def end(self, *args, **kwargs):
        try:
            if _inbound.get() is not None:
                names = {line.split(b":", 1)[0].decode("latin-1").lower() for line in self._buffer[1:]}
                for name, value in carried(names).items():
                    self.putheader(name, value)
        except Exception:  # noqa: BLE001 - the call is made all the same
            pass
        return endheaders(self, *args, **kwargs)

    connection.endheaders = end


def _run_in(fields, call, args, kwargs):
    token = _inbound.set(fields)
    try:
        return call(*args, **kwargs)
    finally:
        _inbound.reset(token)


def _submit_with_context(module):
    executor = module.ThreadPoolExecutor
    submit = executor.submit

    @functools.wraps(submit)
    def with_context(self, fn, /, *args, **kwargs):
        return submit(self, _run_in, _inbound.get(), fn, args, kwargs)

    executor.submit = with_context


_CHANGES = {
    "http.server": _serve_with_context,
    "http.client": _call_with_context,
    "concurrent.futures.thread": _submit_with_context,
}


def _change(module):
    try:
        _CHANGES[module.__name__](module)
    except Exception:  # noqa: BLE001 - the program has the module as it is
        pass


class _Watch:
    """Finds nothing itself: has the modules that others find changed once they are loaded."""

    def __init__(self):
        self._busy = set()

    def find_spec(self, name, path=None, target=None):
        if name not in _CHANGES or name in self._busy:
            return None
        self._busy.add(name)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._busy.discard(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module):
                execute(module)
                _change(module)

            spec.loader.exec_module = exec_module
        return spec


def install():
    """Changes what is loaded, and has the rest changed when it is."""
    for name in _CHANGES:
        if name in sys.modules:
            _change(sys.modules[name])
    sys.meta_path.insert(0, _Watch())
