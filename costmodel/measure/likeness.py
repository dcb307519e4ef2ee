"""Which shipped machine is nearest to the one here."""

from __future__ import annotations

from costmodel.config.machine import Machine, load_machine
from costmodel.config.resources import names
from costmodel.measure.system import System

# Vendor, family, models: the generations that machine files are named after.
_X86 = (
    ("AuthenticAMD", 23, range(0x30, 0x100), ("epyc-rome", "epyc-milan", "epyc-zen4")),
    ("AuthenticAMD", 23, range(0x100), ("epyc-rome", "epyc-zen4")),
    ("AuthenticAMD", 25, (*range(0x10), *range(0x20, 0x60)), ("epyc-milan", "epyc-zen4")),
    ("AuthenticAMD", 25, range(0x100), ("epyc-zen4",)),
    ("AuthenticAMD", 26, range(0x100), ("epyc-zen5",)),
    ("HygonGenuine", 24, range(0x100), ("epyc-rome", "epyc-zen4")),
    ("GenuineIntel", 6, (0x55,), ("xeon-4210r",)),
    ("GenuineIntel", 6, (0x6A, 0x6C, 0x7D, 0x7E), ("ice-lake-sp", "xeon-4210r")),
    ("GenuineIntel", 6, (0x97, 0x9A, 0xB7, 0xBA, 0xBF), ("core-i7-14700", "sapphire-rapids")),
    ("GenuineIntel", 6, (0x8F, 0xCF, 0xAD), ("sapphire-rapids",)),
    ("GenuineIntel", 6, range(0x80), ("skylake-sp", "xeon-4210r")),
)
_ARM = (
    ("ARM", 0xD0C, ("ampere-altra",)),
    ("ARM", 0xD40, ("graviton3",)),
    ("ARM", 0xD4F, ("graviton4",)),
    ("Apple", None, ("apple-m2-vm",)),
    ("Ampere", None, ("ampereone", "ampere-altra")),
)
_USUAL = {
    "AuthenticAMD": "epyc-zen5",
    "GenuineIntel": "sapphire-rapids",
    "x86_64": "sapphire-rapids",
    "arm64": "ampere-altra",
}


def nearest(system: System) -> tuple[Machine, str]:
    """Return the nearest shipped machine, and a sentence that says why it is that one."""
    shipped = names("machines")
    for candidates, why in _candidates(system):
        for name in candidates:
            if name in shipped:
                return load_machine(name), why
    name = _USUAL.get(system.vendor, _USUAL.get(system.isa, "ampere-altra"))
    return load_machine(name), f"nothing nearer to {system.vendor} {system.model_name} is shipped"


def _candidates(system: System) -> list[tuple[tuple[str, ...], str]]:
    if system.isa == "x86_64":
        why = f"{system.vendor} family {system.family} model {system.model}"
        return [
            (found, why)
            for vendor, family, models, found in _X86
            if (vendor, family) == (system.vendor, system.family) and system.model in models
        ]
    return [
        (found, f"{vendor} {system.model_name}")
        for vendor, part, found in _ARM
        if vendor == system.vendor and part in (None, system.model)
    ]
