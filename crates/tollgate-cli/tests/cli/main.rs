//! `tollgate`, as those who type it know it.

#[cfg(test)]
mod deploy;
#[cfg(test)]
mod dev;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod generate;
#[cfg(test)]
mod made;
#[cfg(test)]
mod new;
#[cfg(test)]
mod process;
// It needs nothing but std.
#[cfg(test)]
#[path = "../../../tollgate-testing/src/servers/mod.rs"]
#[expect(dead_code, unused_imports, reason = "of all servers, three are needed here")]
mod servers;
#[cfg(test)]
mod shell;
#[cfg(test)]
mod tutorial;
