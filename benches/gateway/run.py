"""What the gateway costs over the model server behind it, and how it holds out. See README.md."""

import argparse
import json
import os
import pathlib
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


def start(program, *arguments):
    """Starts a server and reads its address."""
    process = subprocess.Popen(
        [program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    return process, process.stdout.readline().strip()


def load(program, url, rate, seconds):
    out = subprocess.run(
        [program, "load", url, str(rate), str(seconds)], check=True, capture_output=True, text=True
    )
    return json.loads(out.stdout)


def resident_mb(process):
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def overhead(program, mock, gateway, options):
    rows = []
    for rate in options.rates:
        pairs = []
        for _ in range(options.repeats):
            bare = load(program, mock, rate, options.seconds)
            through = load(program, gateway, rate, options.seconds)
            pairs.append((bare, through))
        pairs.sort(key=lambda pair: pair[1]["p50_ms"] - pair[0]["p50_ms"])
        bare, through = pairs[len(pairs) // 2]
        rows.append({"rate": rate, "bare": bare, "through": through})
    return rows


def switching(program, process, gateway, options):
    """Switches back and forth under load."""
    stop = threading.Event()
    count = 0

    def switch():
        nonlocal count
        while not stop.wait(1.5):
            process.stdin.write("switch\n")
            process.stdin.flush()
            count += 1

    thread = threading.Thread(target=switch)
    thread.start()
    result = load(program, gateway, options.switch_rate, options.switch_seconds)
    stop.set()
    thread.join()
    return {"switches": count, **result}


def soak(program, process, gateway, options):
    """A day of one question a second, as fast as it goes, in parts; the memory after each."""
    begun, sent, failed, memory = time.time(), 0, 0, [resident_mb(process)]
    while sent < options.soak:
        part = load(program, gateway, 0, 10)
        sent, failed = sent + part["sent"], failed + part["failed"]
        memory.append(resident_mb(process))
    return {"sent": sent, "failed": failed, "seconds": time.time() - begun, "memory_mb": memory}


def words(report):
    lines = [
        f"Measured on {report['date']}, {os.cpu_count()} cores, load average before the run {report['load']:.2f}.",
        "",
        "| requests a second | bare p50 / p99 | through the gateway p50 / p99 | overhead p50 / p99 | failed |",
        "|---|---|---|---|---|",
    ]
    for row in report["overhead"]:
        bare, through = row["bare"], row["through"]
        lines.append(
            f"| {row['rate']} | {bare['p50_ms']:.2f} / {bare['p99_ms']:.2f} ms"
            f" | {through['p50_ms']:.2f} / {through['p99_ms']:.2f} ms"
            f" | {through['p50_ms'] - bare['p50_ms']:.2f} / {through['p99_ms'] - bare['p99_ms']:.2f} ms"
            f" | {through['failed']} of {through['sent']} |"
        )
    switches, day = report["switching"], report["soak"]
    lines += [
        "",
        f"- Hot switch: {switches['switches']} switches while {switches['sent']} requests were asked;"
        f" {switches['failed']} failed.",
        f"- A day of one question a second ({day['sent']} requests) took {day['seconds']:.0f} s; {day['failed']} failed."
        f" Memory of the gateway: {day['memory_mb'][0]:.0f} MB before, {day['memory_mb'][len(day['memory_mb']) // 2]:.0f} MB"
        f" in the middle, {day['memory_mb'][-1]:.0f} MB after.",
    ]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default=str(ROOT / "target/release/examples/bench_gateway"))
    parser.add_argument("--rates", type=int, nargs="+", default=[200, 1000, 2000])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--switch-rate", type=float, default=500)
    parser.add_argument("--switch-seconds", type=float, default=15)
    parser.add_argument("--soak", type=int, default=86_400)
    parser.add_argument("--write", action="store_true", help="put the figures into README.md")
    options = parser.parse_args()
    report = {"date": time.strftime("%Y-%m-%d"), "load": os.getloadavg()[0]}
    mock, mock_url = start(options.program, "mock")
    gateway, url = start(options.program, "serve", mock_url)
    try:
        load(options.program, url, 200, 2)
        report["overhead"] = overhead(options.program, mock_url, url, options)
        report["switching"] = switching(options.program, gateway, url, options)
        report["soak"] = soak(options.program, gateway, url, options)
    finally:
        gateway.stdin.close()
        gateway.wait(timeout=60)
        mock.kill()
    text = words(report)
    print(text)
    if options.write:
        (pathlib.Path(__file__).parent / "results.json").write_text(json.dumps(report, indent=1) + "\n")
        readme = pathlib.Path(__file__).parent / "README.md"
        head, rest = readme.read_text().split("<!-- results: begin -->")
        tail = rest.split("<!-- results: end -->")[1]
        readme.write_text(f"{head}<!-- results: begin -->\n{text}\n<!-- results: end -->{tail}")


if __name__ == "__main__":
    main()
