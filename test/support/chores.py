"""Python functions that jobs call in tests."""
import asyncio


def report(*args, **kwargs):
    print("a line of the report")
    return {"types": [type(arg).__name__ for arg in args], "args": args, "kwargs": kwargs}


def fail(why):
    raise ValueError(why)


async def later(milliseconds):
    await asyncio.sleep(milliseconds / 1000)
    return "after {} ms".format(milliseconds)


class Shop:
    @staticmethod
    def close(till):
        return till
