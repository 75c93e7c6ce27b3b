use tollgate::prelude::*;

#[resource(plural = "drafts", policy)]
pub struct Draft {
    #[id]
    pub name: String,
}

fn main() {}
