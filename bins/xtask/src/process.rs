//! Child processes: started with a clean environment, waited for with a limit.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::report::{Failure, Stopwatch, say};

const POLL: Duration = Duration::from_millis(10);

/// Removes what `cargo run` told this process about xtask's own package.
///
/// Build scripts that watch these variables (ring's does) would otherwise run again, and their crates be built
/// again, each time a developer changes between `cargo xtask test` and plain `cargo test`.
pub(crate) fn forget_own_package(command: &mut Command) {
    const OWN: [&str; 5] = [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_BIN_",
        "CARGO_CRATE_",
        "CARGO_PRIMARY_",
    ];
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| OWN.iter().any(|own| name.starts_with(own)))
        {
            command.env_remove(name);
        }
    }
}

/// Says the command, runs it with this process's outputs, and waits for it.
///
/// # Errors
///
/// Returns a failure when it cannot start or does not succeed.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let mut child = start(command)?;
    let status = child.wait().map_err(|error| lost(command, &error))?;
    judge(command, status)
}

/// Like [`run`], and kills the process when it takes longer than `limit`.
///
/// # Errors
///
/// Returns a failure when it cannot start, does not succeed, or had to be killed.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> Result<(), Failure> {
    let mut child = start(command)?;
    let watch = Stopwatch::start();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return judge(command, status),
            Ok(None) if watch.read() < limit => pause(),
            Ok(None) => {
                stop(&mut child);
                return Err(Failure::new(format!("`{}` took longer than {limit:?}", line(command))));
            }
            Err(error) => {
                stop(&mut child);
                return Err(lost(command, &error));
            }
        }
    }
}

/// Runs the command and returns its standard output as text; its standard error is this process's.
///
/// # Errors
///
/// Returns a failure when it cannot start, does not succeed, or prints what is not text.
pub(crate) fn capture(command: &mut Command) -> Result<String, Failure> {
    command.stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().map_err(|error| lost(command, &error))?;
    judge(command, output.status)?;
    String::from_utf8(output.stdout)
        .map_err(|error| Failure::new(format!("`{}` printed no text: {error}", line(command))))
}

/// Kills the process and waits until it is gone.
pub(crate) fn stop(child: &mut Child) {
    child.kill().ok();
    child.wait().ok();
}

/// Waits a moment between two looks at something outside this process.
pub(crate) fn pause() {
    pause_for(POLL);
}

/// Waits while something outside this process goes on.
#[expect(
    clippy::disallowed_methods,
    reason = "processes and ports outside are polled under a deadline, and loads last as long as they are told to"
)]
pub(crate) fn pause_for(time: Duration) {
    std::thread::sleep(time);
}

fn start(command: &mut Command) -> Result<Child, Failure> {
    say(&format!("$ {}", line(command)));
    command
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| lost(command, &error))
}

fn judge(command: &Command, status: ExitStatus) -> Result<(), Failure> {
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("`{}` ended with {status}", line(command))))
    }
}

fn lost(command: &Command, error: &std::io::Error) -> Failure {
    Failure::new(format!("`{}` cannot run: {error}", line(command)))
}

/// Returns the command as one would type it: only the file name of the program.
fn line(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut words = vec![program.file_name().unwrap_or(command.get_program()).to_string_lossy()];
    words.extend(command.get_args().map(std::ffi::OsStr::to_string_lossy));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::{capture, forget_own_package, run, run_within};

    #[test]
    fn a_failing_program_is_a_failure() {
        let failure = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert_eq!(failure.to_string(), "`sh -c exit 3` ended with exit status: 3");
    }

    #[test]
    fn a_missing_program_is_a_failure() {
        let failure = run(&mut Command::new("/nowhere/no-such-program")).unwrap_err();
        assert!(
            failure.to_string().starts_with("`no-such-program` cannot run: "),
            "{failure}"
        );
    }

    #[test]
    fn a_program_that_hangs_is_killed() {
        let limit = Duration::from_millis(50);
        let failure = run_within(Command::new("sleep").arg("600"), limit).unwrap_err();
        assert_eq!(failure.to_string(), "`sleep 600` took longer than 50ms");
        assert_eq!(run_within(&mut Command::new("true"), Duration::from_secs(60)), Ok(()));
    }

    #[test]
    fn children_do_not_see_this_package() {
        let mut command = Command::new("sh");
        command.args(["-c", "printf '%s' \"${CARGO_PKG_NAME-unset}\""]);
        forget_own_package(&mut command);
        assert_eq!(capture(&mut command).unwrap(), "unset");
    }
}
