//! Small disks of a test's own, and what the system says of a process. Linux only.

use std::path::Path;
use std::process::Command;

/// A file system in memory of its own size. Unmounted when dropped.
pub struct Disk(tempfile::TempDir);

impl Disk {
    /// `None` where the machine does not permit it: only the superuser may mount.
    pub fn of(size: &str) -> Option<Disk> {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk(folder);
        let mounted = disk.mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]);
        if !mounted {
            eprintln!("skipped: this machine does not let the test mount a disk of its own");
        }
        mounted.then_some(disk)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Changes what it was mounted with, such as `size=16m` or `ro`.
    pub fn remount(&self, options: &str) {
        assert!(self.mount(&["-o", &format!("remount,{options}")]), "remounting with {options}");
    }

    fn mount(&self, arguments: &[&str]) -> bool {
        let mut command = Command::new("mount");
        command.args(arguments).arg(self.path()).stderr(std::process::Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: whoever still has a file of it open keeps it until then.
        let _ =
            Command::new("umount").arg("-l").arg(self.path()).stderr(std::process::Stdio::null()).status();
    }
}

/// Processor time that a process has taken so far, in hundredths of a second.
pub fn processor_time(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name, in parentheses, may contain anything; after it the 12th and 13th words are user and system time.
    let words: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    words[11].parse::<u64>().unwrap() + words[12].parse::<u64>().unwrap()
}
