# SPDX-License-Identifier: Apache-2.0
"""The loan applications with events that come late, and what a plain scan makes of them.

  late_loans.py prepare LOANS.jsonl.gz OUT.jsonl SEED LINES
      Gives each of the first LINES lines a field "recorded": its time, or for one in four by seed up to a week later.
      The lines come out in the order of that.
  late_loans.py scan OUT.jsonl DAY
      Prints how many streams have which last event: as known at the first moment of DAY in UTC, as valid then, and as
      known then of what was valid then. Like the example time_travel does.

Knows nothing of the store: it is what the store is held against.
"""
import gzip
import json
import random
import sys
from collections import Counter
from datetime import datetime, timedelta, timezone

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
WEEK_US = 7 * 24 * 3600 * 1_000_000


def microseconds(text):
    return (datetime.fromisoformat(text.replace("Z", "+00:00")) - EPOCH) // timedelta(microseconds=1)


def prepare(loans, out, seed, count):
    delays = random.Random(seed)
    lines = []
    with gzip.open(loans, "rt", encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file):
            if number == count:
                break
            line = line.rstrip("\n")
            delay = delays.randrange(WEEK_US) if delays.randrange(4) == 0 else 0
            lines.append((microseconds(json.loads(line)["time"]) + delay, number, line))
    lines.sort()
    with open(out, "w", encoding="utf-8", newline="\n") as file:
        for recorded, _, line in lines:
            when = (EPOCH + timedelta(microseconds=recorded)).isoformat(timespec="microseconds")
            file.write(f'{line[:-1]},"recorded":"{when.replace("+00:00", "Z")}"}}\n')


def standing(events):
    last = {}
    for stream, kind in events:
        last[stream] = kind
    return Counter(last.values())


def scan(prepared, day):
    moment = microseconds(day + "T00:00:00Z")
    events = []
    recorded = 0
    with open(prepared, encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file):
            event = json.loads(line)
            recorded = max(recorded, microseconds(event["recorded"]))
            events.append((microseconds(event["time"]), number, recorded, event["stream"], event["type"]))
    known = [e for e in events if e[2] <= moment]
    columns = [
        standing((e[3], e[4]) for e in known),
        standing((e[3], e[4]) for e in sorted(events) if e[0] <= moment),
        standing((e[3], e[4]) for e in sorted(known) if e[0] <= moment),
    ]
    print(f"{'last event':<32}{'known':>10}{'valid':>10}{'both':>10}")
    for kind in sorted(set().union(*columns)):
        print(f"{kind:<32}" + "".join(f"{column[kind]:>10}" for column in columns))


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    else:
        scan(sys.argv[2], sys.argv[3])
