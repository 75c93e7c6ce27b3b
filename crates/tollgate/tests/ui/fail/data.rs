use tollgate::prelude::*;

#[input]
pub struct Generic<T> {
    pub one: T,
}

#[output]
pub fn neither() {}

#[input]
pub struct Wanted {
    #[garde(range(least = 1))]
    pub year: i32,
}

fn main() {}
