//! Steps, one after the other: each is named, shown and timed; with `--dry-run`, it is only printed.

use super::interrupt;
use crate::{Failure, Result, say, tools};
use std::{
    io::Write,
    process::{Command, Stdio},
    time::Instant,
};

/// Runs steps and remembers which are done.
pub(super) struct Runner {
    is_dry: bool,
    /// What the person typed, for going on.
    again: String,
    done: Vec<String>,
}

impl Runner {
    pub(super) fn new(is_dry: bool, again: String) -> Self {
        Self { is_dry, again, done: vec![] }
    }

    /// Going on takes this as well.
    pub(super) fn goes_on_with(&mut self, flag: &str, value: &str) {
        self.again = format!("{} {flag} {}", self.again, quoted(value));
    }

    /// The command that goes on.
    pub(super) fn again(&self) -> &str {
        &self.again
    }

    pub(super) fn is_dry(&self) -> bool {
        self.is_dry
    }

    /// A step whose output is for the person at the terminal.
    ///
    /// # Errors
    /// It failed: what it was, what was done before, and how to go on.
    pub(super) fn step(&mut self, what: &str, command: &mut Command) -> Result {
        self.doing(what, &shown(command), || tools::run(command))
    }

    /// A step that takes `input` from its standard input, and so from nowhere where it could be seen.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub(super) fn fed(
        &mut self,
        what: &str,
        from: &str,
        command: &mut Command,
        input: impl FnOnce() -> Result<String>,
    ) -> Result {
        let line = format!("{from} | {}", shown(command));
        self.doing(what, &line, || feed(command, &input()?))
    }

    /// What a program says, for a later step; `placeholder` where nothing is run.
    ///
    /// # Errors
    /// It failed.
    pub(super) fn read(&mut self, command: &mut Command, placeholder: &str) -> Result<String> {
        if self.is_dry {
            say::result(format_args!("{}=$({})", placeholder.trim_start_matches('$'), shown(command)));
            return Ok(placeholder.to_owned());
        }
        tools::stdout(command).map_err(|why| self.failed(&shown(command), &why))
    }

    /// A step that is no command alone; `line` is what stands for it where nothing is run.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub(super) fn doing(&mut self, what: &str, line: &str, work: impl FnOnce() -> Result) -> Result {
        if self.is_dry {
            say::result(line);
            return Ok(());
        }
        say::step(&format!("{what}  "));
        say::quietly(line);
        let begin = Instant::now();
        let ended = work();
        let ended = if interrupt::was_heard() { Err("interrupted".into()) } else { ended };
        ended.map_err(|why| self.failed(what, &why))?;
        say::done(&format!("{what} ({})", say::seconds(begin.elapsed())));
        self.done.push(what.to_owned());
        Ok(())
    }

    fn failed(&self, what: &str, why: &Failure) -> Failure {
        let done = if self.done.is_empty() { "nothing".to_owned() } else { self.done.join(", ") };
        Failure(format!("{what}: {}\n  done so far: {done}\n  mend it, and go on with: {}", why.0, self.again))
    }
}

/// The command as one would type it.
pub(super) fn shown(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%$".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn feed(command: &mut Command, input: &str) -> Result {
    let program = command.get_program().to_string_lossy().into_owned();
    let child = command.stdin(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| format!("{program} cannot be run: {error}"))?;
    let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(input.as_bytes()));
    let status = child.wait()?;
    // Who ends before it has read all says why itself.
    if status.success() { Ok(written?) } else { Err(format!("{program} failed: {status}").into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_says_what_was_done_and_how_to_go_on() {
        let mut runner = Runner::new(false, "tollgate deploy apply --target ecs --env prod".into());
        runner.step("first", &mut Command::new("true")).unwrap();
        let said = runner.step("second", &mut Command::new("false")).unwrap_err().0;
        assert!(said.starts_with("second: false failed: exit status: 1\n  done so far: first\n"), "{said}");
        assert!(said.contains("tollgate deploy apply --target ecs --env prod"), "{said}");
    }

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("terraform");
        command.args(["-chdir=infra", "apply", "-var", "image=a b's"]);
        assert_eq!(shown(&command), r"terraform -chdir=infra apply -var 'image=a b'\''s'");
    }
}
