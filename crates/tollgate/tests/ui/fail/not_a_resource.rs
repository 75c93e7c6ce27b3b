use tollgate::prelude::*;

#[output]
pub struct Weather {
    pub degrees: f64,
}

async fn read(may: May<Read, Weather>) -> NoContent {
    let _ = may;
    NoContent
}

fn main() {}
