"""The CPU kernels under AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer.

    python studies/sanitize.py        # or: make sanitize

A program without PyTorch (``tests/ops/sanitized/``) calls every entry point over many shapes, with
one thread and with several, in buffers that end where their numbers end; what nobody wrote is NaN.
Then faults are planted in copies of the kernels, each of which must be found.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KERNELS = ROOT / "hnet_seq" / "ops" / "native"
DRIVERS = ROOT / "tests" / "ops" / "sanitized"
COMMON = (
    *("-std=c++17", "-O1", "-g1", "-fopenmp", "-fno-omit-frame-pointer"),
    *("-fno-math-errno", "-fno-trapping-math", "-Wno-psabi"),
)
BUILDS = {
    "address, undefined": ("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
    "thread": ("-fsanitize=thread",),
}
# Bytes of fresh memory: of 255 a NaN is made, and so is what is computed of it.
OPTIONS = {
    "ASAN_OPTIONS": "malloc_fill_byte=255:max_malloc_fill_size=1073741824",
    "TSAN_OPTIONS": "halt_on_error=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


@dataclass(frozen=True)
class Fault:
    """A fault in a copy of the kernels.

    Attributes:
        driver: whose kernels have it.
        said: what the report must have.
    """

    what: str
    file: str
    text: str
    instead: str
    build: str
    driver: str
    said: str


FAULTS = (
    Fault(
        "a vector stored over the end of a row",
        "causal_conv.cpp",
        "for (; c + LANES <= channels; c += LANES)",
        "for (; c < channels; c += LANES)",
        "address, undefined",
        "causal_conv",
        "heap-buffer-overflow",
    ),
    Fault(
        "working memory that is too short",
        "ssd_block.h",
        "Ct(scratch.take(Q * scan.state))",
        "Ct(scratch.take(Q * scan.state / 2))",
        "address, undefined",
        "mamba2_mixer",
        "heap-buffer-overflow",
    ),
    Fault(
        "memory that is read before it is written",
        "ssd_block.h",
        "memset(dBt, 0, 4 * Q * state);",
        "",
        "address, undefined",
        "scan",
        "was not written",
    ),
    Fault(
        "vectors taken for aligned",
        "vector.h",
        "    Vec v;\n    memcpy(&v, p, sizeof v);\n    return v;",
        "    return *reinterpret_cast<const Vec*>(p);",
        "address, undefined",
        "norm",
        "misaligned address",
    ),
    Fault(
        "states read before another thread has written them",
        "ssd_forward.cpp",
        "#pragma omp for schedule(static)\n            for (int64_t b",
        "#pragma omp for schedule(static) nowait\n            for (int64_t b",
        "thread",
        "scan",
        "data race",
    ),
)


def build(
    folder: Path, kernels: Path, flags: tuple[str, ...], pool: ThreadPoolExecutor, driver: str = "*"
) -> Path:
    """The program, of the kernels of a folder; with one driver, or all."""
    folder.mkdir()
    cxx = os.environ.get("CXX") or "g++"
    own = (f"-I{kernels}", "-DTAKEN_APART")

    def compiled(source: Path) -> Path:
        to = folder / f"{source.stem}.o"
        subprocess.run([cxx, *COMMON, *flags, *own, "-c", source, "-o", to], check=True)
        return to

    sources = [
        DRIVERS / "drive.cpp",
        DRIVERS / "threads.cpp",
        *DRIVERS.glob(f"{driver}_driver.cpp"),
    ]
    objects = list(pool.map(compiled, sources))
    program = folder / "drive"
    # Without -fopenmp: threads.cpp has the entry points, which ThreadSanitizer sees through.
    subprocess.run([cxx, flags[0], *objects, "-pthread", "-o", program], check=True)
    return program


def drive(program: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program], env=os.environ | OPTIONS, capture_output=True, text=True)


def clean(folder: Path, pool: ThreadPoolExecutor) -> bool:
    """Whether the kernels as they are pass under each sanitizer."""
    narrowest = {"x86_64": "x86-64", "aarch64": "armv8-a"}.get(platform.machine(), "native")
    good = True
    for name, march in (*((name, "native") for name in BUILDS), ("address, undefined", narrowest)):
        flags = (*BUILDS[name], f"-march={march}")
        done = drive(build(folder / f"{name} {march}", KERNELS, flags, pool))
        print(f"{name}, -march={march}: {done.stdout.strip() or 'FAILED'}", flush=True)
        if done.returncode:
            good = False
            print(done.stderr[:6000], file=sys.stderr)
    return good


def found(folder: Path, fault: Fault, pool: ThreadPoolExecutor) -> bool:
    """Whether a planted fault is."""
    folder.mkdir()
    kernels = folder / "kernels"
    shutil.copytree(KERNELS, kernels)
    path = kernels / fault.file
    source = path.read_text()
    if fault.text not in source:
        raise SystemExit(f"{path.name} no longer has {fault.text!r}: plant another fault")
    path.write_text(source.replace(fault.text, fault.instead, 1))
    flags = (*BUILDS[fault.build], "-march=native")
    done = drive(build(folder / "built", kernels, flags, pool, fault.driver))
    good = done.returncode != 0 and fault.said in done.stderr
    print(f"planted, {fault.what}: {'found' if good else 'NOT FOUND'}", flush=True)
    if not good:
        print(done.stderr[:6000], file=sys.stderr)
    return good


def main() -> None:
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(os.cpu_count()) as pool:
        folder = Path(name)
        good = [clean(folder, pool)]
        good += [found(folder / str(n), fault, pool) for n, fault in enumerate(FAULTS)]
    raise SystemExit(not all(good))


if __name__ == "__main__":
    main()
