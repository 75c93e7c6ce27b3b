//! `cargo xtask faults [ID]... [--short] [--without PART]...`

use faults::{FAULTS, Fault, Form, Stage, keep};
use std::{env, error::Error, process::ExitCode};

/// What the command line asks for.
struct Asked {
    faults: Vec<&'static Fault>,
    form: Form,
}

/// Faults by their names, or all; what is left out is told.
fn read(arguments: impl IntoIterator<Item = String>) -> Result<Asked, String> {
    let (mut names, mut form, mut without) = (vec![], Form::Long, vec![]);
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--short" => form = Form::Short,
            "--without" => without.push(arguments.next().ok_or("--without which part?")?),
            _ => names.push(argument),
        }
    }
    if let Some(name) = names.iter().find(|name| !FAULTS.iter().any(|fault| fault.is(name))) {
        let known: Vec<_> = FAULTS.iter().map(|fault| fault.id).collect();
        return Err(format!("there is no fault {name:?}; there is: {}", known.join(", ")));
    }
    let is_asked = |fault: &&Fault| names.is_empty() || names.iter().any(|name| fault.is(name));
    let is_left_out = |part: &str| without.iter().any(|out| out == part);
    let is_out = |fault: &&Fault| fault.needs.is_some_and(|parts| parts.split(' ').any(is_left_out));
    let (out, faults): (Vec<_>, Vec<_>) = FAULTS.iter().filter(is_asked).partition(is_out);
    for fault in out {
        println!("{:<20} left out: {}", fault.id, fault.needs.unwrap_or_default());
    }
    Ok(Asked { faults, form })
}

async fn run() -> Result<bool, Box<dyn Error + Send + Sync>> {
    let Asked { faults, form } = read(env::args().skip(1))?;
    let stage = Stage { binary: env::current_exe()?.with_file_name("lorem-ipsum"), form };
    let mut all_passed = true;
    for fault in faults {
        println!("{:<20} {}", fault.id, fault.title);
        let finding = fault.run(&stage).await;
        let verdict = if finding.passed() { "passed" } else { "FAILED" };
        let (acks, lost, doubled) = (finding.acks, finding.lost, finding.doubled);
        println!("{verdict:>20} {acks} acknowledged, {lost} lost, {doubled} doubled; {}", finding.words());
        all_passed &= finding.passed();
        if form == Form::Long {
            keep(fault, &finding)?;
        }
    }
    Ok(all_passed)
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
