//! `cargo xtask infra`: does what puts an app into the cloud still do it?
//!
//! A [`Check`] per world of tools. What takes seconds is its quick part, which `cargo xtask test` runs as well; the rest
//! takes minutes.

mod container;
mod deploy;
mod guides;
mod kubernetes;
mod made;
mod terraform;

use crate::{
    Result,
    parts::{self, Part},
    steps::Steps,
};

/// What is checked with tools of one kind.
#[derive(Debug)]
struct Check {
    /// As in `cargo xtask infra NAME`.
    name: &'static str,
    /// What it takes, as in `--without PART`; each part leaves out the steps that need it.
    parts: &'static [&'static str],
    quick: fn(&mut Steps, &LeftOut),
    /// What is not quick.
    slow: fn(&mut Steps, &LeftOut),
}

const CHECKS: &[Check] = &[container::CHECK, kubernetes::CHECK, terraform::CHECK, deploy::CHECK, guides::CHECK];

/// The names of parts that are left out.
pub(crate) struct LeftOut<'a>(pub(crate) &'a [&'a Part]);

impl LeftOut<'_> {
    fn has(&self, part: &str) -> bool {
        self.0.iter().any(|out| out.name == part)
    }
}

/// Runs the checks of these names, or all.
pub(crate) fn run(arguments: &[&str]) -> Result {
    let (names, options) = arguments.split_at(arguments.iter().take_while(|word| !word.starts_with('-')).count());
    let checks = named(names)?;
    let parts: Vec<_> = checks.iter().flat_map(|check| check.parts).copied().collect();
    let left_out = parts::left_out(options)?;
    parts::prepare_only(&parts, &left_out)?;
    let (mut steps, left_out) = (Steps::default(), LeftOut(&left_out));
    for check in checks {
        (check.quick)(&mut steps, &left_out);
        (check.slow)(&mut steps, &left_out);
    }
    steps.finish()
}

/// The quick part of all of them; what they take is there.
pub(crate) fn quick(steps: &mut Steps, left_out: &LeftOut) {
    for check in CHECKS {
        (check.quick)(steps, left_out);
    }
}

fn named(names: &[&str]) -> Result<Vec<&'static Check>> {
    let known = || CHECKS.iter().map(|check| check.name).collect::<Vec<_>>().join(", ");
    let find = |name: &&str| {
        let check = CHECKS.iter().find(|check| check.name == *name);
        check.ok_or_else(|| format!("there is no check {name:?}; there is: {}", known()).into())
    };
    if names.is_empty() { Ok(CHECKS.iter().collect()) } else { names.iter().map(find).collect() }
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn checks_are_run_by_name_or_all_of_them() {
        assert_eq!(named(&["terraform"]).unwrap()[0].name, "terraform");
        assert!(!named(&[]).unwrap().is_empty());
        let refused = named(&["terrafrom"]).unwrap_err().to_string();
        assert!(refused.starts_with("there is no check \"terrafrom\"; there is: container, "), "{refused}");
    }
}
