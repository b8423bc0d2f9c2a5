"""How much memory a process has, as the system counts it."""

import re
from pathlib import Path

MIB = 1024


def resident_mib(pid: int, which: str = "VmRSS") -> int:
    """Memory of a process, MiB; ``VmHWM`` is the most that it ever had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(rf"{which}:\s+(\d+)", status)[0]) // MIB
