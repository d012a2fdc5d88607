"""Compiles the alsa-lib plugin of the virtual card, once for each version of its source."""

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("virtual_card.c")
LIBRARY = "libasound_module_pcm_virtual_card.so"
FLAGS = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-DPIC"]
CACHE = Path(__file__).parents[2] / ".cache" / "virtual_card"
CURE = "install a C compiler and alsa-lib's headers: apt install gcc libasound2-dev"
COMPILE_S = 60


def build(*, cache: Path = CACHE) -> Path:
    """The compiled plugin. Safe to call from several processes at once.

    Raises RuntimeError, with what to install, when it cannot be compiled.
    """
    recipe = [platform.machine(), *FLAGS, SOURCE.read_text()]
    folder = cache / hashlib.sha256("\0".join(recipe).encode()).hexdigest()[:16]
    library = folder / LIBRARY
    if library.exists():
        return library
    compiler = shutil.which(os.environ.get("CC", "gcc"))
    if compiler is None:
        raise RuntimeError(f"cannot compile the virtual sound card, there is no gcc: {CURE}")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        # A finished library appears under its name at once, or not at all.
        fresh = Path(scratch) / LIBRARY
        command = [compiler, *FLAGS, "-o", str(fresh), str(SOURCE), "-lasound", "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_S)
        if done.returncode != 0:
            raise RuntimeError(f"cannot compile the virtual sound card: {CURE}\n{done.stderr}")
        fresh.replace(library)
    return library
