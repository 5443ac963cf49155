//! Evidence that the kernel killed for want of memory: the counter of our control group.

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
    text.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
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
}
