import subprocess
import sys
from pathlib import Path

from getapi.services.heap import INTERVAL, Heap

TOP = Path(__file__).resolve().parents[2]

HOLES = """
import ctypes, resource
from getapi.services.heap import trim
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

blocks = [libc.malloc(16_384) for _ in range(4096)]
for block in blocks:
    ctypes.memset(block, 1, 16_384)
for place, block in enumerate(blocks):
    if place % 16 != 15:
        libc.free(block)
print(resident())
trim()
print(resident())
"""
"""64 MiB of the C library's heap, of which every sixteenth block is still in use."""


def test_what_is_free_between_what_is_in_use_goes_back_to_the_system() -> None:
    told = subprocess.run([sys.executable, "-c", HOLES], cwd=TOP, check=True, capture_output=True, text=True).stdout
    before, after = map(int, told.split())
    assert before - after > 40 << 20


def test_memory_is_given_back_once_in_a_while_and_never_a_reason_for_another_round() -> None:
    now, given = 100.0, list[float]()
    heap = Heap(lambda: given.append(now), clock=lambda: now)
    for second in range(round(4 * INTERVAL) + 1):
        now = 100.0 + second
        assert heap.tidy() is False
    assert given == [100.0 + times * INTERVAL for times in (1, 2, 3, 4)]
