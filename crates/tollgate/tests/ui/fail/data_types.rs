//! Rules and types that have nothing to do with each other.
use tollgate::prelude::*;

#[input]
pub struct Wanted {
    pub from: std::net::IpAddr,
    #[garde(length(max = 3))]
    pub year: i32,
    #[garde(range(max = 3))]
    pub title: String,
    #[garde(inner(length(max = 3)))]
    pub name: String,
}

fn main() {}
