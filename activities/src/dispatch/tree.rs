//! Everything that a job started, and ending it.
//!
//! A process belongs to a job if it is in the job's process group, carries the job's token in its
//! environment, or descends from one that does. The token survives what the group does not: a second
//! fork, a new session, the death of the parent. Where there is no `/proc`, the group alone counts.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::adapters::durable::blocking;

/// Variable that carries the token of an attempt into everything that the job starts.
pub(super) const TOKEN_VARIABLE: &str = "EMPIRIC_JOB_TOKEN";
/// How often a dying tree is looked at.
const LOOK: Duration = Duration::from_millis(25);
/// How long a killed tree may take to vanish: only a process in the kernel takes longer.
const KILL_PATIENCE: Duration = Duration::from_secs(5);

/// A process beyond doubt: numbers are used again, start times within one are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct ProcessId {
    pub(super) pid: i32,
    /// Clock ticks from boot to the start, as in `/proc/PID/stat`; 0 where there is no `/proc`.
    pub(super) start: u64,
}

impl ProcessId {
    /// The process that has this number now.
    pub(super) fn of(pid: u32) -> Self {
        let pid = i32::try_from(pid).unwrap_or_default();
        Self { pid, start: stat(pid).map_or(0, |stat| stat.start) }
    }

    pub(super) fn current() -> Self {
        Self::of(std::process::id())
    }

    /// Whether the process is there and no zombie.
    pub(super) fn is_alive(self) -> bool {
        match stat(self.pid) {
            Some(stat) => stat.start == self.start && !stat.is_dead(),
            None => self.start == 0 && kill(Pid::from_raw(self.pid), None).is_ok(),
        }
    }
}

/// What an attempt started.
#[derive(Debug, Clone)]
pub(super) struct Family {
    /// The program itself, which leads its process group; `None` if its number was not recorded.
    pub(super) leader: Option<ProcessId>,
    /// The attempt's token.
    pub(super) token: String,
}

impl Family {
    /// Asks all members to end, waits for `grace`, then kills what is left.
    pub(super) async fn end(&self, grace: Duration) -> io::Result<()> {
        if self.signal_until_gone(Signal::SIGTERM, grace).await? {
            return Ok(());
        }
        if !self.signal_until_gone(Signal::SIGKILL, KILL_PATIENCE).await? {
            tracing::warn!(leader = ?self.leader, "processes of a job did not end although they were killed");
        }
        Ok(())
    }

    /// Signals each member once, also those that appear meanwhile. Gives whether all are gone.
    async fn signal_until_gone(&self, signal: Signal, patience: Duration) -> io::Result<bool> {
        let deadline = Instant::now() + patience;
        let mut told = BTreeSet::new();
        loop {
            let members = self.living().await?;
            if members.is_empty() {
                return Ok(true);
            }
            if told.is_empty() {
                self.signal_group(signal);
            }
            for member in members {
                if told.insert(member) && member.is_alive() {
                    send(signal, member);
                }
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Reaches members of the group that were started since the list was made.
    fn signal_group(&self, signal: Signal) {
        if let Some(leader) = self.leader.filter(|leader| self.owns_group(*leader)) {
            // An empty group is what is wanted, and members are signalled one by one as well.
            let _ = killpg(Pid::from_raw(leader.pid), signal);
        }
    }

    async fn living(&self) -> io::Result<BTreeSet<ProcessId>> {
        let family = self.clone();
        blocking(move || Ok(family.members())).await
    }

    /// The living members; the caller is never one.
    pub(super) fn members(&self) -> BTreeSet<ProcessId> {
        let processes: Vec<Stat> = numbers().into_iter().filter_map(stat).collect();
        let group = self.leader.filter(|leader| self.owns_group(*leader));
        let mut pids: BTreeSet<i32> = processes
            .iter()
            .filter(|process| {
                group.is_some_and(|leader| leader.pid == process.group) || self.has_token(process.pid)
            })
            .map(|process| process.pid)
            .collect();
        add_descendants(&processes, &mut pids);
        let own = Pid::this().as_raw();
        let living = processes.iter().filter(|process| pids.contains(&process.pid) && !process.is_dead());
        living
            .filter(|process| process.pid != own)
            .map(|process| ProcessId { pid: process.pid, start: process.start })
            .collect()
    }

    /// A group keeps its number from being used again, so it is ours unless a newer process has it.
    fn owns_group(&self, leader: ProcessId) -> bool {
        leader.pid > 1 && stat(leader.pid).is_none_or(|stat| stat.start == leader.start)
    }

    fn has_token(&self, pid: i32) -> bool {
        let entry = format!("{TOKEN_VARIABLE}={}", self.token);
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == entry.as_bytes())
    }
}

fn add_descendants(processes: &[Stat], pids: &mut BTreeSet<i32>) {
    loop {
        let before = pids.len();
        let children = processes.iter().filter(|process| pids.contains(&process.parent));
        let children: Vec<i32> = children.map(|process| process.pid).collect();
        pids.extend(children);
        if pids.len() == before {
            return;
        }
    }
}

fn send(signal: Signal, to: ProcessId) {
    match kill(Pid::from_raw(to.pid), signal) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => tracing::warn!(pid = to.pid, %error, "could not signal a process of a job"),
    }
}

/// The fields of `/proc/PID/stat` that matter here (proc_pid_stat(5)).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    pid: i32,
    state: char,
    parent: i32,
    group: i32,
    start: u64,
}

impl Stat {
    fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }
}

fn numbers() -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

fn stat(pid: i32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// A program's name is in parentheses and may itself have spaces and parentheses.
fn parse_stat(text: &str) -> Option<Stat> {
    let (pid, rest) = text.split_once(" (")?;
    let fields: Vec<&str> = rest.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Stat {
        pid: pid.parse().ok()?,
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        start: fields.get(19)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_program_name_does_not_shift_the_fields() {
        let text = "42 (a) R 1 (x) S 7 41 41 0 -1 4194560 1 0 0 0 2 3 0 0 20 0 1 0 987654 1 2 3";
        let expected = Stat { pid: 42, state: 'S', parent: 7, group: 41, start: 987654 };
        assert_eq!(parse_stat(text), Some(expected));
        assert_eq!(parse_stat("42 (torn"), None);
    }

    #[test]
    fn this_process_is_alive_and_its_number_with_another_start_is_not() {
        let current = ProcessId::current();
        assert!(current.is_alive());
        assert!(!ProcessId { start: current.start + 1, ..current }.is_alive());
    }

    #[test]
    fn a_family_without_members_is_empty() {
        let family = Family { leader: None, token: "no such token".into() };
        assert!(family.members().is_empty());
    }
}
