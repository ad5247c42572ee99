//! What the kernel knows about a process.

use std::time::Duration;

use crate::report::Failure;

/// The kernel counts for readers in hundredths of a second, whatever its own clock does.
const TICK: Duration = Duration::from_millis(10);

/// The resident memory of a process, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Memory {
    pub(crate) now: u64,
    /// The most that it ever was.
    pub(crate) peak: u64,
}

/// Returns the time that the process was on a processor, in itself and in the kernel.
///
/// # Errors
///
/// Returns a failure when there is no such process.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration, Failure> {
    let text = read(pid, "stat")?;
    parse_stat(&text).ok_or_else(|| Failure::new(format!("/proc/{pid}/stat is not understood: {text}")))
}

/// Returns how much memory the process has.
///
/// # Errors
///
/// Returns a failure when there is no such process.
pub(crate) fn memory(pid: u32) -> Result<Memory, Failure> {
    let text = read(pid, "status")?;
    parse_status(&text).ok_or_else(|| Failure::new(format!("/proc/{pid}/status has no VmRSS")))
}

/// Returns how much memory the process has once it has given back what it no longer uses: when two looks in a row, a
/// second apart, show the same within a hundredth, or after ten of them.
///
/// # Errors
///
/// Returns a failure when there is no such process.
#[expect(
    clippy::disallowed_methods,
    reason = "waits for an allocator, which tells nobody when it is done"
)]
pub(crate) fn settled_memory(pid: u32) -> Result<Memory, Failure> {
    let mut last = memory(pid)?;
    for _ in 0..10 {
        std::thread::sleep(Duration::from_secs(1));
        let now = memory(pid)?;
        let is_same = now.now.abs_diff(last.now) <= last.now / 100;
        last = now;
        if is_same {
            break;
        }
    }
    Ok(last)
}

fn read(pid: u32, file: &str) -> Result<String, Failure> {
    let path = format!("/proc/{pid}/{file}");
    std::fs::read_to_string(&path).map_err(|error| Failure::new(format!("{path} cannot be read: {error}")))
}

/// The name of the program stands in parentheses, and may hold both blanks and parentheses.
fn parse_stat(text: &str) -> Option<Duration> {
    const UTIME: usize = 11;
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(UTIME);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * user.checked_add(system)?)
}

fn parse_status(text: &str) -> Option<Memory> {
    let field = |name: &str| -> Option<u64> {
        let value = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kilobytes * 1024)
    };
    Some(Memory {
        now: field("VmRSS:")?,
        peak: field("VmHWM:")?,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Memory, cpu_time, memory, parse_stat, parse_status};

    #[test]
    fn the_times_are_found_behind_any_name() {
        let stat = "4242 (a (b) c) S 1 4242 4242 0 -1 4194560 900 0 0 0 150 75 3 4 20 0 3 0 123456 1000 250 18446744";
        assert_eq!(parse_stat(stat), Some(Duration::from_millis(2_250)));
        assert_eq!(parse_stat("4242 (short) S 1"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn the_memory_is_found() {
        let status = "Name:\tx\nVmPeak:\t  900 kB\nVmHWM:\t   20 kB\nVmRSS:\t      10 kB\nThreads:\t3\n";
        assert_eq!(
            parse_status(status),
            Some(Memory {
                now: 10_240,
                peak: 20_480
            })
        );
        assert_eq!(parse_status("Name:\tkthreadd\n"), None);
    }

    #[test]
    fn this_process_is_known() {
        let own = memory(std::process::id()).unwrap();
        assert!(own.now > 0 && own.peak >= own.now, "{own:?}");
        assert!(cpu_time(std::process::id()).is_ok());
        assert!(memory(u32::MAX).is_err());
    }
}
