"""Boot-time patching of calls: thunks and tracers."""

from __future__ import annotations

from costmodel.emulation.image import Image, Site, Symbol
from costmodel.emulation.patching import BootCpu, patch_calls

START = 0xFFFF_FFFF_8100_0000


def patched(code: str, symbol: str, *, mitigations: bool = False) -> str:
    """Return five bytes of code whose call or jump goes to ``symbol``."""
    image = Image("x86_64", chunks={START: bytearray.fromhex(code), START + 64: bytearray(16)})
    image.symbols[symbol] = Symbol(symbol, START + 64, 16, True)
    image.sites.append(Site(START + 1, symbol))
    patch_calls(image, BootCpu(frozenset(), mitigations=mitigations))
    return image.read(START, 5).hex()


def test_without_mitigations_a_return_returns() -> None:
    assert patched("e900000000", "__x86_return_thunk") == "c3cccccccc"


def test_with_mitigations_it_jumps_to_its_thunk() -> None:
    assert patched("e900000000", "__x86_return_thunk", mitigations=True) == "e900000000"


def test_indirect_calls_and_jumps_are_direct() -> None:
    assert patched("e800000000", "__x86_indirect_thunk_rax") == "ffd00f1f00"
    assert patched("e900000000", "__x86_indirect_thunk_r11") == "41ffe36690"


def test_nobody_traces() -> None:
    assert patched("e800000000", "__fentry__") == "0f1f440000"


def static_branch(code: str) -> str:
    """Return eight bytes of code that a table of jumps names as left to objtool."""
    image = Image("x86_64", chunks={START: bytearray.fromhex(code), START + 64: bytearray(16)})
    key = (START + 1024) - (START + 72) | 2
    entry = (-64).to_bytes(4, "little", signed=True) + bytes(4) + key.to_bytes(8, "little")
    image.write(START + 64, entry)
    image.sections["__jump_table"] = [(START + 64, 16)]
    patch_calls(image, BootCpu(frozenset()))
    return image.read(START, 8).hex()


def test_jumps_of_static_branches_become_nops() -> None:
    assert static_branch("eb10e9fbfeffff90") == "6690e9fbfeffff90"
    assert static_branch("e900010000c39090") == "0f1f440000c39090"


def test_what_objtool_has_seen_is_left_alone() -> None:
    assert static_branch("6690e9fbfeffff90") == "6690e9fbfeffff90"
