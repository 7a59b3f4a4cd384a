"""Micro-benchmarks for the report: micro.json, as Google Benchmark writes it, ours beside others that do the same.

A benchmark of another implementation is named as ours with its own name behind the first slash: `encode_data/gmime/4096` beside
`encode_data/4096`. Rates are of processor time, or of real time where a name ends in manual_time.
"""

import re

OTHERS = {"boost_fiber": "Boost.Context's fiber", "gmime": "GMime", "isal_crc32c": "ISA-L's CRC32C", "xxh3_baseline": "XXH3 by SSE2",
          "prometheus_cpp": "prometheus-cpp", "libuv": "libuv", "std_multimap": "std::multimap", "boost_asio": "Asio", "boost_heap": "Boost's 4-ary heap",
          "boost_spsc_queue": "Boost's spsc_queue", "boost_lockfree_queue": "boost::lockfree::queue", "std_mutex_deque": "mutex and deque",
          "std_condition_variable": "mutex and condition variable", "nlohmann_json": "nlohmann-json", "cares": "c-ares"}
OURS = {"encode_data": "encode_data/copied"}  # what does the same as the others: bytes in one piece


def nanoseconds(one: dict) -> float:
    """Of one thing, or of one KiB where it counts bytes."""
    if "items_per_second" in one:
        return 1e9 / one["items_per_second"]
    if "bytes_per_second" in one:
        return 1024e9 / one["bytes_per_second"]
    return one["cpu_time"] * {"ns": 1, "us": 1e3, "ms": 1e6}[one["time_unit"]]


def figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def markdown(measured: dict) -> str:
    all_of = {one["name"]: one for one in measured["benchmarks"] if "error_occurred" not in one}
    rows = ["| | ours, ns | theirs, ns | theirs / ours |", "|---|---|---|---|"]
    for name, one in all_of.items():
        parts = name.split("/")
        if len(parts) < 2 or parts[1] not in OTHERS:
            continue
        mine = "/".join([OURS.get(parts[0], parts[0]), *parts[2:]])
        if mine in all_of:
            ours, theirs = nanoseconds(all_of[mine]), nanoseconds(one)
            label = re.sub(r"/(iterations:\d+|manual_time)", "", mine)
            rows.append(f"| {label} | {figure(ours)} | {figure(theirs)} {OTHERS[parts[1]]} | {theirs / ours:.2g} |")
    everything = ["| | ns |", "|---|---|"] + [f"| {name} | {figure(nanoseconds(one))} |" for name, one in all_of.items()]
    when = measured.get("context", {}).get("date", "?")
    return "\n".join([
        f"{when}; one repetition each, so tenths mean nothing. Nanoseconds of processor time for one item, or for one KiB where bytes are counted "
        "(encode_data, checksum, body_hash); of real time where a name ends in manual_time.", "", *rows, "",
        "<details><summary>All of them</summary>", "", *everything, "", "</details>"])
