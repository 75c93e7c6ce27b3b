//! Steps of a command: one line each with the time taken, and the whole output of those that failed.
//!
//! A failing step does not keep the next ones from running: whoever reads the report wants all of it.

use std::{
    env,
    io::{self, Read, Write},
    process::{Child, Command, Stdio},
    time::Instant,
};

use crate::Result;

/// Runs steps and remembers which failed.
#[derive(Default)]
pub(crate) struct Steps {
    failed: Vec<&'static str>,
}

impl Steps {
    /// Does `work`; what it returns stands on the step's line, what it fails with below.
    pub(crate) fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<String>) {
        print!("{name:<28}");
        // A line without its end would otherwise show only when the step is over.
        io::stdout().flush().ok();
        let start = Instant::now();
        let outcome = work();
        let seconds = start.elapsed().as_secs_f64();
        match outcome {
            Ok(note) => println!("{}", format!("{seconds:>7.1} s  {note}").trim_end()),
            Err(failure) => {
                println!("{seconds:>7.1} s  FAILED\n{}\n", failure.to_string().trim_end());
                self.failed.push(name);
            }
        }
    }

    /// A step that is one program; its output is shown only if it fails.
    pub(crate) fn program(&mut self, name: &'static str, command: &mut Command) {
        self.step(name, || output(command).map(|_| String::new()));
    }

    /// Fails if a step did.
    pub(crate) fn finish(self) -> Result {
        if self.failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", self.failed.join(", ")).into()) }
    }
}

/// The cargo that runs us, not another one on the `PATH`.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

/// Runs a program to its end; what it wrote to both streams, in order, is the value or the error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let (mut reader, writer) = io::pipe()?;
    let mut child = spawn(command.stdout(writer.try_clone()?).stderr(writer))?;
    // The command would keep the pipe open, and reading it would never end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut text = Vec::new();
    reader.read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    if child.wait()?.success() { Ok(text) } else { Err(text.into()) }
}

/// Runs a program for what it writes to its standard output; messages and warnings are not mixed in.
pub(crate) fn stdout(command: &mut Command) -> Result<String> {
    let output = spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?.wait_with_output()?;
    if output.status.success() {
        Ok(String::from_utf8(output.stdout)?)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into())
    }
}

/// Shows what a program writes as it writes it.
pub(crate) fn stream(command: &mut Command) -> Result {
    if command.status()?.success() { Ok(()) } else { Err("FAILED".into()) }
}

fn spawn(command: &mut Command) -> Result<Child> {
    let child = command.stdin(Stdio::null()).spawn();
    child.map_err(|error| format!("cannot run {}: {error}", command.get_program().display()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_step_fails_the_command_after_the_others_ran() {
        let mut steps = Steps::default();
        let mut ran = false;
        steps.step("first", || Err("broken".into()));
        steps.step("second", || {
            ran = true;
            Ok(String::new())
        });
        assert!(ran);
        assert_eq!(steps.finish().unwrap_err().to_string(), "failed: first");
    }

    #[test]
    fn a_failing_program_is_reported_with_all_it_wrote() {
        let failure = output(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"])).unwrap_err();
        assert_eq!(failure.to_string(), "out\nerr\n");
        let failure = output(&mut Command::new("tollgate-no-such-program")).unwrap_err().to_string();
        assert!(failure.starts_with("cannot run tollgate-no-such-program: "), "{failure}");
    }

    #[test]
    fn messages_do_not_mix_with_what_is_read() {
        let text = stdout(Command::new("sh").args(["-c", "echo value; echo warning >&2"])).unwrap();
        assert_eq!(text, "value\n");
    }
}
