use tollgate::prelude::*;

#[choice(text)]
pub enum Level {
    Low,
    Of(i32),
    #[serde(alias = "up")]
    High,
    #[serde(rename = "Low")]
    Lowest,
    #[serde(rename = "a,b")]
    Both,
}

#[choice]
pub struct NoEnum;

#[choice]
pub enum Nothing {}

fn main() {}
