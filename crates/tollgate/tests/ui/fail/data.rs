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

#[input(row)]
pub struct Misread {
    pub year: i32,
}

#[settings(group = "posters")]
pub struct Posters {
    pub url: String,
}

#[input]
#[garde(custom(whole))]
pub struct Whole {
    #[validate(length(max = 3))]
    pub words: String,
}

#[input]
pub enum Pay {
    #[garde(length(max = 3))]
    Card(String),
}

#[input]
pub struct Paging {
    pub page: i32,
}

#[input]
pub struct Films {
    pub year: i32,
    #[serde(flatten)]
    pub paging: Paging,
}

fn main() {}
