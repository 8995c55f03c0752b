//! Keeps what is in memory from reaching the disk by a crash: keys pass through it.

use std::io;

/// Switches core dumps off for this process, for good. On Linux other processes of the same user can no longer look into it either.
///
/// # Errors
/// When the system refuses.
#[cfg(unix)]
pub(crate) fn leave_no_dumps() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // A core pattern that is a program is called whatever the limit says.
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Nothing to do: without a debugger nothing is written.
///
/// # Errors
/// None here; as on Unix.
#[cfg(not(unix))]
pub(crate) fn leave_no_dumps() -> io::Result<()> {
    Ok(())
}
