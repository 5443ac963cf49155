//! The kernel's books on memory: what it killed for want of it, and what it still has to give.

use std::fs;
use std::path::{Path, PathBuf};

use super::exit::MemoryKill;

/// The counter as it stood.
#[derive(Debug, Clone, Copy)]
pub(super) struct MemoryKills(Option<u64>);

impl MemoryKills {
    /// Reads the counter now. Jobs run in their worker's control group.
    pub(super) fn now() -> Self {
        Self(counter_file().and_then(|path| fs::read_to_string(path).ok()).and_then(|text| count(&text)))
    }

    /// Whether the counter went up since.
    pub(super) fn since(self) -> MemoryKill {
        match (self.0, Self::now().0) {
            (Some(before), Some(after)) if after > before => MemoryKill::Seen,
            _ => MemoryKill::Unseen,
        }
    }
}

fn counter_file() -> Option<PathBuf> {
    file_of(&fs::read_to_string("/proc/self/cgroup").ok()?)
}

/// Version 1 has a line for its memory controller, version 2 has one line with an empty one.
fn file_of(groups: &str) -> Option<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let mut found = None;
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?.trim_start_matches('/'));
        if controllers.split(',').any(|name| name == "memory") {
            return Some(root.join("memory").join(path).join("memory.oom_control"));
        }
        if controllers.is_empty() {
            found = Some(root.join(path).join("memory.events"));
        }
    }
    found
}

fn count(text: &str) -> Option<u64> {
    field(text, "oom_kill")
}

/// Where it is written how much memory new work may still take.
#[derive(Debug, Clone)]
pub(super) struct MemoryGauge {
    /// `/proc/meminfo`
    machine: PathBuf,
    /// The folder of our control group, if it has one.
    group: Option<PathBuf>,
}

/// File names of a control group's limit and usage, and the field of `memory.stat` with cached pages that the
/// kernel gives back when they are wanted: version 2, version 1.
const GROUP_FILES: [(&str, &str, &str); 2] = [
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
];

impl MemoryGauge {
    /// That of this machine and of our control group.
    pub(super) fn of_system() -> Self {
        let group = counter_file().and_then(|file| file.parent().map(Path::to_owned));
        Self { machine: "/proc/meminfo".into(), group }
    }

    #[cfg(test)]
    pub(super) fn of_file(machine: &Path) -> Self {
        Self { machine: machine.to_owned(), group: None }
    }

    /// Bytes that new work may take before something is killed; `None` where nobody says.
    pub(super) fn available(&self) -> Option<u64> {
        let machine = fs::read_to_string(&self.machine).ok().and_then(|text| available_of(&text));
        let group = self.group.as_deref().and_then(headroom);
        machine.into_iter().chain(group).min()
    }
}

/// `MemAvailable` of proc_meminfo(5), in bytes.
fn available_of(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// What a control group's limit leaves; `None` without a limit.
fn headroom(group: &Path) -> Option<u64> {
    let read = |name: &str| fs::read_to_string(group.join(name)).ok();
    GROUP_FILES.iter().find_map(|(limit, usage, cached)| {
        let limit: u64 = read(limit)?.trim().parse().ok()?;
        let usage: u64 = read(usage)?.trim().parse().ok()?;
        let cached = field(&read("memory.stat").unwrap_or_default(), cached).unwrap_or(0);
        Some(limit.saturating_sub(usage.saturating_sub(cached)))
    })
}

/// The number behind a name at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_of_control_groups_are_found() {
        let second = file_of("0::/user.slice/run.scope\n").unwrap();
        assert_eq!(second, Path::new("/sys/fs/cgroup/user.slice/run.scope/memory.events"));
        let first = file_of("3:cpu,cpuacct:/a\n2:memory:/b\n").unwrap();
        assert_eq!(first, Path::new("/sys/fs/cgroup/memory/b/memory.oom_control"));
        assert_eq!(file_of(""), None);
    }

    #[test]
    fn the_counter_is_read_from_either_file() {
        assert_eq!(count("low 0\nhigh 0\nmax 7\noom 2\noom_kill 2\noom_group_kill 0\n"), Some(2));
        assert_eq!(count("oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"), Some(5));
        assert_eq!(count("under_oom 0\n"), None);
    }

    #[test]
    fn what_is_available_is_the_lesser_of_machine_and_control_group() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("meminfo", "MemTotal:  9000 kB\nMemAvailable:    4000 kB\n");
        let alone = MemoryGauge::of_file(&folder.path().join("meminfo"));
        let both = MemoryGauge { group: Some(folder.path().to_owned()), ..alone.clone() };
        assert_eq!((alone.available(), both.available()), (Some(4_096_000), Some(4_096_000)));
        write("memory.max", "max\n");
        assert_eq!(both.available(), Some(4_096_000), "a group without a limit");
        write("memory.max", "1000000\n");
        write("memory.current", "900000\n");
        assert_eq!(both.available(), Some(100_000));
        write("memory.stat", "anon 5\ninactive_file 300000\n");
        assert_eq!(both.available(), Some(400_000), "cached pages can be given back");
    }

    #[test]
    fn a_control_group_of_the_first_version_and_a_machine_that_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let group = Some(folder.path().to_owned());
        let gauge = MemoryGauge { group, ..MemoryGauge::of_file(&folder.path().join("none")) };
        assert_eq!(gauge.available(), None);
        fs::write(folder.path().join("memory.limit_in_bytes"), "500\n").unwrap();
        fs::write(folder.path().join("memory.usage_in_bytes"), "600\n").unwrap();
        assert_eq!(gauge.available(), Some(0), "usage may stand above a limit that was lowered");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_has_memory_to_give() {
        assert!(MemoryGauge::of_system().available().is_some_and(|bytes| bytes > 1 << 20));
    }
}
