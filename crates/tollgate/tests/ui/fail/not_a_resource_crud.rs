use tollgate::prelude::*;

#[output]
pub struct Weather {
    pub degrees: f64,
}

fn main() {
    let _ = Service::new("weather").crud::<Weather>("/weather");
}
