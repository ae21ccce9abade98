#!/usr/bin/env python3
"""Calls a Python function for Tidewheel's executor `script`.

    run_func.py MODULE:FUNCTION [ARGS]

ARGS is a JSON array of the positional arguments, so that each keeps its type; a job says them as one array:
`args: ['reports:daily', [7, 'ann']]`. Named arguments come from its `kwargs` (the variable TIDEWHEEL_KWARGS).
What the function returns is printed as the last line, as JSON (text where it has no JSON), and becomes the run's result. A coroutine
is awaited. What it raises ends with a traceback and exit code 1.

Modules are looked for in the workspace (the working folder), beside this file and on PYTHONPATH. Where DJANGO_SETTINGS_MODULE is set,
Django is set up first. Another interpreter: write it into the first line.
"""
import importlib
import inspect
import json
import os
import sys


def function_of(reference):
    module, colon, path = reference.partition(":")
    if not (module and colon and path):
        sys.exit("run_func: expected module:function, such as reports:daily, found {!r}".format(reference))
    found = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    return found


def args_of(text):
    args = json.loads(text)
    if not isinstance(args, list):
        sys.exit("run_func: expected the arguments as one JSON array, found {}".format(text))
    return args


def as_json(value):
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return json.dumps(str(value))


async def awaited(value):
    return await value


def main(arguments):
    if not 1 <= len(arguments) <= 2:
        sys.exit("run_func: expected MODULE:FUNCTION and a JSON array of arguments, found {} arguments".format(len(arguments)))
    sys.path.insert(0, os.getcwd())
    if os.environ.get("DJANGO_SETTINGS_MODULE"):
        importlib.import_module("django").setup()
    function = function_of(arguments[0])
    args = args_of(arguments[1]) if len(arguments) == 2 else []
    kwargs = json.loads(os.environ.get("TIDEWHEEL_KWARGS") or "{}")
    value = function(*args, **kwargs)
    if inspect.isawaitable(value):
        import asyncio

        value = asyncio.run(awaited(value))
    sys.stdout.flush()
    print(as_json(value))


if __name__ == "__main__":
    main(sys.argv[1:])
