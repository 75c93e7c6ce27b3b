use tollgate::prelude::*;

#[output]
pub struct Weather {
    pub degrees: f64,
}

async fn read(may: May<Read, Weather>) -> NoContent {
    let _ = may;
    NoContent
}

fn main() {
    let _ = Service::new("weather").get("/weather", read).crud::<Weather>("/weather");
}
