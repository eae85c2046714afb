"""Fair timing: who is compared takes turns in one process, and what disturbed the machine is said beside the result.

``rounds`` times contenders in turns A B A B; ``statistics`` makes minima, medians, percentiles and ratios with an
interval of them; ``noise`` watches for other work on the machine; ``machine`` says which it is; ``process`` measures
whole commands; ``own`` and ``end_to_end`` are our own engines as contenders; ``gates`` refuses a result that is too
slow. Nothing here knows another runtime: those are contenders
that ``benchmarks/`` beside the package builds.
"""

from tinysight.benchmark.contender import Contender
from tinysight.benchmark.gates import Gate, check_names, missed, parse_gate
from tinysight.benchmark.machine import fingerprint
from tinysight.benchmark.noise import Noise, Watch
from tinysight.benchmark.process import ProcessRun, measure_commands
from tinysight.benchmark.rounds import Measurement, Plan, interleave
from tinysight.benchmark.statistics import Ratio, Summary, compare, percentile, summarise

__all__ = [
    "Contender",
    "Gate",
    "Measurement",
    "Noise",
    "Plan",
    "ProcessRun",
    "Ratio",
    "Summary",
    "Watch",
    "check_names",
    "compare",
    "fingerprint",
    "interleave",
    "measure_commands",
    "missed",
    "parse_gate",
    "percentile",
    "summarise",
]
