//! Lorem Ipsum, as its callers know it.

#[cfg(test)]
mod movies;
#[cfg(test)]
mod walk;
