#!/usr/bin/env python3
"""The demo past the gate: serve a version, review an answer, catch a worse version, open a run from its failures.

Usage: python3 scripts/demo_rollout.py --empiric PROGRAM --project FOLDER

Everything is done with the program's own commands and the gateway's own
interface, as a team would; this script only types. It needs a finished run
in the project's state folder and ends every process that it started.
Standard library only.
"""

import argparse
import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

PATIENCE = 240
"""Seconds that anything here may take."""
POLL = 2
QUESTIONS = 5
"""Questions that go through review."""
GATEWAY_FOLLOWS = 4
"""Seconds until the gateway has seen a new exposure."""
RUN_IS_SHOWN = 20
"""Seconds for which the opened run is looked at before it is cancelled."""
WORSE = "You are a cheerful poet. Answer every question with a short poem about the sea."


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--empiric", default="target/release/empiric", help="the program")
    parser.add_argument("--project", default="examples/staff-handbook", help="folder of the project")
    arguments = parser.parse_args()
    team = Team(Path(arguments.empiric).resolve(), Path(arguments.project).resolve())
    try:
        play(team)
    except Gone as problem:
        sys.exit(f"demo: {problem}")
    finally:
        team.leave()


class Gone(Exception):
    """Something did not happen in time, or a command failed."""


class Team:
    """Everybody who works on the project, with the processes that they keep running."""

    def __init__(self, program, project):
        self.program, self.project = program, project
        self.state = project / ".empiric"
        self.running = []

    def types(self, *words):
        """Runs a command before everybody's eyes."""
        print(f"\n$ empiric {' '.join(words)}", flush=True)
        if subprocess.run([self.program, *words], cwd=self.project, check=False).returncode != 0:
            raise Gone(f"`empiric {words[0]}` failed")

    def asks(self, *words):
        """A command's JSON; nothing where it has none to give yet."""
        command = [self.program, "--output", "json", *words]
        ended = subprocess.run(command, cwd=self.project, check=False, capture_output=True)
        return json.loads(ended.stdout) if ended.returncode == 0 else None

    def keeps(self, *words):
        """Starts a command that goes on until the end."""
        print(f"\n$ empiric {' '.join(words)} &", flush=True)
        self.running.append(subprocess.Popen([self.program, *words], cwd=self.project))

    def leave(self):
        for process in reversed(self.running):
            process.terminate()
            process.wait()

    def gateway(self, path, body=None):
        """The gateway's answer to a program."""
        address = (self.state / "gateway.url").read_text().strip()
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(address + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)


def play(team):
    view = wait("a finished run", lambda: team.asks("status"))
    version = view["incumbent"].removeprefix("sha256:")[:12]
    team.keeps("up")
    wait("a worker", lambda: (team.state / "temporal" / "address").exists() or team.asks("status"))
    if stands(team, version, "internal"):
        say(f"{view['run']} kept its promise and has handed {version} over: the team alone sees it")
    else:
        say(f"the best version of {view['run']}, {version}, is given to the team alone, by a person's word")
        team.types("promote", version, "--to", "internal", "--by", "lead", "--note", "for the team, to try it")
    team.keeps("serve")
    wait("the gateway", lambda: ready(team))
    say("the team asks what staff will ask, and says what it thinks of each answer")
    team.types("traffic", "data/traffic.jsonl", "--feedback")

    team.types("promote", "--to", "reviewed", "--by", "lead", "--note", "each answer is read before it is given")
    wait("stage reviewed", lambda: stands(team, version, "reviewed"))
    review(team)

    team.types("promote", "--to", "direct", "--by", "lead", "--note", "good enough for the kitchen board")
    wait("stage direct", lambda: stands(team, version, "direct"))
    time.sleep(GATEWAY_FOLLOWS)
    team.types("traffic", "data/traffic.jsonl", "--feedback")
    wait("the promise to be shown", lambda: acted(team, "settled"))
    say("it keeps what the spec promises: from now on it is the version to go back to")

    worse = write_worse(team, view)
    say("somebody pushes a version by hand that is worse")
    team.types("promote", "--file", str(worse), "--to", "direct", "--by", "lead", "--note", "more charm")
    wait("the worse version", lambda: not serves(team, version))
    team.types("traffic", "data/traffic.jsonl", "--feedback", "--corrections")
    say("nobody touches anything now")
    wait("the demotion", lambda: acted(team, "demoted"))
    wait("the version from before", lambda: serves(team, version))
    opened = wait("a run from the failures", lambda: (team.asks("rollout") or {}).get("runs"))
    team.types("rollout")
    time.sleep(RUN_IS_SHOWN)
    team.types("status", opened[-1])
    say("the run goes on by itself; the demo cancels it here")
    team.types("cancel", opened[-1])


def review(team):
    """Some questions of users; a reviewer approves right answers, edits the first wrong one and rejects the others."""
    say("users ask; a reviewer looks at each answer first")
    lines = (team.project / "data" / "traffic.jsonl").read_text(encoding="utf-8").splitlines()
    items = [json.loads(line) for line in lines[:QUESTIONS]]
    drafts = [wait("a draft", lambda: drafted(team, item["input"])) for item in items]
    waiting = {draft["input"]: draft for draft in team.gateway("/v1/review/drafts")["data"]}
    edited = False
    for item in items:
        draft = waiting[item["input"]]
        accepted = [item["expected"]] if isinstance(item["expected"], str) else item["expected"]
        right = accepted[0]
        is_right = any(text.lower() in draft["answer"].lower() for text in accepted)
        decision = "approve" if is_right else "reject" if edited else "edit"
        edited = edited or decision == "edit"
        body = {"decision": decision, "digest": draft["digest"]}
        if decision == "edit":
            body["answer"] = right
        print(f"  {item['input']}\n    draft: {draft['answer']}\n    {decision}" + (f": {right}" if decision == "edit" else ""))
        team.gateway(f"/v1/review/drafts/{draft['id']}", body)
    for item, draft in zip(items, drafts):
        told = team.gateway(f"/v1/drafts/{draft}?wait=30")
        given = told["completion"]["choices"][0]["message"]["content"] if told["completion"] else "no answer"
        print(f"  the user is told ({told['status']}): {given}")


def write_worse(team, view):
    """The served version with another instruction, no adapter and no passages, as a file."""
    report = team.asks("report") or {}
    versions = {}
    for _, version in report.get("versions", []):
        versions[json.dumps(version, sort_keys=True)] = version
    version = next(iter(versions.values()), None)
    if version is None:
        raise Gone("the report of the run names no version")
    version["prompt"]["system"] = WORSE
    for part in ("adapter", "retrieval", "tools"):
        version.pop(part, None)
    version["prompt"]["user"] = "{{input}}"
    path = team.state / "worse.json"
    path.write_text(json.dumps(version), encoding="utf-8")
    return path


def ask(team, question):
    return team.gateway("/v1/chat/completions", {"messages": [{"role": "user", "content": question}], "user": "a user"})


def drafted(team, question):
    """The id of the draft; nothing while the gateway still answers at once."""
    reply = ask(team, question)
    return reply["id"] if reply["object"] == "draft" else None


def ready(team):
    try:
        return team.gateway("/readyz")
    except OSError:
        return None
    except ValueError:
        return True


def subject(team):
    return (team.asks("rollout") or {}).get("subject") or {}


def stands(team, version, stage):
    now = subject(team)
    return version in now.get("version", "") and now.get("rung", {}).get("stage") == stage


def acted(team, act):
    decisions = (team.asks("rollout") or {}).get("decisions", [])
    return any(decision["act"] == act for decision in decisions)


def serves(team, version):
    return version in json.dumps(ask(team, "Is there parking for employees?").get("empiric", {}))


def wait(what, there):
    """The first thing that is true of what is asked for."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = there()
        if found:
            return found
        time.sleep(POLL)
    raise Gone(f"waited {PATIENCE} s for {what}")


def say(text):
    print(f"\n== {text}", flush=True)


if __name__ == "__main__":
    main()
