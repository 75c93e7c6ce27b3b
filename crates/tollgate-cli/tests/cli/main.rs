//! `tollgate`, as those who type it know it.

#[cfg(test)]
mod deploy;
#[cfg(test)]
mod dev;
#[cfg(test)]
mod generate;
#[cfg(test)]
mod made;
#[cfg(test)]
mod new;
#[cfg(test)]
mod process;
#[cfg(test)]
mod shell;
#[cfg(test)]
mod tutorial;
